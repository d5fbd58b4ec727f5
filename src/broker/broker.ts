/** A publication to every gateway, and its history. */
import type { ChannelName } from '../channel/name.ts';
import type { ClientInfo, Draft, Publication } from '../channel/publication.ts';
import type { Page, Position, Query } from '../channel/recovery.ts';
import type { Maybe } from '../kernel/maybe.ts';

/** How long an idempotency key is remembered. */
export const IDEMPOTENCY_TTL_MS = 300_000;

/**
 * How much longer than its publications a stream's epoch and top are remembered, so that a
 * subscriber of a quiet channel does not lose its place.
 */
export const STREAM_OUTLIVES_MS = 24 * 3_600_000;

export interface HistoryRules {
  /** At least 1. */
  readonly size: number;
  readonly ttlMs: number;
}

export interface PublishOptions {
  /** Null: the publication gets no offset and is not kept. */
  readonly history: HistoryRules | null;
  /** A second publication with the same key is answered with the result of the first; '' for none. */
  readonly idempotencyKey: string;
  /** A publication whose version is not above the last of its `versionEpoch` goes nowhere; 0 for none. */
  readonly version: number;
  readonly versionEpoch: string;
  /** The author wants it kept nowhere, whatever is kept of the channel. */
  readonly skipHistory?: boolean;
}

export interface Published {
  /** Where it stands in the stream; offset 0 and epoch '' without history. */
  readonly position: Position;
  /** `repeated`: the key was known. `outdated`: the version was not above the last. */
  readonly outcome: 'published' | 'repeated' | 'outdated';
  /** When it was published, by the clock of whoever gave it its place. */
  readonly atMs: number;
}

export interface HistoryQuery {
  /** 0: only the position. */
  readonly limit: number;
  /** Publications after it, or before it when `reverse`. Null: from the oldest, or the newest. */
  readonly since: Position | null;
  readonly reverse: boolean;
}

/** What a broker tells its gateway: all that is published in the channels it listens to. */
export interface BrokerListener {
  /** `epoch` is '' for a publication without an offset. */
  published(channel: ChannelName, publication: Publication, epoch: string): void;
  noticed(type: 'join' | 'leave', channel: ChannelName, info: ClientInfo): void;
}

/**
 * Giving the offset, keeping the publication and sending it to the gateways is one step: all
 * gateways see the publications of a channel in the order of their offsets, and what a read of the
 * history gives with top `n` is everything up to `n`.
 */
export interface Broker {
  /** Done when the bus has confirmed it: what is published from then on arrives. */
  listen(channel: ChannelName): Maybe<void>;
  unlisten(channel: ChannelName): void;
  /**
   * @throws {Refusal} `conflict` when the idempotency key was used for other data, `limitExceeded`
   * when there is no room for one more stream.
   */
  publish(channel: ChannelName, draft: Draft, options: PublishOptions): Maybe<Published>;
  notify(type: 'join' | 'leave', channel: ChannelName, info: ClientInfo): Maybe<void>;
  /** A read makes the stream's epoch if it has none. `history` says how long that is remembered. */
  read(channel: ChannelName, query: Query, history: HistoryRules): Maybe<Page>;
  /** @throws {Refusal} `unrecoverablePosition` when `since` is of another epoch. */
  history(channel: ChannelName, query: HistoryQuery, history: HistoryRules): Maybe<Page>;
  /** Forgets the publications; offsets go on from where they were. */
  removeHistory(channel: ChannelName): Maybe<void>;
  close(): Promise<void>;
}
