/** A gateway's organs without its sockets: real ones, with fake connections, under the operations. */
import type { Api } from '../../src/api/api.ts';
import { createApi } from '../../src/api/api.ts';
import type { OperationsContext } from '../../src/api/operations.ts';
import { Operations } from '../../src/api/operations.ts';
import { MemoryBroker } from '../../src/broker/memory.ts';
import type { ChannelName } from '../../src/channel/name.ts';
import { channelNameOf, namespaceOf } from '../../src/channel/name.ts';
import type { ClientInfo, Publication } from '../../src/channel/publication.ts';
import type { Rules } from '../../src/channel/rules.ts';
import { CLOSED_RULES, historyOf } from '../../src/channel/rules.ts';
import type { Feed } from '../../src/hub/feed.ts';
import { Hub } from '../../src/hub/hub.ts';
import type { Peer, SubscribeOrder } from '../../src/hub/roster.ts';
import { Roster } from '../../src/hub/roster.ts';
import type { Subscriber } from '../../src/hub/subscriber.ts';
import { TaskOperations } from '../../src/api/tasks.ts';
import type { Limits } from '../../src/kernel/limits.ts';
import { limits } from '../../src/kernel/limits.ts';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { Turn } from '../../src/kernel/turn.ts';
import { Wheel } from '../../src/kernel/wheel.ts';
import { MemoryPresence } from '../../src/presence/memory.ts';
import type { Close } from '../../src/protocol/close.ts';
import { MemoryLists } from '../../src/tasks/memory-lists.ts';
import { MemoryTasks } from '../../src/tasks/memory.ts';
import { ManualClock } from '../support/clock.ts';

const NAMESPACES: ReadonlyMap<string, Rules> = new Map([
  [
    'default',
    {
      ...CLOSED_RULES,
      historySize: 5,
      historyTtlMs: 60_000,
      recovery: 'stream' as const,
      presence: true,
      delta: true,
    },
  ],
  ['plain', { ...CLOSED_RULES, namespace: 'plain' }],
  [
    'checked',
    {
      ...CLOSED_RULES,
      namespace: 'checked',
      checkData: (value) => (typeof value === 'string' ? null : 'must be string'),
    },
  ],
]);

export const named = (text: string): ChannelName => channelNameOf(text, 255);

function rulesOf(channel: ChannelName): Rules | null {
  return NAMESPACES.get(namespaceOf(channel)) ?? null;
}

/** A connection that notes what is done to it. */
class FakePeer implements Peer, Subscriber {
  readonly client: string;
  readonly user: string;
  readonly encoder = {
    binary: false,
    publications: (): Uint8Array => new Uint8Array(0),
    encode: (): Uint8Array => new Uint8Array(0),
  };
  readonly delta = false;
  readonly deltaReady = false;
  readonly joinLeave = false;
  readonly closes: Close[] = [];
  readonly refreshes: (number | null)[] = [];
  readonly orders: { readonly channel: string; readonly order: SubscribeOrder }[] = [];
  readonly unsubscribes: { readonly channel: string; readonly reason: Close }[] = [];
  readonly received: Publication[] = [];
  /** What the next subscription fails with. */
  failure: Error | null = null;
  /** What the next subscription waits for. */
  gate: Promise<void> | null = null;
  readonly #feeds = new Map<ChannelName, Feed>();
  readonly #hub: Hub;
  readonly #roster: Roster;

  constructor(user: string, client: string, { hub, roster }: { hub: Hub; roster: Roster }) {
    this.user = user;
    this.client = client;
    this.#hub = hub;
    this.#roster = roster;
    roster.opened(this);
    roster.connected(this);
  }

