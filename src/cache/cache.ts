/** Values that cost something to have: computed once, and kept for a time. */
import type { Alarm, Clock } from '../kernel/clock.ts';
import { Deferred } from '../kernel/deferred.ts';
import type { ThrottledLog } from '../kernel/log.ts';
import type { Maybe } from '../kernel/maybe.ts';
import type { Count, Meters } from '../kernel/meters.ts';

/** JSON text that a store has. */
export interface Kept {
  readonly text: string;
  /** False: its time is over, and it is only good until there is another. */
  readonly fresh: boolean;
}

/** How long a value is good, and how much longer it may stand in for the next. */
export interface Lifetime {
  readonly ttlMs: number;
  readonly staleMs: number;
}

/** Where values are kept. Each of these may throw when that is away; then it is as if it was empty. */
export interface Store {
  /** Null where there is none, or all of its time is over. */
  read(key: string): Maybe<Kept | null>;
  write(key: string, text: string, lifetime: Lifetime): Maybe<void>;
  remove(key: string): Maybe<void>;
  close(): Promise<void>;
}

export interface CacheContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly meters: Meters;
  readonly log: ThrottledLog;
  /** Of key and value in characters; what is larger is not kept. */
  readonly valueBytesMax: number;
  /** A computation that takes longer is given up. */
  readonly computeMsMax: number;
}

/** `signal` aborts when the value is not waited for any more, because it took too long. */
export type Compute<T> = (signal: AbortSignal) => Maybe<T>;

/** Milliseconds, or what tells them from the value; 0 is not to keep it. */
export type Ttl<T> = number | ((value: T) => number);

export interface GetOrSetOptions {
  /**
   * After its time the value is still given out for so long, at once, while one computation
   * replaces it. Default: 0.
   */
  readonly staleMs?: number;
}

/**
 * Values are JSON: what is read is what `JSON.stringify` made of what was written, a new copy for
 * each reader. Within the process there is one computation of a key at a time. A store that is away
 * never fails a caller: what cannot be read is computed.
 */
export class Cache {
  readonly #context: CacheContext;
  readonly #countRead: Count;
  readonly #countEvent: Count;
  readonly #computations = new Map<string, Computation>();
  #closed = false;

  constructor(context: CacheContext) {
    const { meters } = context;
    this.#context = context;
    this.#countRead = meters.counter('cache_reads', 'Reads of the cache, by outcome.', 'outcome');
    this.#countEvent = meters.counter('cache_events', 'What became of values.', 'event');
    meters.gauge(
      'cache_computations',
      'Values that are being computed.',
      () => this.#computations.size,
    );
  }

  /** Undefined where there is none, or its time is over. */
  async get(key: string): Promise<unknown> {
    const kept = await this.#read(key);
    const text = kept?.fresh === true ? kept.text : undefined;
    this.#countRead(text === undefined ? 'miss' : 'hit');
    return parse(text);
  }

  /** False: it is not kept, because it is too large or the store is away. */
  async set(key: string, value: unknown, ttlMs: number): Promise<boolean> {
    checkTime(ttlMs);
    const text = textOf(value);
    this.#forget(key);
    return this.#write(key, text, { ttlMs, staleMs: 0 });
  }

  /** False: the store is away, and may have the value when it comes back. */
  async delete(key: string): Promise<boolean> {
    this.#forget(key);
    return this.#attempt(() => this.#context.store.remove(key));
  }

  /**
   * The value that is kept, or else the one that `compute` makes, which is then kept. What is thrown
   * goes to all that wait for it, and is not kept; nor is `undefined`. What is deleted or set while
   * it is computed is not overwritten.
   */
  async getOrSet<T>(
    key: string,
    ttlMs: Ttl<T>,
    compute: Compute<T>,
    { staleMs = 0 }: GetOrSetOptions = {},
  ): Promise<T> {
    if (typeof ttlMs === 'number') checkTime(ttlMs);
    checkTime(staleMs);
    const order: Order<T> = { key, ttlMs, compute, staleMs };
    const text = await this.#obtain(order);
    // The caller knows what it computes under its keys.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return parse(text) as T;
  }

