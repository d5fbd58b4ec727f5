/** The cache in Redis: what every cache promises, what gateways share, and what is when Redis is away. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Cache } from '../../src/cache/cache.ts';
import { RedisStore } from '../../src/cache/redis.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { ThrottledLog } from '../../src/kernel/log.ts';
import { Meters } from '../../src/kernel/meters.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { ManualClock } from '../support/clock.ts';
import { startGateway } from '../support/gateway.ts';
import { KeptLog } from '../support/log.ts';
import { RedisServer } from '../support/redis.ts';
import type { Bounds } from './cache-suite.ts';
import { cacheSuite } from './cache-suite.ts';

const QUICKLY = { timeout: 10_000, interval: 5 };
const TTL = 60_000;

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.shared();
});
afterAll(() => server.dispose());

interface Rig {
  readonly cache: Cache;
  readonly meters: Meters;
  readonly log: KeptLog;
  readonly isUp: () => boolean;
  /** What was written before is there, for other connections, too. */
  readonly settle: () => Promise<unknown>;
}

let prefixes = 0;

async function rig(
  url: string,
  bounds: Bounds & { readonly prefix?: string; readonly clock?: Clock } = {},
): Promise<Rig> {
  const meters = new Meters();
  const log = new KeptLog();
  const throttled = new ThrottledLog(log, Date.now);
  const { prefix = `cache${(prefixes += 1)}`, clock = systemClock } = bounds;
  const redis = connectRedis({ url, prefix, log: throttled, random: Math.random });
  const cache = new Cache({
    valueBytesMax: 1_000_000,
    computeMsMax: 30_000,
    ...bounds,
    store: new RedisStore(redis),
    clock,
    meters,
    log: throttled,
  });
  onTestFinished(async () => {
    await cache.close();
    await redis.close();
  });
  await vi.waitFor(() => expect(redis.link.isUp).toBe(true), QUICKLY);
  const settle = (): Promise<unknown> => redis.link.call('GET', 'any');
  return { cache, meters, log, isUp: () => redis.link.isUp, settle };
}

/** Takes time away from all keys that begin with the prefix, as if it had passed. */
async function age(prefix: string, ms: number): Promise<void> {
  const script = `
    for _, key in ipairs(redis.call('KEYS', ARGV[1] .. ':*')) do
      local left = redis.call('PTTL', key) - ARGV[2]
      if left > 0 then redis.call('PEXPIRE', key, left) else redis.call('DEL', key) end
    end`;
  await server.command('EVAL', script, '0', prefix, String(ms));
}

cacheSuite('in Redis', async (bounds) => {
  const prefix = `suite${(prefixes += 1)}`;
  const clock = new ManualClock();
  const { cache, meters, settle } = await rig(server.url, { ...bounds, prefix, clock });
  return {
    cache,
    meters,
    pass: (ms) => clock.advance(ms),
    async age(ms) {
      await settle();
      await age(prefix, ms);
    },
  };
});

describe('in Redis', () => {
  test('what one gateway keeps another has, and what one deletes', async () => {
    const prefix = 'shared';
    const [one, two] = [await rig(server.url, { prefix }), await rig(server.url, { prefix })];
    await one.cache.set('key', 'value', TTL);
    expect(await two.cache.getOrSet('key', TTL, () => 'other')).toBe('value');
    await two.cache.delete('key');
    expect(await one.cache.get('key')).toBeUndefined();
    const apart = await rig(server.url);
    await one.cache.set('key', 'value', TTL);
    expect(await apart.cache.get('key')).toBeUndefined();
  });

  test('every key has an end', async () => {
    const { cache } = await rig(server.url, { prefix: 'ends' });
    await cache.set('a', 1, 1000);
    await cache.getOrSet('b', 0.5, () => 1, { staleMs: 1000 });
    for (const [key, most] of [
      ['ends:cache:a', 1000],
      ['ends:cache:b', 1001],
    ] as const) {
      const left = Number((await server.command('PTTL', key)).slice(1));
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(most);
    }
  });

  test.each([
    ['no number before it', 'x{"a":1}'],
    ['no JSON', '0:{"a"'],
    ['nothing', ''],
  ])('what somebody else wrote is not given out: %s', async (_name, text) => {
    const { cache, meters } = await rig(server.url, { prefix: 'foreign' });
    await server.command('SET', 'foreign:cache:key', text);
    expect(await cache.get('key')).toBeUndefined();
    expect(await cache.getOrSet('key', TTL, () => 'own')).toBe('own');
    expect(meters.count('cache_events', 'away')).toBe(2);
    await vi.waitFor(async () => expect(await cache.get('key')).toBe('own'), QUICKLY);
  });

  test('a key of another kind fails nobody', async () => {
    const { cache } = await rig(server.url, { prefix: 'kinds' });
    await server.command('RPUSH', 'kinds:cache:key', 'a');
    expect(await cache.getOrSet('key', TTL, () => 'own')).toBe('own');
    expect(await cache.delete('key')).toBe(true);
    expect(await cache.set('key', 1, TTL)).toBe(true);
  });
});

describe('when Redis is away', () => {
  test('values are computed, nobody fails, and it is counted and told', async () => {
    const own = await RedisServer.start();
    const { cache, meters, log, isUp } = await rig(own.url);
    await cache.set('key', 'kept', TTL);
    await own.kill();
    await vi.waitFor(() => expect(isUp()).toBe(false), QUICKLY);
    expect(await cache.get('key')).toBeUndefined();
    expect(await cache.getOrSet('key', TTL, () => 'computed')).toBe('computed');
    expect(await cache.set('key', 'set', TTL)).toBe(false);
    expect(await cache.delete('key')).toBe(false);
    // One read, one read and a write, a write, a delete.
    expect(meters.count('cache_events', 'away')).toBe(5);
    expect(log.kinds().get('cache')).toHaveLength(1);
    await own.start();
    await vi.waitFor(() => expect(isUp()).toBe(true), QUICKLY);
    expect(await cache.set('key', 'again', TTL)).toBe(true);
    expect(await cache.get('key')).toBe('again');
  });

  test('still one computation of a key is made at a time', async () => {
    const own = await RedisServer.start();
    const { cache, isUp } = await rig(own.url);
    await own.kill();
    await vi.waitFor(() => expect(isUp()).toBe(false), QUICKLY);
    const ready = Promise.withResolvers<string>();
    const compute = vi.fn<() => Promise<string>>(() => ready.promise);
    const waiting = Array.from({ length: 10 }, () => cache.getOrSet('key', TTL, compute));
    await vi.waitFor(() => expect(compute).toHaveBeenCalled(), QUICKLY);
    ready.resolve('once');
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['once']));
    expect(compute).toHaveBeenCalledTimes(1);
  });

  test('and silent, nobody waits for longer than a second', async () => {
    const own = await RedisServer.start();
    const { cache, isUp } = await rig(own.url);
    own.pause();
    const beganAtMs = Date.now();
    expect(await cache.getOrSet('key', TTL, () => 'computed')).toBe('computed');
    expect(Date.now() - beganAtMs).toBeLessThan(5000);
    own.resume();
    await vi.waitFor(() => expect(isUp()).toBe(true), QUICKLY);
  });
});

test('gateways with one Redis share gateway.cache', async () => {
  const options = { redis: { url: server.url, prefix: 'gateways' } };
  const [one, two] = [await startGateway(options), await startGateway(options)];
  await vi.waitFor(async () => {
    expect(await one.gateway.cache.set('key', { from: 'one' }, TTL)).toBe(true);
    expect(await two.gateway.cache.get('key')).toEqual({ from: 'one' });
  }, QUICKLY);
});
