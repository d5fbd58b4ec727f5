/** The broker of one gateway alone: everything happens within the call. */
import type { ChannelName } from '../channel/name.ts';
import type { ClientInfo, Draft } from '../channel/publication.ts';
import { digestOf, placed } from '../channel/publication.ts';
import type { Page, Position, Query } from '../channel/recovery.ts';
import type { Clock } from '../kernel/clock.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Count } from '../kernel/meters.ts';
import type { Wheel } from '../kernel/wheel.ts';
import type {
  Broker,
  BrokerListener,
  HistoryQuery,
  HistoryRules,
  Published,
  PublishOptions,
} from './broker.ts';
import { STREAM_OUTLIVES_MS } from './broker.ts';
import { Idempotency } from './idempotency.ts';
import { Stream } from './stream.ts';

export interface MemoryBrokerOptions {
  readonly listener: BrokerListener;
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly streamsMax: number;
  readonly idempotencyKeysMax: number;
  /** Makes the epoch of a new stream: unique, not guessable, short. */
  newEpoch(): string;
  /** An idempotency key was forgotten before its time. */
  readonly countForgottenKey: Count;
}

const LISTENED_RECHECK_MS = 60_000;

const NOWHERE: Position = { offset: 0, epoch: '' };

export class MemoryBroker implements Broker {
  readonly #options: MemoryBrokerOptions;
  readonly #streams = new Map<ChannelName, Stream>();
  readonly #listened = new Set<ChannelName>();
  readonly #idempotency: Idempotency;

  constructor(options: MemoryBrokerOptions) {
    const { idempotencyKeysMax: keysMax, countForgottenKey: countForgotten } = options;
    this.#options = options;
    this.#idempotency = new Idempotency({ ...options, keysMax, countForgotten });
  }

  /** What is held. */
  get size(): { readonly streams: number; readonly keys: number } {
    return { streams: this.#streams.size, keys: this.#idempotency.size };
  }

  listen(channel: ChannelName): void {
    this.#listened.add(channel);
  }

  unlisten(channel: ChannelName): void {
    this.#listened.delete(channel);
    const stream = this.#streams.get(channel);
    if (stream !== undefined) this.#remember(stream);
  }

  publish(channel: ChannelName, draft: Draft, options: PublishOptions): Published {
    if (options.idempotencyKey === '') return this.#publish(channel, draft, options);
    // A name has no control character, so the two cannot run into each other.
    const key = `${channel}\0${options.idempotencyKey}`;
    const digest = digestOf(draft);
    const known = this.#idempotency.recall(key);
    if (known !== null) {
      if (known.digest !== digest) {
        throw new Refusal('conflict', 'idempotency_key was used for other data');
      }
      return { ...known.published, outcome: 'repeated' };
    }
    const published = this.#publish(channel, draft, options);
    this.#idempotency.remember(key, { published, digest });
    return published;
  }

  notify(type: 'join' | 'leave', channel: ChannelName, info: ClientInfo): void {
    if (this.#listened.has(channel)) this.#options.listener.noticed(type, channel, info);
  }

  read(channel: ChannelName, query: Query, history: HistoryRules): Page {
    const stream = this.#streamOf(channel, history);
    if (query.kind === 'top') return stream.after(Infinity, 0);
    if (query.kind === 'latest') return stream.before(Infinity, 1);
    return stream.after(query.since.offset, query.limit);
  }

  history(channel: ChannelName, query: HistoryQuery, history: HistoryRules): Page {
    const stream = this.#streamOf(channel, history);
    const { since, limit } = query;
    if (since !== null && since.epoch !== '' && since.epoch !== stream.epoch) {
      throw new Refusal('unrecoverablePosition', 'since.epoch is of another life of the stream');
    }
    return query.reverse
      ? stream.before(since?.offset ?? Infinity, limit)
      : stream.after(since?.offset ?? 0, limit);
  }

  removeHistory(channel: ChannelName): void {
    this.#streams.get(channel)?.clear();
  }

  close(): Promise<void> {
    for (const stream of this.#streams.values()) this.#options.wheel.remove(stream);
    this.#streams.clear();
    this.#idempotency.close();
    return Promise.resolve();
  }

  #publish(channel: ChannelName, draft: Draft, options: PublishOptions): Published {
    const { history, version, versionEpoch } = options;
    const atMs = this.#options.clock.now();
    if (history === null) {
      if (this.#listened.has(channel)) {
        this.#options.listener.published(channel, placed(draft, 0, ''), '');
      }
      return { position: NOWHERE, outcome: 'published', atMs };
    }
    const stream = this.#streamOf(channel, history);
    if (version > 0) {
      if (versionEpoch === stream.versionEpoch && version <= stream.version) {
        return { position: stream.top, outcome: 'outdated', atMs };
      }
      stream.version = version;
      stream.versionEpoch = versionEpoch;
    }
    const publication = placed(draft, stream.top.offset + 1, stream.epoch);
    stream.append(publication, history.size);
    stream.publicationsUntilMs = atMs + history.ttlMs;
    stream.untilMs = stream.publicationsUntilMs + STREAM_OUTLIVES_MS;
    if (this.#listened.has(channel)) {
      this.#options.listener.published(channel, publication, stream.epoch);
    }
    return { position: stream.top, outcome: 'published', atMs };
  }

  #streamOf(channel: ChannelName, { ttlMs }: HistoryRules): Stream {
    const now = this.#options.clock.now();
    const known = this.#streams.get(channel);
    if (known !== undefined) {
      // The wheel may be a tick late.
      if (known.publicationsUntilMs <= now) known.clear();
      known.ttlMs = ttlMs;
      this.#remember(known);
      return known;
    }
    if (this.#streams.size >= this.#options.streamsMax) {
      throw new Refusal('limitExceeded', 'no room for the history of one more channel');
    }
    const stream = new Stream(channel, this.#options.newEpoch(), this.#expire);
    stream.ttlMs = ttlMs;
    this.#remember(stream);
    stream.dueMs = stream.untilMs;
    this.#streams.set(channel, stream);
    this.#options.wheel.add(stream);
    return stream;
  }

  /** Whoever read it or listened to it may come back, and then it must be the same stream. */
  #remember(stream: Stream): void {
    const untilMs = this.#options.clock.now() + stream.ttlMs;
    if (untilMs > stream.untilMs) stream.untilMs = untilMs;
  }

  /** What puts a stream's end off does not move it on the wheel; that is made up for here. */
  readonly #expire = (stream: Stream, now: number): void => {
    if (stream.publicationsUntilMs <= now) stream.clear();
    if (stream.untilMs <= now && !this.#listened.has(stream.channel)) {
      this.#streams.delete(stream.channel);
      return;
    }
    const next = stream.isEmpty ? stream.untilMs : stream.publicationsUntilMs;
    // Somebody listens to a stream that would be forgotten: it is looked at again in a while.
    stream.dueMs = next > now ? next : now + LISTENED_RECHECK_MS;
    this.#options.wheel.add(stream);
  };
}