  /** What is being computed is given up. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const computation of this.#computations.values()) {
      computation.giveUp(new Error('the cache was closed'));
    }
    await this.#context.store.close();
  }

  async #obtain<T>(order: Order<T>): Promise<string | undefined> {
    const { key } = order;
    // What is being computed is not there to be read. It stays here until it is.
    const isMissing = this.#computations.get(key)?.isRenewal === false;
    const kept = isMissing ? null : await this.#read(key);
    if (kept === null) {
      this.#countRead('miss');
      return this.#computation(order, false).text;
    }
    this.#countRead(kept.fresh ? 'hit' : 'stale');
    if (!kept.fresh) this.#renew(order);
    return kept.text;
  }

  /** The one of the key that is under way, or a new one. */
  #computation<T>(order: Order<T>, isRenewal: boolean): Computation {
    const running = this.#computations.get(order.key);
    if (running !== undefined) return running;
    const { clock, computeMsMax } = this.#context;
    const overdue = (): void => {
      this.#countEvent('overdue');
      this.#end(order.key, computation);
    };
    const computation = new Computation({ clock, msMax: computeMsMax, overdue, isRenewal });
    this.#computations.set(order.key, computation);
    void this.#compute(order, computation);
    return computation;
  }

  /** Ends when the value is written: until then it can only be had here. Never rejects. */
  async #compute<T>(order: Order<T>, computation: Computation): Promise<void> {
    const { key, ttlMs, compute, staleMs } = order;
    try {
      if (this.#closed) throw new Error('the cache was closed');
      const value = await compute(computation.signal);
      const text = value === undefined ? undefined : textOf(value);
      const lifetime = { ttlMs: typeof ttlMs === 'number' ? ttlMs : ttlMs(value), staleMs };
      checkTime(lifetime.ttlMs);
      computation.finish(text);
      this.#countEvent('computed');
      // What was deleted or set meanwhile counts, and what is not kept replaces nothing.
      const isCurrent = this.#computations.get(key) === computation;
      const replaces = lifetime.ttlMs > 0 || staleMs > 0;
      if (text !== undefined && isCurrent && replaces) await this.#write(key, text, lifetime);
    } catch (error) {
      computation.fail(error);
      this.#countEvent('failed');
    } finally {
      this.#end(key, computation);
    }
  }

  #end(key: string, computation: Computation): void {
    if (this.#computations.get(key) === computation) this.#computations.delete(key);
  }

  /** In the background: whoever asked has the old value. */
  #renew<T>(order: Order<T>): void {
    this.#computation(order, true).text.catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.#context.log.warn('cache renewal', { reason }, 'a value was not renewed');
    });
  }

  /** Whoever waits gets what is being computed; whoever comes now does not, and it is not kept. */
  #forget(key: string): void {
    this.#computations.delete(key);
  }

  async #read(key: string): Promise<Kept | null> {
    let kept: Kept | null = null;
    await this.#attempt(async () => {
      kept = await this.#context.store.read(key);
    });
    return kept;
  }

  async #write(key: string, text: string, lifetime: Lifetime): Promise<boolean> {
    if (lifetime.ttlMs === 0) {
      // There may be one before it.
      await this.#attempt(() => this.#context.store.remove(key));
      return false;
    }
    if (key.length + text.length > this.#context.valueBytesMax) {
      this.#countEvent('too_large');
      return false;
    }
    return this.#attempt(() => this.#context.store.write(key, text, lifetime));
  }

  /** The one place where the store fails. */
  async #attempt(act: () => Maybe<void>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      this.#countEvent('away');
      const reason = error instanceof Error ? error.message : String(error);
      this.#context.log.warn(
        'cache',
        { reason },
        'the cache cannot be used; values are computed without it',
      );
      return false;
    }
  }
}

interface Order<T> {
  readonly key: string;
  readonly ttlMs: Ttl<T>;
  readonly compute: Compute<T>;
  readonly staleMs: number;
}

interface ComputationContext {
  readonly clock: Clock;
  readonly msMax: number;
  readonly overdue: () => void;
  readonly isRenewal: boolean;
}

/** One value that is being computed, for all that wait for it. */
class Computation {
  /** JSON; undefined for undefined. */
  readonly text: Promise<string | undefined>;
  /** There is an older value meanwhile. */
  readonly isRenewal: boolean;
  readonly #settled = new Deferred<string | undefined>();
  readonly #controller = new AbortController();
  readonly #alarm: Alarm;

  constructor({ clock, msMax, overdue, isRenewal }: ComputationContext) {
    this.isRenewal = isRenewal;
    this.text = this.#settled.promise;
    // It may be that nobody waits.
    this.text.catch(() => undefined);
    this.#alarm = clock.after(msMax, () => {
      overdue();
      this.giveUp(new Error(`the value was not computed within ${msMax} ms`));
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  finish(text: string | undefined): void {
    this.#alarm.cancel();
    this.#settled.resolve(text);
  }

  fail(error: unknown): void {
    this.#alarm.cancel();
    this.#settled.reject(error);
  }

  giveUp(reason: Error): void {
    this.fail(reason);
    this.#controller.abort(reason);
  }
}

/** @throws {TypeError} for what JSON has no text for. */
function textOf(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError('only JSON values can be kept');
  return text;
}

function checkTime(ms: number): void {
  if (!Number.isFinite(ms) || ms < 0) throw new TypeError('a time is a number of milliseconds');
}

function parse(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text);
}
