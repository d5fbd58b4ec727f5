/** What all lists of channels promise, in process and in Redis. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { limits } from '../../src/kernel/limits.ts';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { Wheel } from '../../src/kernel/wheel.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import type { ChannelLists } from '../../src/tasks/lists.ts';
import { MemoryLists } from '../../src/tasks/memory-lists.ts';
import { RedisLists } from '../../src/tasks/redis-lists.ts';
import { ManualClock } from '../support/clock.ts';
import { RedisServer } from '../support/redis.ts';

interface Opened {
  readonly lists: ChannelLists;
  /** Lets time pass; in Redis it passes by itself. */
  readonly pass: (ms: number) => void;
}

const BOUNDS = limits({ broadcastChannels: 6, broadcastListBytes: 40, broadcastLists: 2 });

let server: RedisServer;
let prefixes = 0;
beforeAll(async () => {
  server = await RedisServer.shared();
});
afterAll(() => server.dispose());

async function inProcess(): Promise<Opened> {
  const clock = new ManualClock();
  const lists = new MemoryLists({ clock, wheel: new Wheel(clock), limits: BOUNDS });
  return { lists, pass: (ms) => clock.advance(ms) };
}

async function inRedis(): Promise<Opened> {
  prefixes += 1;
  const log = new ThrottledLog(silentLog, Date.now);
  const around = { prefix: `lists${prefixes}`, log, random: Math.random };
  const redis = connectRedis({ url: server.url, ...around });
  onTestFinished(() => redis.close());
  await vi.waitFor(() => expect(redis.link.isUp).toBe(true), { timeout: 10_000, interval: 5 });
  return { lists: new RedisLists(redis, BOUNDS), pass: () => {} };
}

describe.each([
  ['in process', inProcess],
  ['in Redis', inRedis],
])('lists %s', (_name, open) => {
  test('are put together of parts in any order, and read part by part', async () => {
    const { lists } = await open();
    expect(await lists.put('l', 1, ['c', 'ü'])).toBe(2);
    expect(await lists.put('l', 0, ['a', 'b', 'c d'])).toBe(5);
    expect(await lists.count('l', 2)).toBe(5);
    expect(await lists.count('l', 1)).toBe(3);
    expect(await lists.read('l', 0)).toEqual(['a', 'b', 'c d']);
    expect(await lists.read('l', 1)).toEqual(['c', 'ü']);
    expect(await lists.read('l', 2)).toBeNull();
    expect(await lists.read('m', 0)).toBeNull();
  });

  test('have a part once, however often it is put', async () => {
    const { lists } = await open();
    await lists.put('l', 0, ['a', 'b', 'c']);
    expect(await lists.put('l', 0, ['a', 'b', 'c'])).toBe(3);
    expect(await lists.put('l', 0, ['d'])).toBe(1);
    expect(await lists.read('l', 0)).toEqual(['d']);
  });

  test('miss the part that nobody put', async () => {
    const { lists } = await open();
    await lists.put('l', 0, ['a']);
    await lists.put('l', 2, ['b']);
    const missing = (part: number, list: string): string =>
      `part ${part} of the list "${list}" is missing`;
    await expect(async () => lists.count('l', 3)).rejects.toThrow(missing(1, 'l'));
    await expect(async () => lists.count('m', 1)).rejects.toThrow(missing(0, 'm'));
  });

  test('have no more channels and bytes than they may, and there are no more of them', async () => {
    const { lists } = await open();
    await lists.put('l', 0, ['x', 'y', 'z']);
    const tooMany = ['1', '2', '3', '4'];
    await expect(async () => lists.put('l', 1, tooMany)).rejects.toThrow('more than 6');
    await expect(async () => lists.put('l', 1, ['n'.repeat(41)])).rejects.toThrow('40 bytes');
    expect(await lists.put('l', 1, ['n'.repeat(30)])).toBe(4);
    await lists.put('m', 0, ['x']);
    await expect(async () => lists.put('n', 0, ['x'])).rejects.toThrow('2 lists');
    await lists.put('m', 1, ['y']);
    await lists.remove('l');
    expect(await lists.read('l', 0)).toBeNull();
    await lists.put('n', 0, ['x']);
  });

  test('are gone when their time is over, and make room', async () => {
    const { lists, pass } = await open();
    await lists.put('l', 0, ['x']);
    await lists.put('m', 0, ['x']);
    await lists.keep('l', 300);
    await vi.waitFor(async () => {
      pass(250);
      expect(await lists.read('l', 0)).toBeNull();
    });
    expect(await lists.read('m', 0)).toEqual(['x']);
    await lists.put('n', 0, ['x']);
    // Of what is not there any more nothing is kept.
    await lists.keep('l', 10_000);
    await lists.remove('m');
    await lists.put('o', 0, ['x']);
  });
});
