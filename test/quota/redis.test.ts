/** Quotas of several gateways on one Redis. */
import { expect, test, vi } from 'vitest';
import { RedisServer } from '../support/redis.ts';
import { memberOn } from './rig.ts';

const SOON = { timeout: 15_000, interval: 10 };

test('the places of a user are those on all gateways', async () => {
  const redis = await RedisServer.start();
  const [a, b] = [await memberOn(redis.url), await memberOn(redis.url)];
  expect(await a.quota.take('ann', '1')).toBe('taken');
  expect(await b.quota.take('ann', '2')).toBe('taken');
  expect(await a.quota.take('ann', '3')).toBe('full');
  expect(await b.quota.take('ann', '4')).toBe('full');
  a.quota.release('ann', '1');
  await vi.waitFor(async () => expect(await b.quota.take('ann', '4')).toBe('taken'), SOON);
  // Another deployment on the same Redis.
  const other = await memberOn(redis.url, 'other');
  expect(await other.quota.take('ann', '5')).toBe('taken');
});

test('places that a dead gateway holds are doubtful, not full, from the first moment', async () => {
  const redis = await RedisServer.start();
  const [a, b] = [await memberOn(redis.url), await memberOn(redis.url)];
  await a.quota.take('ann', '1');
  await b.quota.take('ann', '2');
  expect(await b.quota.take('ann', '3')).toBe('full');
  await a.die();
  await vi.waitFor(async () => expect(await b.quota.take('ann', '3')).toBe('doubtful'), SOON);
  // Those of this one are not.
  await b.quota.take('bob', '4');
  await b.quota.take('bob', '5');
  expect(await b.quota.take('bob', '6')).toBe('full');
});

test('many who ask many gateways at once get no more than there are', async () => {
  const redis = await RedisServer.start();
  const members = await Promise.all([1, 2, 3].map(() => memberOn(redis.url)));
  const asked = Array.from({ length: 60 }, async (_, index) =>
    members[index % 3]!.quota.take('ann', `${index}`),
  );
  const admissions = await Promise.all(asked);
  expect(admissions.filter((admission) => admission === 'taken')).toHaveLength(2);
});

test('nothing is left in Redis of those who left, nor of gateways that closed', async () => {
  const redis = await RedisServer.start();
  const [a, b] = [await memberOn(redis.url), await memberOn(redis.url)];
  for (const user of ['ann', 'bob']) {
    await a.quota.take(user, `${user} 1`);
    await b.quota.take(user, `${user} 2`);
  }
  for (const user of ['ann', 'bob']) a.quota.release(user, `${user} 1`);
  await b.lease.close();
  await vi.waitFor(async () => {
    const places = await redis.command('EVAL', 'return #redis.call("KEYS", "suite:q:*")', '0');
    const held = await redis.command('EVAL', 'return #redis.call("KEYS", "suite:places:*")', '0');
    expect([places, held]).toEqual([':0\r\n', ':0\r\n']);
  }, SOON);
});

test('while Redis is away each gateway counts its own, and refuses nobody for others', async () => {
  const redis = await RedisServer.start();
  const [a, b] = [await memberOn(redis.url), await memberOn(redis.url)];
  await a.quota.take('ann', '1');
  await a.quota.take('ann', '2');
  await redis.kill();
  await vi.waitFor(() => expect(b.redis.link.isUp).toBe(false), SOON);
  const startMs = performance.now();
  expect(await b.quota.take('ann', '3')).toBe('taken');
  expect(await b.quota.take('ann', '4')).toBe('taken');
  expect(await b.quota.take('ann', '5')).toBe('full');
  expect(performance.now() - startMs).toBeLessThan(500);
  a.quota.release('ann', '1');
  b.quota.release('ann', '4');
  // Redis comes back empty: what there is now is what counts, and it is registered.
  await redis.start();
  const places = (): Promise<string> => redis.command('HLEN', 'suite:q:ann');
  await vi.waitFor(async () => expect(await places()).toBe(':2\r\n'), SOON);
  for (const { quota } of [a, b]) {
    await vi.waitFor(async () => expect(await quota.take('ann', 'late')).toBe('full'), SOON);
  }
});
