/** While Redis is away everyone is told so in time, nobody is cut off, and nothing piles up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { meter } from '../support/http.ts';
import { Proxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis.ts';
import { Asker } from './asker.ts';
import type { Timed } from './asker.ts';
import { isReady, SOON } from './gateways.ts';
import { GatewayProcess } from './processes.ts';

const CLIENTS = 250;
const AWAY_MS = 5000;
/** What an answer may take; and on a machine that is busy, some of them. */
const IN_TIME_MS = 1000;
const BUSY_MS = 1500;
const MEMORY_GROWS_MAX = 64 * 1024 * 1024;
const PAYLOAD = 'x'.repeat(1000);

interface Away {
  leave(): Promise<void>;
  comeBack(): Promise<void>;
}

/** The ways in which Redis can be away. */
const WAYS: Readonly<Record<string, (redis: RedisServer, proxy: Proxy) => Away>> = {
  dead: (redis) => ({ leave: () => redis.kill(), comeBack: () => redis.start() }),
  paused: (redis) => ({
    leave: async () => redis.pause(),
    comeBack: async () => redis.resume(),
  }),
  'cut off without a word': (_redis, proxy) => ({
    leave: async () => proxy.hold(),
    comeBack: async () => proxy.release(),
  }),
};

test.each(Object.entries(WAYS))('while Redis is %s', async (_way, awayOf) => {
  const redis = await RedisServer.start();
  const proxy = await Proxy.start(redis.port);
  const away = awayOf(redis, proxy);
  const gateway = await GatewayProcess.ready(`redis://127.0.0.1:${proxy.port}`);
  const askers = await Promise.all(
    Array.from({ length: CLIENTS }, () => Asker.connected(gateway.url)),
  );
  for (const asker of askers) {
    expect((await asker.ask({ subscribe: { channel: 'room' } })).answer.error).toBe(undefined);
  }
  const memoryOf = async (): Promise<number> =>
    (await meter(gateway.http, 'memory_bytes')).get('') ?? Number.NaN;
  const memoryBefore = await memoryOf();

  await away.leave();
  const endMs = performance.now() + AWAY_MS;
  const refused: Timed[] = [];
  const statuses = new Map<string, number[]>();
  const slowest = { api: 0, health: 0 };
  let memoryMost = memoryBefore;
  const commands = async (asker: Asker, who: number): Promise<void> => {
    for (let n = 0; performance.now() < endMs; n += 1) {
      const channel = `own ${who} ${n}`;
      const asked = [
        asker.ask({ publish: { channel: 'room', data: PAYLOAD } }),
        asker.ask({ publish: { channel, data: PAYLOAD } }),
        asker.ask({ subscribe: { channel } }),
        asker.ask({ presence_stats: { channel: 'room' } }),
        asker.ask({ history: { channel: 'room', limit: 1 } }),
      ];
      refused.push(...(await Promise.all(asked)));
      await sleep(250);
    }
  };
  const apiCalls = async (method: string, body: object): Promise<void> => {
    const seen: number[] = [];
    statuses.set(method, seen);
    while (performance.now() < endMs) {
      const startMs = performance.now();
      const init = { method: 'POST', body: JSON.stringify(body) };
      seen.push((await fetch(`${gateway.http}/api/${method}`, init)).status);
      slowest.api = Math.max(slowest.api, performance.now() - startMs);
      await sleep(50);
    }
  };
  const watch = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const startMs = performance.now();
      expect((await fetch(`${gateway.http}/health`)).status).toBe(200);
      slowest.health = Math.max(slowest.health, performance.now() - startMs);
      memoryMost = Math.max(memoryMost, await memoryOf());
      await sleep(100);
    }
  };
  await Promise.all([
    ...askers.map(commands),
    apiCalls('publish', { channel: 'room', data: 1 }),
    apiCalls('history', { channel: 'room', limit: 1 }),
    apiCalls('presence', { channel: 'room' }),
    apiCalls('channels', {}),
    apiCalls('disconnect', { user: 'nobody' }),
    watch(),
  ]);

  const wrong = refused.filter(({ answer }) => answer.error?.code !== 100);
  expect(wrong.slice(0, 3)).toEqual([]);
  expect(refused.filter(({ answer }) => answer.error?.temporary !== true)).toEqual([]);
  const times = refused.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  expect(times.length).toBeGreaterThan(CLIENTS * 5);
  expect(times[times.length >> 1]).toBeLessThan(IN_TIME_MS);
  expect(times.at(-1)).toBeLessThan(BUSY_MS);
  expect(slowest.api).toBeLessThan(BUSY_MS);
  expect(slowest.health).toBeLessThan(IN_TIME_MS);
  expect(await isReady(gateway)).toBe(false);
  expect(memoryMost - memoryBefore).toBeLessThan(MEMORY_GROWS_MAX);
  for (const seen of statuses.values()) expect(new Set(seen)).toEqual(new Set([503]));

  await away.comeBack();
  await gateway.untilReady();
  await vi.waitFor(async () => {
    const { answer } = await askers[0]!.ask({ publish: { channel: 'room', data: 'after' } });
    expect(answer.error).toBe(undefined);
  }, SOON);
  for (const [who, asker] of askers.entries()) {
    expect(asker.closeCode).toBe(null);
    const { answer } = await asker.ask({ subscribe: { channel: `own ${who} 0` } });
    expect(answer.error).toBe(undefined);
  }
});
