/** One channel as this gateway hears it: its place in the stream, and who listens here. */
import type { ChannelName } from '../channel/name.ts';
import type { Publication } from '../channel/publication.ts';
import type { Page, Position, Query } from '../channel/recovery.ts';
import { continues, latestSince, missedSince, stepOf } from '../channel/recovery.ts';
import { assert } from '../kernel/assert.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Maybe } from '../kernel/maybe.ts';
import { chain } from '../kernel/maybe.ts';
import type { AudienceOptions } from './audience.ts';
import { Audience } from './audience.ts';
import type { LookupsOwner, Return } from './lookups.ts';
import { Lookups, queryOf } from './lookups.ts';
import type { Notice, Subscriber } from './subscriber.ts';

/** What a feed needs of its surroundings. */
export interface FeedContext extends AudienceOptions {
  /** Publications come oldest first. */
  read(channel: ChannelName, query: Query): Maybe<Page>;
  /** Called when nobody listens any more. */
  vacated(feed: Feed): void;
  /** Something about streams that an operator wants to count. */
  count(event: FeedEvent): void;
  /** A read failed; the feed tries again with the next publication or check. */
  failed(channel: ChannelName, error: unknown): void;
  /** Publications that may wait for a gap to be healed. */
  readonly heldMax: number;
  /** The feed would keep so many bytes until `cool` is called soon; false where that is too much. */
  mayKeep(feed: Feed, bytes: number): boolean;
}

export type FeedEvent = 'double' | 'gap' | 'healed' | 'lost';

/** What a subscriber that joins is told. */
export interface Joined {
  /** Where the feed stands; null in a channel without history. */
  readonly position: Position | null;
  /** What the subscriber missed, when it asked and all of it could be had; null otherwise. */
  readonly missed: readonly Publication[] | null;
}

interface Held {
  readonly publication: Publication;
  readonly epoch: string;
}

/** Called when a subscriber is attached: what it writes comes before the first publication. */
type Welcome = (joined: Joined) => void;

/**
 * - `live`: what continues the stream is delivered.
 * - `reading`: the history is being read, and publications wait: `held`.
 * Without history a feed is always live, and has no position.
 *
 *     (new) --> reading --> live --gap--> reading --> live …
 */
export class Feed implements LookupsOwner {
  readonly channel: ChannelName;
  readonly tracked: boolean;
  readonly #context: FeedContext;
  readonly #audience: Audience;
  /** Those about to join; a feed with guests is not vacated. */
  #guests = 0;
  #offset = 0;
  #epoch = '';
  /** Somebody here knows the stream by another epoch, and learns the new one by a publication. */
  #isReborn = false;
  /** Where the feed was in the life of the stream before, if it was there when this one began. */
  #former: Position | null = null;
  #reading: Promise<void> | null = null;
  #held: Held[] | null = null;
  /** More came than could be held. */
  #overflowed = false;
  /** Null while nobody comes back. */
  #lookups: Lookups | null = null;

  constructor(channel: ChannelName, tracked: boolean, context: FeedContext) {
    this.channel = channel;
    this.tracked = tracked;
    this.#context = context;
    this.#audience = new Audience(channel, context);
  }

  get size(): number {
    return this.#audience.size;
  }

  get position(): Position | null {
    return this.tracked ? this.#here() : null;
  }

  get heldMax(): number {
    return this.#context.heldMax;
  }

