/** Reads the ledger in Redis, for the one gateway of all that delivers what waits there. */
import { RedisAway } from '../redis/errors.ts';
import type { Redis } from '../redis/redis.ts';
import { listOf, numberOf, textOf } from '../redis/reply.ts';
import type { JournalOptions, Page, Rest } from './journal.ts';
import type { LedgerNames } from './redis-names.ts';
import { ledgerScript } from './redis-names.ts';

const TAKE = ledgerScript('redis-take.lua');
const DONE = ledgerScript('redis-done.lua');

/** How long a gateway delivers that is not heard of any more. */
const CLAIM_MS = 5000;
const KEEP_MS = 1500;
/** How often the one that delivers looks for what others entered, and the others for its end. */
const LOOK_MS = 100;
const ELSEWHERE_MS = 1000;

export interface ReaderOptions extends JournalOptions {
  readonly redis: Redis;
  readonly names: LedgerNames;
  readonly fault: (where: string, error: unknown) => void;
}

export class RedisReader {
  readonly #options: ReaderOptions;
  readonly #keeping: ReturnType<typeof setInterval>;
  /** Of the page that is being delivered. */
  #page: AbortController | null = null;
  #deliveredId = 0;
  #isCourier = false;
  #waiting = 0;
  #oldestMs: number | null = null;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#keeping = setInterval(() => void this.#keep(), KEEP_MS);
    this.#keeping.unref();
  }

  get isCourier(): boolean {
    return this.#isCourier;
  }

  /** Events that wait, where this gateway delivers them. */
  get size(): number {
    return this.#isCourier ? this.#waiting : 0;
  }

  get oldestMs(): number | null {
    return this.#isCourier ? this.#oldestMs : null;
  }

  async take(eventsMax: number): Promise<Page | Rest> {
    this.#page = null;
    const [isCourier, dropped, waiting, ...entries] = listOf(await this.#take(eventsMax, CLAIM_MS));
    this.#isCourier = numberOf(isCourier) === 1;
    if (!this.#isCourier) return { restMs: ELSEWHERE_MS };
    this.#waiting = numberOf(waiting);
    this.#oldestMs = null;
    if (entries.length === 0) return { restMs: LOOK_MS };
    this.#oldestMs = Math.floor(numberOf(entries[0]) / 1000);
    this.#page = new AbortController();
    const events: string[] = [];
    for (let at = 0; at < entries.length; at += 2) {
      events.push(`{"id":${textOf(entries[at])},${textOf(entries[at + 1])}}`);
    }
    return {
      batch: { source: this.#options.source, dropped: numberOf(dropped), events },
      lastId: numberOf(entries.at(-2)),
      isFull: events.length === eventsMax,
      signal: this.#page.signal,
    };
  }

  async done({ batch, lastId }: Page, outcome: 'delivered' | 'dropped'): Promise<void> {
    const { redis, names, gateway, countDropped } = this.#options;
    this.#page = null;
    this.#deliveredId = lastId;
    const isDelivered = outcome === 'delivered';
    const gone = isDelivered ? 0 : batch.events.length;
    const args = names.args(gateway, lastId, isDelivered ? batch.dropped : 0, gone);
    const isDone = numberOf(await redis.link.run(DONE, this.#keys(), args)) === 1;
    if (isDone) countDropped('refused', gone);
  }

  /** Another gateway may deliver what waits. */
  async close(): Promise<void> {
    clearInterval(this.#keeping);
    if (!this.#isCourier || !this.#options.redis.link.isUp) return;
    this.#isCourier = false;
    try {
      await this.#take(0, 0);
    } catch (error) {
      // Then its time runs out.
      if (!(error instanceof RedisAway)) throw error;
    }
  }

  /** The backend may take its time. */
  async #keep(): Promise<void> {
    const page = this.#page;
    if (page === null || !this.#options.redis.link.isUp) return;
    try {
      const [isCourier] = listOf(await this.#take(0, CLAIM_MS));
      if (numberOf(isCourier) === 0) page.abort();
    } catch (error) {
      if (!(error instanceof RedisAway)) this.#options.fault('events', error);
    }
  }

  #take(eventsMax: number, claimMs: number): ReturnType<Redis['link']['run']> {
    const { redis, names, gateway } = this.#options;
    const delivered = this.#deliveredId === 0 ? '' : this.#deliveredId;
    const args = names.args(gateway, claimMs, eventsMax, delivered);
    return redis.link.run(TAKE, this.#keys(), args);
  }

  #keys(): string[] {
    const { names, gateway } = this.#options;
    return names.keys(gateway, names.courier);
  }
}