  close(why: Close): void {
    this.closes.push(why);
    for (const feed of this.#feeds.values()) feed.leave(this);
    this.#roster.closed(this);
  }

  async subscribe(channel: ChannelName, order: SubscribeOrder): Promise<void> {
    if (this.failure !== null) throw this.failure;
    this.orders.push({ channel, order });
    await this.gate;
    const feed = await this.#hub.open(channel, (rulesOf(channel)?.historySize ?? 0) > 0);
    await feed.join(this, null, () => {});
    feed.release();
    this.#feeds.set(channel, feed);
  }

  unsubscribe(channel: ChannelName, reason: Close): boolean {
    this.unsubscribes.push({ channel, reason });
    this.#feeds.get(channel)?.leave(this);
    return this.#feeds.delete(channel);
  }

  refresh(expireAtMs: number | null): void {
    this.refreshes.push(expireAtMs);
  }

  message(): void {}

  channels(): readonly ChannelName[] {
    return [...this.#feeds.keys()];
  }

  deliver(_bytes: Uint8Array, publications: readonly Publication[]): void {
    this.received.push(...publications);
  }

  notify(): void {}

  lost(): void {}
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: Answered;
}

/** What an answer may hold; each test knows which of it. */
interface Answered {
  readonly error: { readonly code: number; readonly message: string };
  readonly result: Readonly<Record<string, unknown>>;
  readonly replies: readonly Partial<Answered>[];
}

export interface Stage {
  readonly operations: Operations;
  readonly api: Api;
  readonly broker: MemoryBroker;
  readonly presence: MemoryPresence;
  readonly hub: Hub;
  readonly roster: Roster;
  readonly turn: Turn;
  readonly lists: MemoryLists;
  readonly clock: ManualClock;
  readonly faults: { readonly where: string; readonly error: unknown }[];
  readonly connect: (user: string, client: string) => FakePeer;
  /** `body` as text is sent as it is. */
  readonly call: (name: string, body?: unknown) => Promise<Answer>;
}

export interface StageOptions {
  readonly limits?: Partial<Limits>;
  readonly hooks?: OperationsContext['hooks'];
  readonly broker?: (broker: MemoryBroker) => OperationsContext['broker'];
}

export function stage(options: StageOptions = {}): Stage {
  const clock = new ManualClock();
  const bounds = limits(options.limits);
  const faults: { where: string; error: unknown }[] = [];
  const fault = (where: string, error: unknown): void => void faults.push({ where, error });
  let epochs = 0;
  const turn = new Turn((run) => setImmediate(run));
  const broker: MemoryBroker = new MemoryBroker({
    listener: {
      published: (channel, publication, epoch) => hub.receive(channel, publication, epoch),
      noticed: (type, channel, info) => hub.notify(type, channel, info),
    },
    clock,
    wheel: new Wheel(clock),
    streamsMax: bounds.streams,
    idempotencyKeysMax: bounds.idempotencyKeys,
    newEpoch: () => `epoch${(epochs += 1)}`,
    countForgottenKey: () => {},
  });
  const history = { size: 5, ttlMs: 60_000 };
  const hub: Hub = new Hub({
    clock,
    source: {
      listen: (channel) => broker.listen(channel),
      unlisten: (channel) => broker.unlisten(channel),
      read: (channel, query) =>
        broker.read(channel, query, historyOf(rulesOf(channel) ?? CLOSED_RULES) ?? history),
    },
    turn,
    flushBytes: bounds.flushBytes,
    heldMax: bounds.historyPublications,
    count: () => {},
    failed: fault,
  });
  const presence = new MemoryPresence(() => {});
  const roster = new Roster();
  const wheel = new Wheel(clock);
  const stored = new MemoryTasks({
    clock,
    wheel,
    random: () => 0.5,
    limits: bounds,
    listener: { ended: async () => {}, progressed: () => {} },
    keepMs: 60_000,
    backoffMs: 1000,
    drainMs: 0,
    count: () => {},
    log: new ThrottledLog(silentLog, () => clock.now()),
    fault,
  });
  const lists = new MemoryLists({ clock, wheel, limits: bounds });
  const tasks = new TaskOperations({
    tasks: stored,
    lists,
    clock,
    limits: bounds,
    settings: { concurrency: 1, attempts: 3, timeoutMs: 60_000 },
    checkChannel: (channel) => operations.checkChannel(channel),
  });
  const operations: Operations = new Operations({
    tasks,
    broker: options.broker?.(broker) ?? broker,
    presence,
    hub,
    roster,
    hooks: options.hooks ?? {},
    limits: bounds,
    clock,
    node: { uid: 'node-1', name: 'here', version: '1.2.3' },
    startedAtMs: clock.now(),
    rulesOf,
    fault,
  });
  stored.start();
  const api = createApi(operations, { limits: bounds, version: '1.2.3', fault });
  return {
    operations,
    api,
    broker,
    presence,
    hub,
    roster,
    turn,
    lists,
    clock,
    faults,
    connect: (user, client) => new FakePeer(user, client, { hub, roster }),
    call: async (name, body = '') => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const answer = await api.handle(name, new TextEncoder().encode(text));
      const json: Answered = JSON.parse(answer.body);
      return { status: answer.status, text: answer.body, json };
    },
  };
}

export function infoOf(client: string, user: string): ClientInfo {
  return { client, user, connInfo: null, chanInfo: null };
}
