/** Who listens on this gateway: one feed for each channel that somebody here is subscribed to. */
import type { ChannelName } from '../channel/name.ts';
import type { ClientInfo, Publication } from '../channel/publication.ts';
import type { Page, Position, Query } from '../channel/recovery.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Maybe } from '../kernel/maybe.ts';
import { chain } from '../kernel/maybe.ts';
import type { Turn } from '../kernel/turn.ts';
import type { FeedContext, FeedEvent } from './feed.ts';
import { Feed } from './feed.ts';

/** What the bus and the history do for the hub. */
export interface Source {
  /** Done when the bus has confirmed that publications of the channel come here. */
  listen(channel: ChannelName): Maybe<void>;
  unlisten(channel: ChannelName): void;
  read(channel: ChannelName, query: Query): Maybe<Page>;
}

export interface HubOptions {
  readonly source: Source;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly flushBytes: number;
  readonly heldMax: number;
  count(event: FeedEvent): void;
  /** A history read failed that nobody waits for. */
  failed(channel: ChannelName, error: unknown): void;
}

/** Pages for those who come back are kept for less than it, and together so many bytes at the most. */
const WARM_MS = 2000;
const WARM_BYTES_MAX = 64 * 1024 * 1024;

export class Hub {
  readonly #clock: Clock;
  readonly #source: Source;
  readonly #context: FeedContext;
  readonly #feeds = new Map<ChannelName, Feed>();
  /** Feeds that do not know their place yet, and when they will. */
  readonly #starting = new Map<ChannelName, Promise<void>>();
  /** Feeds that keep pages. */
  readonly #warm = new Set<Feed>();
  #warmBytes = 0;

  constructor(options: HubOptions) {
    const { source, clock } = options;
    this.#source = source;
    this.#clock = clock;
    this.#context = {
      ...options,
      read: (channel, query) => source.read(channel, query),
      vacated: (feed) => this.#vacate(feed),
      count: (event) => options.count(event),
      failed: (channel, error) => options.failed(channel, error),
      mayKeep: (feed, bytes) => this.#mayKeep(feed, bytes),
    };
  }

  /** Channels with subscribers here. */
  get size(): number {
    return this.#feeds.size;
  }

  channels(): IterableIterator<ChannelName> {
    return this.#feeds.keys();
  }

  /** The name, in the text that the feed of the channel has: a million who keep it keep one text. */
  nameOf(channel: ChannelName): ChannelName {
    return this.#feeds.get(channel)?.channel ?? channel;
  }

  /** Subscribers of the channel on this gateway. */
  subscribersOf(channel: ChannelName): number {
    return this.#feeds.get(channel)?.size ?? 0;
  }

  /**
   * The feed of a channel, listening and, if `tracked`, at a place in the stream. It is held for
   * the caller, who must `release` it after the join or instead of it.
   * @throws what the bus or the history throws; nothing is left behind then.
   */
  open(channel: ChannelName, tracked: boolean): Maybe<Feed> {
    const feed = this.#feeds.get(channel) ?? this.#start(channel, tracked);
    feed.hold();
    return chain(this.#starting.get(channel), () => feed);
  }

  /** A publication from the bus. `epoch` is '' in a channel without history. */
  receive(channel: ChannelName, publication: Publication, epoch: string): void {
    this.#feeds.get(channel)?.receive(publication, epoch);
  }

  notify(type: 'join' | 'leave', channel: ChannelName, info: ClientInfo): void {
    this.#feeds.get(channel)?.notify({ type, channel, info });
  }

  /**
   * Compares the feed of a channel with the stream's top as it is now, and heals what it missed.
   * For whoever learns that the bus may have lost something, or that a channel is quiet.
   */
  check(channel: ChannelName, top: Position): void {
    this.#feeds.get(channel)?.check(top);
  }

  #start(channel: ChannelName, tracked: boolean): Feed {
    const feed = new Feed(channel, tracked, this.#context);
    this.#feeds.set(channel, feed);
    const failed = (error: unknown): never => {
      this.#starting.delete(channel);
      // A feed that stayed would know no place, and drop everything in silence.
      this.#vacate(feed);
      throw error;
    };
    try {
      const started = chain(this.#source.listen(channel), () => feed.start());
      if (!(started instanceof Promise)) return feed;
      const settled = started.then(() => void this.#starting.delete(channel), failed);
      this.#starting.set(channel, settled);
      return feed;
    } catch (error) {
      return failed(error);
    }
  }

  #mayKeep(feed: Feed, bytes: number): boolean {
    if (this.#warmBytes + bytes > WARM_BYTES_MAX) return false;
    this.#warmBytes += bytes;
    if (this.#warm.size === 0) this.#clock.after(WARM_MS, () => this.#cool());
    this.#warm.add(feed);
    return true;
  }

  #cool(): void {
    for (const feed of this.#warm) feed.cool();
    this.#warm.clear();
    this.#warmBytes = 0;
  }

  #vacate(feed: Feed): void {
    if (this.#feeds.get(feed.channel) !== feed) return;
    this.#feeds.delete(feed.channel);
    this.#source.unlisten(feed.channel);
  }
}
