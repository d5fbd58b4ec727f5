/** Several gateways in front of one Redis: what one leaves behind, the others go on with. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { RedisServer } from '../support/redis.ts';
import { crowdOf, expire, pair, settled, station } from './redis-rig.ts';
import { View } from './view.ts';

test('one delivers for all, and what is first anywhere is told once', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await pair(redis);
  crowdOf(a, 5, 'a');
  crowdOf(b, 5, 'b');
  const view = new View();
  await settled(a, view, b);
  expect(view.faults).toEqual([]);
  const occupied = view.words.filter((words) => words === 'channel_occupied room 0');
  expect(occupied).toHaveLength(1);
  expect(await b.journal.take(100)).toHaveProperty('restMs');
  for (const client of a.clients) a.disconnect(client);
  await settled(a, view, b);
  expect(view.occupied.has('room 0')).toBe(true);
  for (const client of b.clients) b.disconnect(client);
  await settled(a, view, b);
  expect(view.occupied.size).toBe(0);
  expect(view.faults).toEqual([]);
  expect(view.resets).toBe(0);
});

test('the survivor tells the end of all that a dead gateway held, once, and with its reason', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await pair(redis);
  crowdOf(a, 3, 'a');
  // So many that what holds them in Redis has holes when some are taken out.
  crowdOf(b, 4000, 'b');
  const view = new View();
  await settled(a, view, b);
  await expire(redis, b);
  await b.kill();
  await settled(a, view);
  expect(view.faults).toEqual([]);
  const ends = view.events.filter((event) => event.type === 'disconnected');
  expect(ends).toHaveLength(4000);
  for (const end of ends) {
    expect(end).toMatchObject({ code: 1006, reason: 'gateway died', gateway: 'b' });
    expect(end.duration).toBeGreaterThanOrEqual(0);
  }
  const left = view.events.filter((event) => event.type === 'unsubscribed');
  expect(left).toHaveLength(8000);
  expect(left[0]).toMatchObject({ code: 1, reason: 'disconnect called' });
  expect([...view.occupied].toSorted()).toEqual(
    ['own a0', 'own a1', 'own a2', 'room 0', 'room 1', 'room 2'].toSorted(),
  );
  expect(await redis.command('HGETALL', 'test:events:writers')).not.toContain('"b"');
});

test('a Redis that forgot everything is told everything', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await pair(redis);
  crowdOf(a, 20, 'a');
  crowdOf(b, 20, 'b');
  const view = new View();
  await settled(a, view, b);
  b.disconnect('b0');
  a.connect('late');
  for (const { journal } of [a, b]) await journal.flush();
  await redis.command('FLUSHALL');
  a.disconnect('a0');
  await settled(a, view, b);
  expect(view.faults).toEqual([]);
  expect(view.resets).toBe(1);
  expect(view.dropped).toBeGreaterThan(0);
});

test('a Redis that is started again from a file with everything has forgotten nothing', async () => {
  const redis = await RedisServer.start({ args: ['--save', '3600', '1'] });
  const [a, b] = await pair(redis);
  crowdOf(a, 20, 'a');
  crowdOf(b, 20, 'b');
  const view = new View();
  await settled(a, view, b);
  for (let n = 0; n < 5; n += 1) b.disconnect(`b${n}`);
  await b.journal.flush();
  await redis.shutdown();
  a.connect('meanwhile', 'ann');
  a.disconnect('a0');
  await sleep(300);
  await redis.start();
  await settled(a, view, b);
  expect(view.faults).toEqual([]);
  expect(view.resets).toBe(0);
  expect(view.dropped).toBe(0);
  expect(view.words.filter((words) => words.startsWith('disconnected'))).toHaveLength(6);
});

test('what waits for Redis is bounded, and what was dropped is told', async () => {
  const redis = await RedisServer.start({ args: ['--save', '3600', '1'] });
  const a = await station(redis.url, 'test', { pendingMax: 10 });
  const view = new View();
  crowdOf(a, 3, 'a');
  await settled(a, view);
  await redis.shutdown();
  a.disconnect('a0');
  for (let n = 0; n < 20; n += 1) a.connect(`b${n}`);
  a.disconnect('a1');
  expect(a.journal.size).toBe(10);
  await redis.start();
  await settled(a, view);
  expect(view.faults).toEqual([]);
  expect(a.dropped).toEqual(new Map([['pending', 16]]));
  expect(view.dropped).toBe(16);
  // That of the beginning.
  expect(view.resets).toBe(1);
  const ends = view.events.filter((event) => event.type === 'disconnected');
  // Of a0 it is known; of the others only that something was missed.
  expect(ends[0]).toMatchObject({ client: 'a0', code: 3503 });
  expect(ends.at(-1)).toMatchObject({ code: 1005, reason: 'not known' });
});
