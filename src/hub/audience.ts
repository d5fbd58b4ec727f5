/** The subscribers of one channel on this gateway, and what is on its way to them. */
import type { Publication } from '../channel/publication.ts';
import { weightOf } from '../channel/publication.ts';
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
  readonly #subscribers = new Set<Subscriber>();
  /** The same as a list, for whom the next parcel is; null after a change. */
  #list: readonly Subscriber[] | null = null;
  #pending: Publication[] = [];
  #pendingBytes = 0;
  readonly #parcels: Parcel[] = [];
  #sending = false;
  /** The last publication that went out, while somebody here takes deltas. */
  #previous: Publication | null = null;
  #deltas = 0;

  constructor(channel: string, options: AudienceOptions) {
    this.#channel = channel;
    this.#options = options;
  }

  get size(): number {
    return this.#subscribers.size;
  }

  /** What was published before is not for it. */
  add(subscriber: Subscriber): void {
    this.endTurn();
    if (this.#subscribers.has(subscriber)) return;
    this.#subscribers.add(subscriber);
    this.#list = null;
    if (subscriber.delta) this.#deltas += 1;
  }

  /** False when it was not there. */
  remove(subscriber: Subscriber): boolean {
    if (!this.#subscribers.delete(subscriber)) return false;
    this.#list = null;
    if (subscriber.delta) this.#deltas -= 1;
    if (this.#deltas === 0) this.#previous = null;
    return true;
  }

  /** For the end of the turn, or now if that is too much to keep. */
  publish(publication: Publication): void {
    if (this.#subscribers.size === 0) return;
    if (this.#pending.length === 0) this.#options.turn.gather(this);
    this.#pending.push(publication);
    this.#pendingBytes += weightOf(publication);
    if (this.#pendingBytes >= this.#options.flushBytes) this.endTurn();
  }

  /** Tells who wants to know that somebody came or left, after all that was published before. */
  notify(notice: Notice): void {
    this.#seal();
    this.#parcels.push({ notice });
    this.#send();
  }

  /** Something is missing between what was published before and what comes next. */
  lost(): void {
    this.endTurn();
    this.#previous = null;
    const told = [...this.#subscribers];
    for (const subscriber of told) subscriber.lost();
  }

  /** Sends what gathered. */
  endTurn(): void {
    this.#seal();
    this.#send();
  }

  #seal(): void {
    if (this.#pending.length === 0) return;
    const batch = new Batch(this.#channel, this.#pending, this.#previous);
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#deltas > 0) this.#previous = batch.publications.at(-1) ?? null;
    this.#list ??= [...this.#subscribers];
    this.#parcels.push({ batch, to: this.#list });
  }

  #send(): void {
    if (this.#sending) return;
    this.#sending = true;
    try {
      // What is sent may add to it.
      for (let next = this.#parcels.shift(); next; next = this.#parcels.shift()) {
        if ('notice' in next) this.#sendNotice(next.notice);
        else this.#sendBatch(next);
      }
    } finally {
      this.#sending = false;
    }
  }

  /** Who has left since it was made up gets nothing; as long as the list is the same, nobody has. */
  #sendBatch({ batch, to }: Delivery): void {
    for (const subscriber of to) {
      if (to === this.#list || this.#subscribers.has(subscriber)) batch.deliverTo(subscriber);
    }
  }

  #sendNotice(notice: Notice): void {
    const encodings = new Map<Encoder, Uint8Array>();
    const told = [...this.#subscribers];
    for (const subscriber of told) {
      if (!subscriber.joinLeave || !this.#subscribers.has(subscriber)) continue;
      const bytes = encodings.get(subscriber.encoder) ?? subscriber.encoder.encode(notice);
      encodings.set(subscriber.encoder, bytes);
      subscriber.notify(bytes);
    }
  }
}
