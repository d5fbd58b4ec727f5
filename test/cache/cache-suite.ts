/**
 * What every cache promises, wherever it keeps its values. A cache is opened by its factory, anew
 * for each test.
 */
import { describe, expect, test, vi } from 'vitest';
import type { Cache } from '../../src/cache/cache.ts';
import { assert } from '../../src/kernel/assert.ts';
import type { Meters } from '../../src/kernel/meters.ts';

/** A cache under test. Its factory sees to it that it is closed after the test. */
export interface Opened {
  readonly cache: Cache;
  readonly meters: Meters;
  /** Lets time pass for computations. */
  readonly pass: (ms: number) => void;
  /** Lets the time of values pass. */
  readonly age: (ms: number) => Promise<void>;
}

export interface Bounds {
  readonly valueBytesMax?: number;
  readonly computeMsMax?: number;
}

export type OpenCache = (bounds: Bounds) => Promise<Opened>;

const QUICKLY = { timeout: 10_000, interval: 5 };

/** A computation that ends when the test says so. */
class Work<T> {
  readonly signals: AbortSignal[] = [];
  readonly #running: PromiseWithResolvers<T>[] = [];

  readonly compute = (signal: AbortSignal): Promise<T> => {
    this.signals.push(signal);
    const run = Promise.withResolvers<T>();
    this.#running.push(run);
    return run.promise;
  };

  get begun(): number {
    return this.#running.length;
  }

  end(index: number, value: T): void {
    this.#run(index).resolve(value);
  }

  fail(index: number, error: unknown): void {
    this.#run(index).reject(error);
  }

  async isBegun(count: number): Promise<void> {
    await vi.waitFor(() => expect(this.begun).toBe(count), QUICKLY);
  }

  #run(index: number): PromiseWithResolvers<T> {
    const run = this.#running[index];
    assert(run !== undefined, `computation ${index} was begun`);
    return run;
  }
}

const TTL = 60_000;

