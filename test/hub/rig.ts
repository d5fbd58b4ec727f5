/** A hub with its seams in the test's hands: the source, the turn, and who listens. */
import { setImmediate } from 'node:timers/promises';
import type { ChannelName } from '../../src/channel/name.ts';
import { channelNameOf } from '../../src/channel/name.ts';
import type { Draft, Publication } from '../../src/channel/publication.ts';
import { placed } from '../../src/channel/publication.ts';
import type { Page, Position, Query } from '../../src/channel/recovery.ts';
import type { Feed, FeedEvent, Joined } from '../../src/hub/feed.ts';
import type { Return } from '../../src/hub/lookups.ts';
import type { Source } from '../../src/hub/hub.ts';
import { Hub } from '../../src/hub/hub.ts';
import type { Encoder, Notice, Subscriber } from '../../src/hub/subscriber.ts';
import { Json } from '../../src/kernel/data.ts';
import type { Data } from '../../src/kernel/data.ts';
import type { Maybe } from '../../src/kernel/maybe.ts';
import { Turn } from '../../src/kernel/turn.ts';
import { jsonCodec } from '../../src/protocol/json.ts';
import { msgpackCodec } from '../../src/protocol/msgpack.ts';
import { ManualClock } from '../support/clock.ts';

export const CHANNEL = channelNameOf('news', 255);

export const json = jsonCodec({ depthMax: 64 });
export const msgpack = msgpackCodec({ depthMax: 64 });

/** All promises that can settle have done so. */
export function settled(): Promise<void> {
  return setImmediate();
}

export function draft(data: Data | number | string, set: Partial<Draft> = {}): Draft {
  return {
    data: data instanceof Json || data instanceof Uint8Array ? data : Json.of(data),
    info: null,
    tags: null,
    event: null,
    wantsDelta: false,
    ...set,
  };
}

/** The history and the bus of one channel, as a backend has them. */
export class Stream {
  epoch = 'e1';
  top = 0;
  /** What is kept, oldest first. */
  kept: Publication[] = [];
  former: Position | null = null;

  publish(data: Data | number | string, set: Partial<Draft> = {}): Publication {
    this.top += 1;
    const publication = placed(draft(data, set), this.top, this.epoch);
    this.kept.push(publication);
    return publication;
  }

  /** A new life of the stream. */
  reset(epoch: string): void {
    this.epoch = epoch;
    this.top = 0;
    this.kept = [];
    this.former = null;
  }

  /** Another life that goes on from this one, and lacks the last `lost`. */
  goOn(epoch: string, lost = 0): void {
    this.top -= lost;
    this.kept = this.kept
      .filter(({ offset }) => offset <= this.top)
      .map((publication) => placed(publication, publication.offset, epoch));
    this.former = { offset: this.top, epoch: this.epoch };
    this.epoch = epoch;
  }

  page(query: Query): Page {
    const { former } = this;
    const top = { offset: this.top, epoch: this.epoch };
    if (query.kind === 'top') return { publications: [], top, former };
    if (query.kind === 'latest') return { publications: this.kept.slice(-1), top, former };
    const after = this.kept.filter(({ offset }) => offset > query.since.offset);
    return { publications: after.slice(0, query.limit), top, former };
  }
}

/** Something the source was asked for and has not done yet. */
export interface Pending {
  readonly what: 'listen' | 'read';
  readonly query: Query | null;
  /** Takes the page as it is now, and answers with it when `answer` is called. */
  execute(): void;
  answer(): Promise<void>;
  fail(error: Error): Promise<void>;
}

export class FakeSource implements Source {
  readonly stream = new Stream();
  /** Whether an answer is there within the call. */
  sync = true;
  /** Thrown within the call, once. */
  fault: Error | null = null;
  readonly calls: string[] = [];
  readonly listened = new Set<ChannelName>();
  readonly pending: Pending[] = [];

  listen(channel: ChannelName): Maybe<void> {
    this.calls.push('listen');
    this.#throwFault();
    if (this.sync) {
      this.listened.add(channel);
      return undefined;
    }
    return this.#later('listen', null, () => void this.listened.add(channel));
  }

  unlisten(channel: ChannelName): void {
    this.calls.push('unlisten');
    this.listened.delete(channel);
  }

  read(_channel: ChannelName, query: Query): Maybe<Page> {
    this.calls.push(`read ${query.kind}`);
    this.#throwFault();
    if (this.sync) return this.stream.page(query);
    return this.#later('read', query, () => this.stream.page(query));
  }

  /** The oldest thing that is not done yet. */
  get next(): Pending {
    const [first] = this.pending;
    if (first === undefined) throw new Error('nothing is pending');
    return first;
  }

  async answerAll(): Promise<void> {
    const asked = [...this.pending];
    for (const pending of asked) await pending.answer();
  }

  reads(): number {
    return this.calls.filter((call) => call.startsWith('read')).length;
  }

  #throwFault(): void {
    const { fault } = this;
    this.fault = null;
    if (fault !== null) throw fault;
  }

  #later<T>(what: Pending['what'], query: Query | null, act: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let done: { readonly value: T } | null = null;
    const pending: Pending = {
      what,
      query,
      execute: () => {
        done ??= { value: act() };
      },
      answer: () => {
        pending.execute();
        if (done !== null) resolve(done.value);
        this.pending.splice(this.pending.indexOf(pending), 1);
        return settled();
      },
      fail: (error) => {
        reject(error);
        this.pending.splice(this.pending.indexOf(pending), 1);
        return settled();
      },
    };
    this.pending.push(pending);
    return promise;
  }
}

