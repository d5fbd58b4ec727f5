/** The subscribers of one channel on this gateway, and what is on its way to them. */
import type { Publication } from '../channel/publication.ts';
import { weightOf } from '../channel/publication.ts';
import type { Few } from '../kernel/few.ts';
import { all, has, including, sizeOf, without } from '../kernel/few.ts';
import type { Deferred, Turn } from '../kernel/turn.ts';
import { Batch } from './fan-out.ts';
import type { Encoder, Notice, Subscriber } from './subscriber.ts';

export interface AudienceOptions {
  readonly turn: Turn;
  /** Publications of one turn over it leave at once. */
  readonly flushBytes: number;
}

/** What leaves next: the publications of a turn for those who were there then, or a notice. */
type Parcel = Delivery | { readonly notice: Notice };

interface Delivery {
  readonly batch: Batch;
  readonly to: readonly Subscriber[];
}

/**
 * What is sent may end a subscriber, and its end may be a notice to the others: that waits until
 * the sending before it is done. So all see the same order, and a crowd that falls one by one does
 * not grow the stack.
 */
export class Audience implements Deferred {
  readonly #channel: string;
  readonly #options: AudienceOptions;
  #subscribers: Few<Subscriber> = null;
  /** The same as a list, for whom the next parcel is; null after a change. */
  #list: readonly Subscriber[] | null = null;
  /** Null while there is nothing: most channels are quiet. */
  #pending: Publication[] | null = null;
  #pendingBytes = 0;
  #parcels: Parcel[] | null = null;
  #sending = false;
  /** The last publication that went out, while somebody here takes deltas. */
  #previous: Publication | null = null;
  #deltas = 0;

  constructor(channel: string, options: AudienceOptions) {
    this.#channel = channel;
    this.#options = options;
  }

  get size(): number {
    return sizeOf(this.#subscribers);
  }

  /** What was published before is not for it. */
  add(subscriber: Subscriber): void {
    this.endTurn();
    if (has(this.#subscribers, subscriber)) return;
    this.#subscribers = including(this.#subscribers, subscriber);
    this.#list = null;
    if (subscriber.delta) this.#deltas += 1;
  }

  /** False when it was not there. */
  remove(subscriber: Subscriber): boolean {
    if (!has(this.#subscribers, subscriber)) return false;
    this.#subscribers = without(this.#subscribers, subscriber);
    this.#list = null;
    if (subscriber.delta) this.#deltas -= 1;
    if (this.#deltas === 0) this.#previous = null;
    return true;
  }

  /** For the end of the turn, or now if that is too much to keep. */
  publish(publication: Publication): void {
    if (this.#subscribers === null) return;
    if (this.#pending === null) {
      this.#options.turn.gather(this);
      this.#pending = [publication];
    } else {
      this.#pending.push(publication);
    }
    this.#pendingBytes += weightOf(publication);
    if (this.#pendingBytes >= this.#options.flushBytes) this.endTurn();
  }

  /** Tells who wants to know that somebody came or left, after all that was published before. */
  notify(notice: Notice): void {
    this.#seal();
    this.#put({ notice });
    this.#send();
  }

  /** Something is missing between what was published before and what comes next. */
  lost(): void {
    this.endTurn();
    this.#previous = null;
    const told = all(this.#subscribers);
    for (const subscriber of told) subscriber.lost();
  }

  /** Sends what gathered. */
  endTurn(): void {
    this.#seal();
    this.#send();
  }

  #seal(): void {
    if (this.#pending === null) return;
    const batch = new Batch(this.#channel, this.#pending, this.#previous);
    this.#pending = null;
    this.#pendingBytes = 0;
    if (this.#deltas > 0) this.#previous = batch.publications.at(-1) ?? null;
    this.#list ??= all(this.#subscribers);
    this.#put({ batch, to: this.#list });
  }

  #put(parcel: Parcel): void {
    this.#parcels ??= [];
    this.#parcels.push(parcel);
  }

  #send(): void {
    if (this.#sending) return;
    this.#sending = true;
    try {
      // What is sent may add to it.
      for (let next = this.#next(); next !== null; next = this.#next()) {
        if ('notice' in next) this.#sendNotice(next.notice);
        else this.#sendBatch(next);
      }
    } finally {
      this.#sending = false;
    }
  }

  #next(): Parcel | null {
    const next = this.#parcels?.shift() ?? null;
    if (next === null) this.#parcels = null;
    return next;
  }

  /** Who has left since it was made up gets nothing; as long as the list is the same, nobody has. */
  #sendBatch({ batch, to }: Delivery): void {
    for (const subscriber of to) {
      if (to === this.#list || has(this.#subscribers, subscriber)) batch.deliverTo(subscriber);
    }
  }

  #sendNotice(notice: Notice): void {
    const encodings = new Map<Encoder, Uint8Array>();
    const told = all(this.#subscribers);
    for (const subscriber of told) {
      if (!subscriber.joinLeave || !has(this.#subscribers, subscriber)) continue;
      const bytes = encodings.get(subscriber.encoder) ?? subscriber.encoder.encode(notice);
      encodings.set(subscriber.encoder, bytes);
      subscriber.notify(bytes);
    }
  }
}
