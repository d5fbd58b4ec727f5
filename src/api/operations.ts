/** What a backend can have the gateway do: in process as it stands here, and over HTTP by `api.ts`. */
import type { Archive } from '../archive/archive.ts';
import type { Broker } from '../broker/broker.ts';
import type { ChannelName } from '../channel/name.ts';
import { channelNameOf } from '../channel/name.ts';
import type { ClientInfo } from '../channel/publication.ts';
import type { Position } from '../channel/recovery.ts';
import type { Rules } from '../channel/rules.ts';
import { historyOf } from '../channel/rules.ts';
import type { Overrides } from '../channel/subscription-options.ts';
import type { Hooks } from '../hooks/hooks.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Data } from '../kernel/data.ts';
import { Json } from '../kernel/data.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Limits } from '../kernel/limits.ts';
import type { Presence } from '../presence/presence.ts';
import { Disconnection, UNSUBSCRIBES } from '../protocol/close.ts';
import type { ArchivedPage, ArchiveOptions } from './archive.ts';
import { pageOf } from './archive.ts';
import type { Channels, NodeInfo, Residents } from './census.ts';
import { channelsOf, nodeInfo } from './census.ts';
import type { Control, Target } from './control.ts';
import { applyControl } from './control.ts';
import type { CloseOptions } from './disconnect.ts';
import { closeOf } from './disconnect.ts';
import type { HistoryOptions, HistoryPage } from './history.ts';
import { queryOf } from './history.ts';
import { optionalPayload, payloadOf } from './payload.ts';
import type { PublicationOptions } from './publication.ts';
import { draftOf } from './publication.ts';
import type { TaskOperations } from './tasks.ts';

/** What the operations need of the gateway. */
export interface OperationsContext extends Residents {
  readonly tasks: TaskOperations;
  readonly broker: Broker;
  readonly presence: Presence;
  /** Null where there is none. */
  readonly archive?: Archive | null;
  readonly hooks: Pick<Hooks, 'rpc'>;
  readonly limits: Limits;
  readonly clock: Pick<Clock, 'now'>;
  readonly startedAtMs: number;
  /** Null where no such namespace is configured. */
  rulesOf(channel: ChannelName): Rules | null;
  /** Tells every other gateway what is done to the connections of a user; null where there is none. */
  readonly carry?: ((control: Control) => Promise<void>) | null;
  /** What all gateways carry; null where this one is alone. */
  readonly census?: {
    nodes(): Promise<readonly NodeInfo[]>;
    together(): Promise<Residents['hub']>;
  } | null;
  /** Logs whole what is our fault, where others of the same call go on. */
  fault(where: string, error: unknown): void;
}

/** What became of a broadcast in one channel. */
export type Outcome = { readonly position: Position } | { readonly refusal: Refusal };

/** Which connections of a user: all of them, or the one of `client`, whose user may then be ''. */
export interface TargetOptions {
  readonly client?: string | undefined;
}

export interface SubscribeOptions extends TargetOptions {
  /** About the subscriber, for others: a JSON value, a `Json` or bytes. */
  readonly info?: unknown;
  /** For the subscriber: a JSON value, a `Json` or bytes. */
  readonly data?: unknown;
  readonly override?: Overrides | undefined;
  readonly recoverSince?: Position | undefined;
  readonly expireAtMs?: number | undefined;
}

export interface DisconnectOptions extends TargetOptions, CloseOptions {
  /** Clients that stay. */
  readonly whitelist?: readonly string[] | undefined;
}

export interface RefreshOptions extends TargetOptions {
  /** The connections end now. */
  readonly expired?: boolean | undefined;
  /** Without it they do not expire any more. */
  readonly expireAtMs?: number | undefined;
}

export interface ChannelsOptions {
  /** `*` is any characters, `?` is one. */
  readonly pattern?: string | undefined;
}