/** A codec that counts what it is asked for. */
export class CountingEncoder implements Encoder {
  calls = 0;
  readonly #inner: Encoder;

  constructor(inner: Encoder = json) {
    this.#inner = inner;
  }

  get binary(): boolean {
    return this.#inner.binary;
  }

  publications(channel: string, publications: readonly Publication[]): Uint8Array {
    this.calls += 1;
    return this.#inner.publications(channel, publications);
  }

  encode(notice: Notice): Uint8Array {
    this.calls += 1;
    return this.#inner.encode(notice);
  }
}

/** A subscriber that remembers all it is told; its data are numbers, or texts. */
export class Reader implements Subscriber {
  readonly encoder: Encoder;
  delta = false;
  deltaReady = false;
  joinLeave = false;
  readonly seen: unknown[] = [];
  readonly offsets: number[] = [];
  /** One entry for each frame: how many publications it had. */
  readonly frames: number[] = [];
  readonly pushes: Push[] = [];
  joined: Joined | null = null;
  losses = 0;
  /** Called when something is delivered, before it is written down. */
  onDeliver: (() => void) | null = null;

  constructor(encoder: Encoder = json) {
    this.encoder = encoder;
  }

  deliver(bytes: Uint8Array, publications: readonly Publication[]): void {
    this.onDeliver?.();
    const pushes = pushesOf(bytes);
    this.frames.push(publications.length);
    for (const push of pushes) {
      this.pushes.push(push);
      this.seen.push(push.pub?.data);
      this.offsets.push(push.pub?.offset ?? 0);
    }
    this.deltaReady = this.delta;
  }

  notify(bytes: Uint8Array): void {
    for (const push of pushesOf(bytes)) {
      this.seen.push(push.join === undefined ? 'leave' : 'join');
    }
  }

  lost(): void {
    this.losses += 1;
    this.seen.push('lost');
  }
}

/** A push, as a client of JSON reads it. */
export interface Push {
  readonly pub?: {
    readonly data: unknown;
    readonly offset?: number;
    readonly epoch?: string;
    readonly delta?: boolean;
  };
  readonly join?: unknown;
  readonly leave?: unknown;
}

function pushesOf(bytes: Uint8Array): Push[] {
  const lines = new TextDecoder().decode(bytes).split('\n');
  return lines.map((line) => (JSON.parse(line) as { push: Push }).push);
}

export interface Rig {
  readonly hub: Hub;
  readonly source: FakeSource;
  readonly events: FeedEvent[];
  readonly failures: unknown[];
  readonly clock: ManualClock;
  /** Ends the turn. */
  readonly turn: () => void;
  /** Publishes, and the bus delivers. */
  readonly publish: (data: Data | number | string, set?: Partial<Draft>) => Publication;
  /** What is published, the bus does not deliver. */
  readonly drop: (data: Data | number | string) => Publication;
  readonly deliver: (publication: Publication, epoch?: string) => void;
  readonly open: () => Promise<Feed>;
  /** Subscribes and lets go of the feed, as a session does. */
  readonly subscribe: (
    reader: Reader,
    back?: Position | null,
    set?: Partial<Return>,
  ) => Promise<void>;
}

export function rig(set: { flushBytes?: number; heldMax?: number; tracked?: boolean } = {}): Rig {
  const { flushBytes = 1_000_000, heldMax = 100, tracked = true } = set;
  const source = new FakeSource();
  const events: FeedEvent[] = [];
  const failures: unknown[] = [];
  const turn = new Turn(() => {});
  const clock = new ManualClock();
  const hub = new Hub({
    source,
    clock,
    turn,
    flushBytes,
    heldMax,
    count: (event) => events.push(event),
    failed: (_channel, error) => failures.push(error),
  });
  const { stream } = source;
  const deliver = (publication: Publication, epoch = stream.epoch): void =>
    hub.receive(CHANNEL, publication, publication.offset === 0 ? '' : epoch);
  return {
    hub,
    source,
    events,
    failures,
    clock,
    turn: () => turn.flush(),
    publish: (data, more) => {
      const publication = tracked ? stream.publish(data, more) : placed(draft(data, more), 0, '');
      deliver(publication);
      return publication;
    },
    drop: (data) => stream.publish(data),
    deliver,
    open: async () => hub.open(CHANNEL, tracked),
    subscribe: async (reader, back = null, more = {}) => {
      const feed = await hub.open(CHANNEL, tracked);
      const wish: Return | null =
        back === null ? null : { since: back, mode: 'stream', publicationsMax: 300, ...more };
      try {
        await feed.join(reader, wish, (joined) => {
          reader.joined = joined;
          for (const publication of joined.missed ?? []) {
            reader.seen.push(publication.data instanceof Json ? publication.data.value() : null);
            reader.offsets.push(publication.offset);
          }
        });
      } finally {
        feed.release();
      }
    },
  };
}

/** The numbers from `first` to `last`. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}
