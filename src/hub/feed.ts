/** One channel as this gateway hears it: its place in the stream, and who listens here. */
import type { ChannelName } from '../channel/name.ts';
import type { Publication } from '../channel/publication.ts';
import { weightOf } from '../channel/publication.ts';
import type { Page, Position, Query } from '../channel/recovery.ts';
import { continues, latestSince, missedSince, stepOf } from '../channel/recovery.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Maybe } from '../kernel/maybe.ts';
import { chain } from '../kernel/maybe.ts';
import type { Deferred, Turn } from '../kernel/turn.ts';
import { Batch } from './fan-out.ts';
import type { Encoder, Notice, Subscriber } from './subscriber.ts';

/** What a feed needs of its surroundings. */
export interface FeedContext {
  readonly turn: Turn;
  /** Publications come oldest first. */
  read(channel: ChannelName, query: Query): Maybe<Page>;
  /** Called when nobody listens any more. */
  vacated(feed: Feed): void;
  /** Something about streams that an operator wants to count. */
  count(event: FeedEvent): void;
  /** A read failed; the feed tries again with the next publication or check. */
  failed(channel: ChannelName, error: unknown): void;
  /** Publications of one turn over it leave at once. */
  readonly flushBytes: number;
  /** Publications that may wait for a gap to be healed. */
  readonly heldMax: number;
}

export type FeedEvent = 'double' | 'gap' | 'healed' | 'lost';

/** What a subscriber that comes back asks for. */
export interface Return {
  readonly since: Position;
  /** `stream`: all it missed. `cache`: the latest publication, unless it has that one. */
  readonly mode: 'stream' | 'cache';
  /** Over it, it has missed too much. */
  readonly publicationsMax: number;
}

/** What a subscriber that joins is told. */
export interface Joined {
  /** Where the feed stands; null in a channel without history. */
  readonly position: Position | null;
  /** What the subscriber missed, when it asked and all of it could be had; null otherwise. */
  readonly missed: readonly Publication[] | null;
}

/**
 * - `live`: what continues the stream is delivered.
 * - `reading`: the history is being read, and publications wait: `held`.
 * Without history a feed is always live, and has no position.
 *
 *     (new) --> reading --> live --gap--> reading --> live …
 */
export class Feed implements Deferred {
  readonly channel: ChannelName;
  readonly tracked: boolean;
  readonly #context: FeedContext;
  readonly #subscribers = new Set<Subscriber>();
  /** Those about to join; a feed with guests is not vacated. */
  #guests = 0;
  #offset = 0;
  #epoch = '';
  #pending: Publication[] = [];
  #pendingBytes = 0;
  /** The last publication that went out, while somebody here takes deltas. */
  #previous: Publication | null = null;
  #deltas = 0;
  #reading: Promise<void> | null = null;
  #held: { publication: Publication; epoch: string }[] = [];
  /** More came than could be held. */
  #overflowed = false;
  /** Those whose reads for joining are under way, and what was delivered since the first began. */
  #joining = 0;
  #tail: Publication[] = [];

  constructor(channel: ChannelName, tracked: boolean, context: FeedContext) {
    this.channel = channel;
    this.tracked = tracked;
    this.#context = context;
  }

  get size(): number {
    return this.#subscribers.size;
  }

