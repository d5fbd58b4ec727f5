/** Who delivers, and what a Redis that breaks does to it: what takes its time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { Proxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis.ts';
import { readAll } from './crowd.ts';
import { crowdOf, expire, pair, settled, SOON, station } from './redis-rig.ts';
import { View } from './view.ts';

test.each([
  ['the one that delivers', 0],
  ['another', 1],
])('a Redis that lost the newest is told everything, and %s tells how much', async (_, which) => {
  const redis = await RedisServer.start({ args: ['--save', '3600', '1'] });
  const stations = await pair(redis);
  const [a, b] = stations;
  crowdOf(a, 10, 'a');
  crowdOf(b, 10, 'b');
  const view = new View();
  await settled(a, view, b);
  await redis.command('SAVE');
  const name = which === 0 ? 'a' : 'b';
  stations[which]?.disconnect(`${name}0`);
  stations[which]?.connect(`${name}x`);
  await settled(a, view, b);
  await redis.kill();
  await redis.start();
  await settled(a, view, b);
  await vi.waitFor(async () => {
    await readAll(a.journal, view);
    expect(view.resets).toBe(1);
  }, SOON);
  await settled(a, view, b);
  expect(view.faults).toEqual([]);
});

test('the backlog is left to another when the one that delivers closes, and when it dies', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await pair(redis);
  crowdOf(b, 5, 'b');
  await b.journal.flush();
  expect(await b.journal.take(10)).toEqual({ restMs: 1000 });
  await a.journal.close();
  const page = await b.journal.take(3);
  expect(page).toHaveProperty('batch');
  const c = await station(redis.url, 'test', { gateway: 'c' });
  await b.kill();
  const view = new View();
  const startMs = performance.now();
  await vi.waitFor(async () => {
    await readAll(c.journal, view);
    expect(Object.keys(view.state)).toHaveLength(5);
  }, SOON);
  expect(performance.now() - startMs).toBeLessThan(7000);
});

test('who delivers no more cannot take out what another delivers', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await pair(redis);
  crowdOf(a, 5, 'a');
  await a.journal.flush();
  const page = await a.journal.take(3);
  if ('restMs' in page) throw new Error('nothing waits');
  // It was held up for longer than its claim lasts.
  await redis.command('DEL', 'test:events:courier');
  const other = await b.journal.take(3);
  expect(other).toMatchObject({ batch: page.batch });
  await vi.waitFor(() => expect(page.signal.aborted).toBe(true), SOON);
  await a.journal.done(page, 'delivered');
  expect(await b.journal.take(3)).toMatchObject({ batch: page.batch });
});

test('a command that comes late does not undo what came after it', async () => {
  const redis = await RedisServer.start();
  const a = await station(redis.url, 'test');
  const view = new View();
  crowdOf(a, 2, 'a');
  await settled(a, view);
  redis.pause();
  a.connect('b', 'bob');
  // The command is given up, and lies in a socket that Redis will read.
  await sleep(1500);
  a.disconnect('b');
  redis.resume();
  await settled(a, view);
  await sleep(500);
  await settled(a, view);
  expect(view.faults).toEqual([]);
  expect(view.words.filter((words) => words === 'connected b')).toHaveLength(1);
  expect(view.words.filter((words) => words === 'disconnected b')).toHaveLength(1);
});

test('who was swept by gateways that tell nobody of anything is told gone all the same', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await pair(redis);
  crowdOf(b, 20, 'b');
  const view = new View();
  await settled(a, view, b);
  await b.kill();
  await redis.command('ZREM', 'test:leases', b.lease.id);
  await settled(a, view);
  expect(view.faults).toEqual([]);
});

test('whoever was only held up tells its connections again', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await pair(redis);
  // So many that they are told gone, and told again, in several steps.
  crowdOf(b, 400, 'b');
  const view = new View();
  await settled(a, view, b);
  // Its lease ends, and it does not know yet.
  await expire(redis, b);
  b.disconnect('b0');
  b.subscribe('b1', 'more');
  b.connect('new', 'ann');
  await vi.waitFor(async () => {
    await readAll(a.journal, view);
    expect(view.words.filter((words) => words === 'connected b1')).toHaveLength(2);
  }, SOON);
  await settled(a, view, b);
  expect(view.faults).toEqual([]);
  const of = (client: string): string[] =>
    view.events
      .filter((event) => 'client' in event && event.client === client)
      .map(({ type }) => type);
  expect(of('b0').filter((type) => type === 'disconnected')).toHaveLength(1);
  const again = view.events.findLast(
    (event) => event.type === 'connected' && event.client === 'b1',
  );
  expect(again).toMatchObject({ again: true, seq: 1 });
  expect(view.resets).toBe(0);
});

test('what was entered is not entered twice when nobody hears that it was', async () => {
  const redis = await RedisServer.start();
  const proxy = await Proxy.start(redis.port);
  const a = await station(`redis://127.0.0.1:${proxy.port}`, 'test', { gateway: 'a' });
  const view = new View();
  await settled(a, view);
  proxy.delayMs = 200;
  a.connect('b', 'bob');
  a.subscribe('b', 'room');
  a.disconnect('b');
  await vi.waitFor(async () => {
    expect(await redis.command('XLEN', 'test:events:waiting')).toBe(':6\r\n');
  }, SOON);
  // The answer is on its way.
  proxy.cut();
  proxy.delayMs = 0;
  a.connect('c', 'cid');
  await settled(a, view);
  expect(view.faults).toEqual([]);
  expect(view.words.filter((words) => words === 'connected b')).toHaveLength(1);
});

test('what a dead gateway told, and Redis forgot, is not left with the backend', async () => {
  const redis = await RedisServer.start({ args: ['--save', '3600', '1'] });
  const [a, b] = await pair(redis);
  crowdOf(a, 5, 'a');
  const view = new View();
  await settled(a, view, b);
  await redis.command('SAVE');
  b.connect('x', 'xan');
  await settled(a, view, b);
  expect(view.state).toHaveProperty('x');
  await b.kill();
  await redis.kill();
  await redis.start();
  // What is entered now has an id greater than all that was forgotten.
  a.connect('y', 'yve');
  await vi.waitFor(() => expect(a.journal.size).toBeGreaterThan(0), SOON);
  await a.journal.flush();
  await settled(a, view);
  expect(view.resets).toBe(1);
  expect(view.faults).toEqual([]);
});