  mayKeep(bytes: number): boolean {
    return this.#context.mayKeep(this, bytes);
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
   * Attaches a subscriber at the feed's place.
   * @throws what the history or `welcome` throws; nothing is left behind then.
   */
  join(subscriber: Subscriber, back: Return | null, welcome: Welcome): Maybe<void> {
    return chain(this.#reading ?? undefined, () =>
      back === null || !this.tracked
        ? this.#attach(subscriber, null, welcome)
        : this.#joinSince(back, subscriber, welcome),
    );
  }

  leave(subscriber: Subscriber): void {
    if (this.#audience.remove(subscriber)) this.#vacateIfEmpty();
  }

  /** A publication from the bus. */
  receive(publication: Publication, epoch: string): void {
    // Before the feed has read its place: what comes is part of what it will read.
    if (this.tracked && this.#epoch === '' && this.#reading === null) return;
    if (this.#reading === null) this.#place(publication, epoch);
    else this.#putOff({ publication, epoch });
  }

  /** Tells who wants to know that somebody came or left, after all that was published before. */
  notify(notice: Notice): void {
    this.#audience.notify(notice);
  }

  /**
   * Compares the feed's place with the stream's top, and reads when they differ: what is missing,
   * or that the stream went back to a place before it. A top of a moment ago does no harm.
   */
  check(top: Position): void {
    // Where it does not know its place yet, it is about to read it.
    if (!this.tracked || this.#epoch === '' || this.#reading !== null) return;
    if (top.epoch !== this.#epoch || top.offset !== this.#offset) this.#healAlone();
  }

  /** What is kept for those who come back is forgotten. */
  cool(): void {
    this.#lookups?.cool();
    this.#forgetLookups();
  }

  /** Until what is being read is there. */
  #putOff(held: Held): void {
    this.#held ??= [];
    if (this.#held.length < this.heldMax) this.#held.push(held);
    else this.#overflowed = true;
  }

  #place(publication: Publication, epoch: string): void {
    // Offset 0: published past the history.
    if (!this.tracked || publication.offset === 0) {
      this.#accept(publication);
      return;
    }
    const step = stepOf(this.#here(), publication.offset, epoch);
    if (step === 'next') {
      this.#offset = publication.offset;
      this.#accept(publication);
      return;
    }
    this.#context.count(step);
    if (step === 'gap') this.#healAlone();
  }

  #accept(accepted: Publication): void {
    const isKept = accepted.offset > 0;
    let publication = accepted;
    if (this.#isReborn && isKept) {
      publication = { ...accepted, epoch: this.#epoch };
      this.#isReborn = false;
    }
    if (isKept) this.#lookups?.delivered(publication);
    this.#audience.publish(publication);
  }

  /** Reads once for all subscribers what the bus did not bring; tells them when it is gone. */
  #heal(): Maybe<void> {
    const since = this.#here();
    return this.#readWhileHolding({ kind: 'since', since, limit: Infinity }, (page) => {
      if (!continues(page, since)) {
        this.#lose(page.top);
        return;
      }
      this.#context.count('healed');
      if (page.top.epoch !== since.epoch) this.#goOnIn(page.top.epoch);
      for (const publication of page.publications) {
        this.#offset = publication.offset;
        this.#accept(publication);
      }
    });
  }

  /** Heals where nobody waits for it. */
  #healAlone(): void {
    const failed = (error: unknown): void => this.#context.failed(this.channel, error);
    try {
      const healed = this.#heal();
      if (healed instanceof Promise) healed.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #lose(top: Position): void {
    this.#context.count('lost');
    // What was published before belongs to the place before.
    this.#audience.endTurn();
    this.#lookups?.lost();
    this.#moveTo(top);
    this.#audience.lost();
  }

  #moveTo(top: Position): void {
    this.#offset = top.offset;
    this.#epoch = top.epoch;
    this.#former = null;
  }

  /** Another life of the stream goes on from the place that the feed was at. */
  #goOnIn(epoch: string): void {
    this.#former = this.#here();
    this.#epoch = epoch;
    this.#isReborn = true;
  }

  /** What comes while a read is under way waits, and is then placed after what was read. */
  #readWhileHolding(query: Query, use: (page: Page) => void): Maybe<void> {
    assert(this.#reading === null, 'a feed reads one page at a time');
    const read = this.#context.read(this.channel, query);
    if (!(read instanceof Promise)) {
      use(read);
      return undefined;
    }
    this.#reading = read.then(
      (page) => {
        const { held, overflowed } = this.#endReading();
        use(page);
        for (const { publication, epoch } of held) this.receive(publication, epoch);
        if (overflowed && this.#reading === null) this.#healAlone();
      },
      (error: unknown) => {
        // What was held is in the history: the next publication finds a gap and reads again.
        this.#endReading();
        throw error;
      },
    );
    return this.#reading;
  }

  #endReading(): { held: readonly Held[]; overflowed: boolean } {
    const ended = { held: this.#held ?? [], overflowed: this.#overflowed };
    this.#held = null;
    this.#overflowed = false;
    this.#reading = null;
    return ended;
  }

  #joinSince(back: Return, subscriber: Subscriber, welcome: Welcome): Maybe<void> {
    const lookups = (this.#lookups ??= new Lookups(this));
    const done = (): void => {
      lookups.end();
      this.#forgetLookups();
    };
    lookups.begin();
    let joined: Maybe<void>;
    try {
      const lookup = lookups.of(back, () => ({
        asked: this.#here(),
        page: this.#context.read(this.channel, queryOf(back)),
      }));
      joined = chain(lookup.page, (page) =>
        chain(this.#catchUp(page.top, lookup.asked), () => {
          const missed = this.#missed(back, page, lookups.tail);
          this.#isReborn ||= missed !== null && back.since.epoch !== this.#epoch;
          this.#attach(subscriber, missed, welcome);
        }),
      );
    } catch (error) {
      done();
      throw error;
    }
    if (joined instanceof Promise) return joined.finally(done);
    done();
    return undefined;
  }

  /**
   * A joining subscriber's read may be ahead of this gateway, for the bus can be slower; or behind
   * where the feed was when it `asked`, for the stream went back. Either way the feed reads, too.
   */
  #catchUp(top: Position, asked: Position): Maybe<void> {
    if (!this.#isApart(top, asked)) return undefined;
    // A read that is under way may have begun before the other.
    if (this.#reading !== null) return this.#reading.then(() => this.#catchUp(top, asked));
    return chain(this.#heal(), () => {
      // It read later, so where it stands in another life of the stream, that is a newer one.
      if (top.epoch === this.#epoch && top.offset > this.#offset) {
        throw new Refusal('internal', 'the history went back while it was read');
      }
    });
  }

  #isApart(top: Position, asked: Position): boolean {
    if (top.epoch !== this.#epoch || top.offset > this.#offset) return true;
    return asked.epoch === this.#epoch && top.offset < asked.offset;
  }

  /**
   * Of a reader who knows only the life before, the history cannot tell whether more was published
   * in that life than it has: whoever has more of it has lost it, too. This feed heard that life to
   * its end, so it can vouch for readers who were no further.
   */
  #missed(back: Return, page: Page, tail: readonly Publication[]): readonly Publication[] | null {
    const missed = back.mode === 'cache' ? latestSince : missedSince;
    return missed(back.since, { ...page, former: this.#former }, tail, this.#here());
  }

  #forgetLookups(): void {
    if (this.#lookups?.isIdle === true) this.#lookups = null;
  }

  #attach(subscriber: Subscriber, missed: readonly Publication[] | null, welcome: Welcome): void {
    this.#audience.add(subscriber);
    try {
      welcome({ position: this.position, missed });
    } catch (error) {
      this.leave(subscriber);
      throw error;
    }
  }

  #here(): Position {
    return { offset: this.#offset, epoch: this.#epoch };
  }

  #vacateIfEmpty(): void {
    if (this.#audience.size === 0 && this.#guests === 0) this.#context.vacated(this);
  }
}