  get position(): Position | null {
    return this.tracked ? { offset: this.#offset, epoch: this.#epoch } : null;
  }

  /** Finds the feed's place in the stream. To be called once, when the bus is being listened to. */
  start(): Maybe<void> {
    if (!this.tracked) return undefined;
    return this.#readWhileHolding({ kind: 'top' }, (page) => this.#moveTo(page.top));
  }

  /** Keeps the feed until `release`. */
  hold(): void {
    this.#guests += 1;
  }

  release(): void {
    this.#guests -= 1;
    this.#vacateIfEmpty();
  }

  /**
   * Attaches a subscriber at the feed's place. `welcome` is called at that moment: what it writes
   * to the subscriber comes before the first publication.
   */
  join(
    subscriber: Subscriber,
    back: Return | null,
    welcome: (joined: Joined) => void,
  ): Maybe<void> {
    if (back === null || !this.tracked) {
      return chain(this.#reading ?? undefined, () => this.#attach(subscriber, null, welcome));
    }
    this.#joining += 1;
    const caughtUp = chain(this.#reading ?? undefined, () =>
      chain(this.#context.read(this.channel, queryOf(back)), (page) =>
        chain(this.#catchUp(page.top), () => {
          this.#attach(subscriber, this.#missed(back, page), welcome);
        }),
      ),
    );
    const done = (): void => {
      this.#joining -= 1;
      if (this.#joining === 0) this.#tail = [];
    };
    if (caughtUp instanceof Promise) return caughtUp.finally(done);
    done();
    return undefined;
  }

  leave(subscriber: Subscriber): void {
    if (!this.#subscribers.delete(subscriber)) return;
    if (subscriber.delta) this.#deltas -= 1;
    if (this.#deltas === 0) this.#previous = null;
    this.#vacateIfEmpty();
  }

  /** A publication from the bus. */
  receive(publication: Publication, epoch: string): void {
    // Before the feed has read its place: what comes is part of what it will read.
    if (this.tracked && this.#epoch === '' && this.#reading === null) return;
    if (this.#reading === null) this.#place(publication, epoch);
    else if (this.#held.length < this.#context.heldMax) this.#held.push({ publication, epoch });
    else this.#overflowed = true;
  }

  /** Tells who wants to know that somebody came or left, after all that was published before. */
  notify(notice: Notice): void {
    this.endTurn();
    const encodings = new Map<Encoder, Uint8Array>();
    for (const subscriber of this.#subscribers) {
      if (!subscriber.joinLeave) continue;
      const bytes = encodings.get(subscriber.encoder) ?? subscriber.encoder.encode(notice);
      encodings.set(subscriber.encoder, bytes);
      subscriber.notify(bytes);
    }
  }

  /** Compares the feed's place with the stream's top, and reads what is missing. */
  check(top: Position): void {
    if (this.#reading === null && this.#isBehind(top)) this.#heal();
  }

  /** Sends what gathered. */
  endTurn(): void {
    if (this.#pending.length === 0) return;
    const batch = new Batch(this.channel, this.#pending, this.#previous);
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#deltas > 0) this.#previous = batch.publications.at(-1) ?? null;
    // A subscriber that is closed meanwhile leaves the set, which an iteration survives.
    batch.sendTo(this.#subscribers);
  }

  #place(publication: Publication, epoch: string): void {
    // Offset 0: published past the history.
    if (!this.tracked || publication.offset === 0) {
      this.#accept(publication);
      return;
    }
    const step = stepOf({ offset: this.#offset, epoch: this.#epoch }, publication.offset, epoch);
    if (step === 'next') {
      this.#offset = publication.offset;
      this.#accept(publication);
      return;
    }
    this.#context.count(step);
    if (step === 'double') return;
    this.#heal();
  }

  #accept(publication: Publication): void {
    if (this.#joining > 0 && this.#tail.length < this.#context.heldMax) {
      this.#tail.push(publication);
    }
    if (this.#subscribers.size === 0) return;
    if (this.#pending.length === 0) this.#context.turn.gather(this);
    this.#pending.push(publication);
    this.#pendingBytes += weightOf(publication);
    if (this.#pendingBytes >= this.#context.flushBytes) this.endTurn();
  }

  /** Reads once for all subscribers what the bus did not bring; tells them when it is gone. */
  #heal(): void {
    const since = { offset: this.#offset, epoch: this.#epoch };
    const healed = this.#readWhileHolding({ kind: 'since', since, limit: Infinity }, (page) => {
      if (!continues(page, since)) {
        this.#lose(page.top);
        return;
      }
      this.#context.count('healed');
      for (const publication of page.publications) {
        this.#offset = publication.offset;
        this.#accept(publication);
      }
      // Another life of the stream may go on from the one that the feed was in.
      this.#moveTo(page.top);
    });
    if (!(healed instanceof Promise)) return;
    healed.catch((error: unknown) => this.#context.failed(this.channel, error));
  }

  #lose(top: Position): void {
    this.#context.count('lost');
    this.endTurn();
    this.#moveTo(top);
    this.#previous = null;
    for (const subscriber of this.#subscribers) subscriber.lost();
  }

  #moveTo(top: Position): void {
    this.#offset = top.offset;
    this.#epoch = top.epoch;
  }

  /** What comes while a read is under way waits, and is then placed after what was read. */
  #readWhileHolding(query: Query, use: (page: Page) => void): Maybe<void> {
    const read = this.#context.read(this.channel, query);
    if (!(read instanceof Promise)) {
      use(read);
      return undefined;
    }
    const finish = (): { publication: Publication; epoch: string }[] => {
      const held = this.#held;
      this.#held = [];
      this.#reading = null;
      return held;
    };
    this.#reading = read.then(
      (page) => {
        const overflowed = this.#overflowed;
        this.#overflowed = false;
        const held = finish();
        use(page);
        for (const { publication, epoch } of held) this.receive(publication, epoch);
        if (overflowed && this.#reading === null) this.#heal();
      },
      (error: unknown) => {
        // What was held is in the history: the next publication finds a gap and reads again.
        finish();
        throw error;
      },
    );
    return this.#reading;
  }

  /** A joining subscriber may have seen more than this gateway: the bus can be slower than a read. */
  #catchUp(top: Position): Maybe<void> {
    if (this.#reading === null && this.#isBehind(top)) this.#heal();
    return chain(this.#reading ?? undefined, () => {
      if (this.#isBehind(top)) throw new Refusal('internal', 'the stream moves too fast to join');
    });
  }

  #isBehind(top: Position): boolean {
    return top.epoch !== this.#epoch || top.offset > this.#offset;
  }

  #missed(back: Return, page: Page): readonly Publication[] | null {
    const here = { offset: this.#offset, epoch: this.#epoch };
    const missed = back.mode === 'cache' ? latestSince : missedSince;
    return missed(back.since, page, this.#tail, here);
  }

  #attach(
    subscriber: Subscriber,
    missed: readonly Publication[] | null,
    welcome: (joined: Joined) => void,
  ): void {
    // What waits for the end of the turn is before the place where the subscriber joins.
    this.endTurn();
    this.#subscribers.add(subscriber);
    if (subscriber.delta) this.#deltas += 1;
    welcome({ position: this.position, missed });
  }

  #vacateIfEmpty(): void {
    if (this.#subscribers.size === 0 && this.#guests === 0) this.#context.vacated(this);
  }
}

function queryOf(back: Return): Query {
  if (back.mode === 'cache') return { kind: 'latest' };
  return { kind: 'since', since: back.since, limit: back.publicationsMax };
}