export function cacheSuite(name: string, open: OpenCache): void {
  describe(`a cache ${name}`, () => {
    test('has what was set until its time is over, or it is deleted', async () => {
      const { cache, age } = await open({});
      expect(await cache.get('a')).toBeUndefined();
      expect(await cache.set('a', { n: 1 }, TTL)).toBe(true);
      expect(await cache.set('b', 'other', 2 * TTL)).toBe(true);
      expect(await cache.get('a')).toEqual({ n: 1 });
      await age(TTL);
      expect(await cache.get('a')).toBeUndefined();
      expect(await cache.get('b')).toBe('other');
      expect(await cache.delete('b')).toBe(true);
      expect(await cache.delete('b')).toBe(true);
      expect(await cache.get('b')).toBeUndefined();
    });

    test.each([
      [null],
      [false],
      [0],
      [''],
      ['é "quoted"\n:'],
      [[1, [2]]],
      [{ a: { b: null }, 'c:d': '{' }],
    ])('keeps %j', async (value) => {
      const { cache } = await open({});
      await cache.set('key', value, TTL);
      expect(await cache.get('key')).toEqual(value);
    });

    test('takes any key, and tells them apart', async () => {
      const { cache } = await open({});
      const keys = ['a', 'a ', 'A', '', 'a:b', 'é', '{a}', '__proto__', '\0\n', 'x'.repeat(1000)];
      for (const key of keys) await cache.set(key, key, TTL);
      expect(await Promise.all(keys.map((key) => cache.get(key)))).toEqual(keys);
    });

    test('gives each reader a copy of its own, of what JSON has of the value', async () => {
      const { cache } = await open({});
      const written = { list: [1], at: new Date(0), nothing: undefined };
      const first = await cache.getOrSet('key', TTL, () => written);
      written.list.push(2);
      (first as { list: number[] }).list.push(3);
      const seen = { list: [1], at: '1970-01-01T00:00:00.000Z' };
      expect(await cache.get('key')).toEqual(seen);
      expect(await cache.getOrSet('key', TTL, () => null)).toEqual(seen);
    });

    test('takes what is set last', async () => {
      const { cache } = await open({});
      await cache.set('key', 1, TTL);
      await cache.set('key', 2, TTL);
      expect(await cache.get('key')).toBe(2);
      expect(await cache.set('key', 3, 0)).toBe(false);
      expect(await cache.get('key')).toBeUndefined();
    });

    test.each([[undefined], [() => 1], [10n], [Symbol('a')]])(
      'refuses what is no JSON: %s',
      async (value) => {
        const { cache } = await open({});
        await cache.set('key', 'before', TTL);
        await expect(cache.set('key', value, TTL)).rejects.toThrow(TypeError);
        expect(await cache.get('key')).toBe('before');
      },
    );

    test.each([[-1], [Number.NaN], [Infinity]])('refuses the time %d', async (ttl) => {
      const { cache } = await open({});
      const compute = vi.fn<() => number>(() => 1);
      await expect(cache.set('key', 1, ttl)).rejects.toThrow(TypeError);
      await expect(cache.getOrSet('key', ttl, compute)).rejects.toThrow(TypeError);
      await expect(cache.getOrSet('key', 1, compute, { staleMs: ttl })).rejects.toThrow(TypeError);
      expect(compute).not.toHaveBeenCalled();
      await expect(cache.getOrSet('key', () => ttl, compute)).rejects.toThrow(TypeError);
    });
  });

  describe(`a value that is computed, ${name}`, () => {
    test('is computed once for all that wait for it, and then kept', async () => {
      const { cache, meters } = await open({});
      const work = new Work<string>();
      const waiting = Array.from({ length: 20 }, () => cache.getOrSet('key', TTL, work.compute));
      await work.isBegun(1);
      waiting.push(cache.getOrSet('key', TTL, work.compute));
      work.end(0, 'value');
      expect(new Set(await Promise.all(waiting))).toEqual(new Set(['value']));
      expect(await cache.getOrSet('key', TTL, work.compute)).toBe('value');
      expect(await cache.get('key')).toBe('value');
      expect(work.begun).toBe(1);
      // Until it is written it is had from where it was computed.
      const [misses, hits] = ['miss', 'hit'].map((each) => meters.count('cache_reads', each));
      expect([21, 22]).toContain(misses);
      expect(hits).toBe(23 - (misses ?? 0));
      expect(meters.count('cache_events', 'computed')).toBe(1);
    });

    test('of another key does not wait for it', async () => {
      const { cache } = await open({});
      const work = new Work<string>();
      const slow = cache.getOrSet('slow', TTL, work.compute);
      await work.isBegun(1);
      expect(await cache.getOrSet('quick', TTL, () => 'quick')).toBe('quick');
      work.end(0, 'slow');
      expect(await slow).toBe('slow');
    });

    test('may be there at once, and may be undefined, which is not kept', async () => {
      const { cache } = await open({});
      const compute = vi.fn<() => undefined>(() => undefined);
      expect(await cache.getOrSet('key', TTL, compute)).toBeUndefined();
      expect(await cache.getOrSet('key', TTL, compute)).toBeUndefined();
      expect(compute).toHaveBeenCalledTimes(2);
      expect(await cache.getOrSet('key', TTL, () => null)).toBeNull();
      expect(await cache.getOrSet('key', TTL, compute)).toBeNull();
    });

    test('that fails fails for all that wait for it, and is computed anew by the next', async () => {
      const { cache, meters } = await open({});
      const work = new Work<string>();
      const waiting = [1, 2, 3].map(() => cache.getOrSet('key', TTL, work.compute));
      await work.isBegun(1);
      const reason = new Error('no value');
      work.fail(0, reason);
      const settled = await Promise.allSettled(waiting);
      expect(settled).toEqual([1, 2, 3].map(() => ({ status: 'rejected', reason })));
      expect(meters.count('cache_events', 'failed')).toBe(1);
      const throws = (): never => {
        throw reason;
      };
      await expect(cache.getOrSet('key', TTL, throws)).rejects.toBe(reason);
      expect(await cache.getOrSet('key', TTL, () => 'now')).toBe('now');
    });

    test('tells itself how long it is kept', async () => {
      const { cache, age } = await open({});
      const ttlOf = (value: number): number => value * TTL;
      expect(await cache.getOrSet('key', ttlOf, () => 0)).toBe(0);
      expect(await cache.getOrSet('key', ttlOf, () => 2)).toBe(2);
      await age(TTL);
      expect(await cache.getOrSet('key', ttlOf, () => 3)).toBe(2);
      await age(TTL);
      expect(await cache.getOrSet('key', ttlOf, () => 3)).toBe(3);
    });

    test('does not overwrite what was set or deleted meanwhile', async () => {
      const { cache } = await open({});
      const work = new Work<string>();
      const set = cache.getOrSet('set', TTL, work.compute);
      const deleted = cache.getOrSet('deleted', TTL, work.compute);
      await work.isBegun(2);
      await cache.set('set', 'newer', TTL);
      await cache.delete('deleted');
      // Who comes after that does not get what was begun before.
      const again = cache.getOrSet('deleted', TTL, work.compute);
      await work.isBegun(3);
      work.end(0, 'old');
      work.end(1, 'old');
      expect(await Promise.all([set, deleted])).toEqual(['old', 'old']);
      expect(await cache.get('set')).toBe('newer');
      expect(await cache.get('deleted')).toBeUndefined();
      work.end(2, 'new');
      expect(await again).toBe('new');
      await vi.waitFor(async () => expect(await cache.get('deleted')).toBe('new'), QUICKLY);
    });

    test('that takes too long is given up, and the next computes anew', async () => {
      const { cache, meters, pass } = await open({ computeMsMax: 1000 });
      const work = new Work<string>();
      const waiting = [1, 2].map(() => cache.getOrSet('key', TTL, work.compute));
      const settled = Promise.allSettled(waiting);
      await work.isBegun(1);
      pass(999);
      expect(work.signals[0]?.aborted).toBe(false);
      pass(1);
      const reason = new Error('the value was not computed within 1000 ms');
      expect(await settled).toEqual([1, 2].map(() => ({ status: 'rejected', reason })));
      expect(work.signals[0]?.aborted).toBe(true);
      expect(meters.count('cache_events', 'overdue')).toBe(1);
      const next = cache.getOrSet('key', TTL, work.compute);
      await work.isBegun(2);
      work.end(1, 'in time');
      expect(await next).toBe('in time');
      // What comes too late is not kept.
      work.end(0, 'too late');
      await vi.waitFor(async () => expect(await cache.get('key')).toBe('in time'), QUICKLY);
    });

    test('that is too large is not kept, but given', async () => {
      const { cache, meters } = await open({ valueBytesMax: 100 });
      // With the key and its quotes.
      const fits = 'x'.repeat(100 - 'key'.length - 2);
      expect(await cache.set('key', fits, TTL)).toBe(true);
      expect(await cache.set('key', `${fits}x`, TTL)).toBe(false);
      expect(await cache.getOrSet('other key', TTL, () => fits)).toBe(fits);
      expect(await cache.get('other key')).toBeUndefined();
      expect(meters.count('cache_events', 'too_large')).toBe(2);
    });
  });

  describe(`a value that is stale, ${name}`, () => {
    const STALE = { staleMs: TTL };

    test('is given at once while one computation replaces it', async () => {
      const { cache, meters, age } = await open({});
      const work = new Work<string>();
      const ask = (): Promise<string> => cache.getOrSet('key', TTL, work.compute, STALE);
      const first = ask();
      await work.isBegun(1);
      work.end(0, 'old');
      expect(await first).toBe('old');
      await age(TTL);
      expect(await Promise.all([ask(), ask(), ask()])).toEqual(['old', 'old', 'old']);
      expect(await cache.get('key')).toBeUndefined();
      await work.isBegun(2);
      expect(await ask()).toBe('old');
      work.end(1, 'new');
      await vi.waitFor(async () => expect(await cache.get('key')).toBe('new'), QUICKLY);
      expect(await ask()).toBe('new');
      expect(work.begun).toBe(2);
      expect(meters.count('cache_reads', 'stale')).toBe(4);
    });

    test('is not given any more when that time is over, too', async () => {
      const { cache, age } = await open({});
      expect(await cache.getOrSet('key', TTL, () => 'old', STALE)).toBe('old');
      await age(2 * TTL);
      expect(await cache.getOrSet('key', TTL, () => 'new', STALE)).toBe('new');
    });

    test('stays when it cannot be replaced, and is tried again', async () => {
      const { cache, meters, age } = await open({});
      const work = new Work<string>();
      const ask = (): Promise<string> => cache.getOrSet('key', TTL, work.compute, STALE);
      const first = ask();
      await work.isBegun(1);
      work.end(0, 'old');
      await first;
      await age(TTL);
      expect(await ask()).toBe('old');
      await work.isBegun(2);
      work.fail(1, new Error('not now'));
      await vi.waitFor(() => expect(meters.count('cache_events', 'failed')).toBe(1), QUICKLY);
      expect(await ask()).toBe('old');
      await work.isBegun(3);
      work.end(2, 'new');
      await vi.waitFor(async () => expect(await cache.get('key')).toBe('new'), QUICKLY);
    });

    test('goes when it is not to be kept any more', async () => {
      const { cache, age } = await open({});
      const ttlOf = (value: string): number => (value === 'keep' ? TTL : 0);
      await cache.getOrSet('key', ttlOf, () => 'keep', STALE);
      await age(TTL);
      expect(await cache.getOrSet('key', ttlOf, () => 'drop', STALE)).toBe('keep');
      await vi.waitFor(
        async () => expect(await cache.getOrSet('key', 0, () => 'gone')).toBe('gone'),
        QUICKLY,
      );
    });
  });

  test(`closing a cache ${name} gives up what is being computed`, async () => {
    const { cache } = await open({});
    const work = new Work<string>();
    const waiting = cache.getOrSet('key', TTL, work.compute);
    await work.isBegun(1);
    await Promise.all([expect(waiting).rejects.toThrow('the cache was closed'), cache.close()]);
    expect(work.signals[0]?.aborted).toBe(true);
    await cache.close();
  });
}