/**
 * Each operation rejects with a `Refusal` when it is refused. `data` is a JSON value, which is
 * printed; or a `Json`, whose text goes out as it is; or bytes.
 */
export class Operations {
  /** What is done later. */
  readonly tasks: TaskOperations;
  readonly #context: OperationsContext;

  constructor(context: OperationsContext) {
    this.tasks = context.tasks;
    this.#context = context;
  }

  /** @throws {Refusal} when nothing can be published there. */
  checkChannel(channel: string): void {
    this.#channel(channel);
  }

  /** @throws {Refusal} what `publish` would. */
  checkPublication(channel: string, data: unknown, options: PublicationOptions = {}): void {
    draftOf(this.#channel(channel).rules, contentOf(data), options);
  }

  /** Where the publication stands; offset 0 and epoch '' without history. */
  async publish(
    channel: string,
    data: unknown,
    options: PublicationOptions = {},
  ): Promise<Position> {
    return this.#publish(channel, contentOf(data), options);
  }

  /** One outcome for each channel, in their order: what is refused in one is published in others. */
  async broadcast(
    channels: readonly string[],
    data: unknown,
    options: PublicationOptions = {},
  ): Promise<readonly Outcome[]> {
    const content = contentOf(data);
    // All within one turn, so that a broker can send them together.
    const published = channels.map((channel) => this.#publish(channel, content, options));
    const settled = await Promise.allSettled(published);
    return settled.map((one) =>
      one.status === 'fulfilled'
        ? { position: one.value }
        : { refusal: this.#refusalOf('broadcast', one.reason) },
    );
  }

  /** Resolves when those here are subscribed. Whoever is subscribed already stays as it is. */
  async subscribe(user: string, channel: string, options: SubscribeOptions = {}): Promise<void> {
    await this.#control({
      type: 'subscribe',
      to: targetOf(user, options),
      channel: this.#channel(channel).channel,
      info: optionalPayload(options.info),
      data: optionalPayload(options.data),
      override: options.override ?? {},
      since: options.recoverSince ?? null,
      expireAtMs: options.expireAtMs ?? null,
    });
  }

  async unsubscribe(user: string, channel: string, options: TargetOptions = {}): Promise<void> {
    await this.#control({
      type: 'unsubscribe',
      to: targetOf(user, options),
      channel: this.#channel(channel).channel,
      reason: UNSUBSCRIBES.server,
    });
  }

  async disconnect(user: string, options: DisconnectOptions = {}): Promise<void> {
    await this.#control({
      type: 'disconnect',
      to: targetOf(user, options),
      whitelist: options.whitelist ?? [],
      reason: closeOf(options),
    });
  }

  async refresh(user: string, options: RefreshOptions = {}): Promise<void> {
    await this.#control({
      type: 'refresh',
      to: targetOf(user, options),
      expired: options.expired ?? false,
      expireAtMs: options.expireAtMs ?? null,
    });
  }

  async presence(channel: string): Promise<readonly ClientInfo[]> {
    const { presence, limits } = this.#context;
    return presence.members(this.#present(channel), limits.presenceMembers);
  }

  async presenceStats(channel: string): Promise<{ numClients: number; numUsers: number }> {
    const { clients, users } = await this.#context.presence.stats(this.#present(channel));
    return { numClients: clients, numUsers: users };
  }

  async history(name: string, options: HistoryOptions = {}): Promise<HistoryPage> {
    const { channel, kept } = this.#kept(name);
    const { broker, limits } = this.#context;
    const query = queryOf(options, limits.historyPublications);
    const { publications, top } = await broker.history(channel, query, kept);
    return { publications, ...top };
  }

  /** Offsets go on from where they were. */
  async removeHistory(name: string): Promise<void> {
    await this.#context.broker.removeHistory(this.#kept(name).channel);
  }

  /** A page of the archive: by time, or with offsets or an epoch by offset. */
  async archive(name: string, options: ArchiveOptions = {}): Promise<ArchivedPage> {
    const { channel } = this.#channel(name);
    const { archive = null, limits } = this.#context;
    if (archive === null) throw new Refusal('notAvailable', 'no archive; set archive.url');
    return pageOf(archive, channel, { options, limitMax: limits.archivePublications });
  }

  /** The channels with subscribers, at most `CHANNELS_MAX`. */
  async channels({ pattern = '' }: ChannelsOptions = {}): Promise<Channels> {
    const { census, hub, limits } = this.#context;
    if (pattern.length > limits.channelNameLength) {
      throw new Refusal(
        'badRequest',
        `pattern has more than ${limits.channelNameLength} characters`,
      );
    }
    return channelsOf((await census?.together()) ?? hub, pattern);
  }

  async info(): Promise<{ nodes: readonly NodeInfo[] }> {
    const { census, clock, startedAtMs } = this.#context;
    if (census) return { nodes: await census.nodes() };
    return { nodes: [await nodeInfo(this.#context, clock.now() - startedAtMs)] };
  }

  /** Asks the application, as a client could; the caller it sees has no client and no user. */
  async rpc(method: string, data?: unknown): Promise<unknown> {
    const { hooks } = this.#context;
    if (hooks.rpc === undefined) throw new Refusal('notAvailable', 'no rpc hook');
    const sent = optionalPayload(data);
    const question = { method, data: data instanceof Json ? data.value() : data, sent };
    const { signal } = new AbortController();
    const caller = { client: '', user: '', info: undefined, meta: undefined, signal };
    try {
      return await hooks.rpc(question, caller);
    } catch (error) {
      // There is no connection to close; what is left of it is the refusal.
      if (!(error instanceof Disconnection)) throw error;
      throw new Refusal('permissionDenied', error.close.reason);
    }
  }

  async #publish(name: string, data: Data, options: PublicationOptions): Promise<Position> {
    const { channel, rules } = this.#channel(name);
    const { draft, terms } = draftOf(rules, data, options);
    const { position } = await this.#context.broker.publish(channel, draft, terms);
    return position;
  }

  /** The one place where the connections of a user are reached, wherever they are. */
  async #control(control: Control): Promise<void> {
    const { roster, carry } = this.#context;
    // What the others are not told can be asked for again: all of it may be done twice.
    await Promise.all([applyControl(roster, control), carry?.(control)]);
  }

  /** @throws {Refusal} when the name is none, or its namespace is not configured. */
  #channel(name: string): { readonly channel: ChannelName; readonly rules: Rules } {
    const channel = channelNameOf(name, this.#context.limits.channelNameLength);
    const rules = this.#context.rulesOf(channel);
    if (rules === null) throw new Refusal('unknownChannel');
    return { channel, rules };
  }

  #present(name: string): ChannelName {
    const { channel, rules } = this.#channel(name);
    if (!rules.presence) throw new Refusal('notAvailable', 'no presence in this namespace');
    return channel;
  }

  #kept(name: string): {
    readonly channel: ChannelName;
    readonly kept: NonNullable<ReturnType<typeof historyOf>>;
  } {
    const { channel, rules } = this.#channel(name);
    const kept = historyOf(rules);
    if (kept === null) throw new Refusal('notAvailable', 'no history in this namespace');
    return { channel, kept };
  }

  /** In the middle of a call that goes on for others, what is our fault is logged here. */
  #refusalOf(where: string, error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    this.#context.fault(where, error);
    return new Refusal('internal');
  }
}

function contentOf(data: unknown): Data {
  if (data === undefined) throw new Refusal('badRequest', 'data is missing');
  return payloadOf(data);
}

/** Nobody in particular would be every anonymous connection; that is never what was meant. */
function targetOf(user: string, { client = '' }: TargetOptions): Target {
  if (user === '' && client === '') throw new Refusal('badRequest', 'user is missing');
  return { user, client };
}
