/** The cache in process: what every cache promises, and its bounds. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Cache } from '../../src/cache/cache.ts';
import { MemoryStore } from '../../src/cache/memory.ts';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { Meters } from '../../src/kernel/meters.ts';
import { Wheel } from '../../src/kernel/wheel.ts';
import { ManualClock } from '../support/clock.ts';
import { cacheSuite } from './cache-suite.ts';

interface Rig {
  readonly cache: Cache;
  readonly store: MemoryStore;
  readonly meters: Meters;
  readonly clock: ManualClock;
  readonly wheel: Wheel;
  readonly gauge: (name: string) => number | undefined;
}

function rig(
  bounds: {
    readonly entriesMax?: number;
    readonly bytesMax?: number;
    readonly valueBytesMax?: number;
    readonly computeMsMax?: number;
  } = {},
): Rig {
  const meters = new Meters();
  const clock = new ManualClock();
  const wheel = new Wheel(clock);
  const limits = {
    entriesMax: 100,
    bytesMax: 100_000,
    valueBytesMax: 10_000,
    computeMsMax: 30_000,
  };
  const context = { clock, wheel, meters, ...limits, ...bounds };
  const store = new MemoryStore(context);
  const log = new ThrottledLog(silentLog, () => clock.now());
  const cache = new Cache({ ...context, store, log });
  onTestFinished(() => cache.close());
  const gauge: Rig['gauge'] = (name) => {
    const found = [...meters.gauges()].find((one) => one.name === `cache_${name}`);
    return new Map(found?.read()).get('');
  };
  return { cache, store, meters, clock, wheel, gauge };
}

cacheSuite('in memory', async (bounds) => {
  const { cache, meters, clock } = rig(bounds);
  const pass = (ms: number): void => clock.advance(ms);
  return { cache, meters, pass, age: async (ms) => pass(ms) };
});

describe('in memory: bounds', () => {
  const TTL = 60_000;

  test('of too many values the one goes that was not read for the longest time', async () => {
    const { cache, meters, gauge } = rig({ entriesMax: 3 });
    for (const key of ['a', 'b', 'c']) await cache.set(key, key, TTL);
    expect(await cache.get('a')).toBe('a');
    await cache.set('d', 'd', TTL);
    const kept = await Promise.all(['a', 'b', 'c', 'd'].map((key) => cache.get(key)));
    expect(kept).toEqual(['a', undefined, 'c', 'd']);
    expect(gauge('entries')).toBe(3);
    expect(meters.count('cache_evictions')).toBe(1);
    // One that is written again takes no more room.
    await cache.set('d', 'e', TTL);
    expect(meters.count('cache_evictions')).toBe(1);
  });

  test('of too many bytes likewise', async () => {
    const { cache, meters, gauge } = rig({ bytesMax: 5000 });
    for (let n = 0; n < 100; n += 1) {
      await cache.set(`key ${n}`, 'x'.repeat(800), TTL);
      expect(gauge('bytes')).toBeLessThanOrEqual(5000);
    }
    expect(gauge('entries')).toBe(4);
    expect(await cache.get('key 99')).toBeDefined();
    expect(await cache.get('key 95')).toBeUndefined();
    expect(meters.count('cache_evictions')).toBe(96);
  });

  test('what has no room even alone takes no other place', async () => {
    const { cache, gauge } = rig({ bytesMax: 2000 });
    await cache.set('small', 1, TTL);
    await cache.set('large', 'x'.repeat(3000), TTL);
    expect(await cache.get('small')).toBe(1);
    expect(await cache.get('large')).toBeUndefined();
    expect(gauge('entries')).toBe(1);
  });

  test('keys made up without end leave nothing more behind than the bounds', async () => {
    const { cache, gauge, wheel } = rig({ entriesMax: 50 });
    for (let n = 0; n < 5000; n += 1) await cache.getOrSet(`key ${n}`, TTL, () => n);
    expect(gauge('entries')).toBe(50);
    expect(wheel.size).toBe(50);
    await vi.waitFor(() => expect(gauge('computations')).toBe(0));
  });
});

describe('in memory: nothing is left behind', () => {
  test('when the time of all is over', async () => {
    const { cache, clock, wheel, gauge } = rig();
    for (let n = 0; n < 50; n += 1) {
      await cache.set(`set ${n}`, n, 1000 + n);
      await cache.getOrSet(`computed ${n}`, 1000, () => n, { staleMs: 1000 });
      clock.advance(10);
    }
    expect(wheel.size).toBe(100);
    await vi.waitFor(() => expect(gauge('computations')).toBe(0));
    clock.advance(3000);
    expect(wheel.size).toBe(0);
    expect([gauge('entries'), gauge('bytes')]).toEqual([0, 0]);
    expect(clock.pending).toBe(0);
  });

  test('when it is closed', async () => {
    const { cache, wheel, gauge } = rig();
    await cache.set('a', 1, 1000);
    await cache.set('b', 2, 1000);
    await cache.close();
    expect(wheel.size).toBe(0);
    expect([gauge('entries'), gauge('bytes')]).toEqual([0, 0]);
  });
});

test('a value is gone at its time, not at the next tick of the wheel', async () => {
  const { cache, clock } = rig();
  await cache.set('key', 1, 1001);
  clock.advance(1000);
  expect(await cache.get('key')).toBe(1);
  clock.advance(1);
  expect(await cache.get('key')).toBeUndefined();
});
