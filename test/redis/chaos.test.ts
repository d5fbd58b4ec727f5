/** Redis and the links to it break under load: no client loses anything without being told. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import type { Running } from '../support/gateway.ts';
import { api } from '../support/http.ts';
import { Peer } from '../support/peer.ts';
import { Proxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis.ts';
import { expectInHistory, faultsOf, Load, Watcher } from './checker.ts';
import { gatewayOn, isReady, SOON } from './gateways.ts';

/** Everything that is published in a test fits. */
const OPTIONS: GatewayOptions = {
  namespaces: {
    default: {
      history: { size: 100_000, ttl: '1h' },
      recovery: true,
      positioned: true,
      subscribe: 'anonymous',
      publish: 'anonymous',
      historyAccess: 'anonymous',
    },
  },
  limits: { historyPublications: 10_000 },
};

const CHANNELS = ['red', 'green', 'blue'];

interface Scene {
  readonly gateways: readonly [Running, Running];
  readonly loads: readonly Load[];
  readonly watchers: readonly Watcher[];
}

/** Two gateways, clients on both, and a load that alternates between them. */
async function scene(urls: readonly [string, string]): Promise<Scene> {
  const [a, b] = await Promise.all([gatewayOn(urls[0], OPTIONS), gatewayOn(urls[1], OPTIONS)]);
  const watchers = [a, b, a, b].map(({ url }) => new Watcher(url, CHANNELS));
  for (const watcher of watchers) await watcher.ready();
  const loads = CHANNELS.map((channel, index) => new Load(index % 2 === 0 ? a : b, channel));
  await sleep(200);
  return { gateways: [a, b], loads, watchers };
}

/** After what happened everyone is there again, and nothing was lost, doubled or turned around. */
async function settle({ gateways, loads, watchers }: Scene): Promise<void> {
  await vi.waitFor(async () => {
    for (const gateway of gateways) expect(await isReady(gateway)).toBe(true);
  }, SOON);
  // Who was told that it lost its place begins at the top: it sees what is published from then on.
  const before = loads.map(({ next }) => next);
  await vi.waitFor(() => expectSeen(loads, watchers, before), SOON);
  await Promise.all(loads.map((load) => load.stop()));
  const ends = loads.map(({ last }) => last);
  await vi.waitFor(() => expectSeen(loads, watchers, ends), SOON);
  for (const watcher of watchers) {
    for (const load of loads) {
      expect(faultsOf(watcher.seen(load.channel), load).slice(0, 3)).toEqual([]);
    }
  }
}

function expectSeen(
  loads: readonly Load[],
  watchers: readonly Watcher[],
  numbers: readonly number[],
): void {
  for (const watcher of watchers) {
    for (const [index, { channel }] of loads.entries()) {
      expect(watcher.last(channel), watcher.state()).toBeGreaterThanOrEqual(numbers[index] ?? 0);
    }
  }
}

/** Nothing was lost at all. */
async function expectWhole(happened: Scene): Promise<void> {
  const { gateways, loads, watchers } = happened;
  for (const watcher of watchers) {
    for (const { channel } of loads) expect(watcher.timesTold(channel)).toBe(0);
  }
  for (const load of loads) await expectInHistory(gateways[0], load);
}

describe('under load', { timeout: 60_000 }, () => {
  test.each(['pubsub', 'normal'])('connections of type %s are killed', async (type) => {
    const redis = await RedisServer.start();
    const happening = await scene([redis.url, redis.url]);
    for (let round = 0; round < 5; round += 1) {
      await redis.command('CLIENT', 'KILL', 'TYPE', type);
      await sleep(400);
    }
    await settle(happening);
    await expectWhole(happening);
  });

  test('Redis is paused for 10 s', async () => {
    const redis = await RedisServer.start();
    const happening = await scene([redis.url, redis.url]);
    redis.pause();
    await sleep(10_000);
    redis.resume();
    await settle(happening);
    await expectWhole(happening);
    for (const { slowestMs } of happening.loads) expect(slowestMs).toBeLessThan(1500);
  });

  test('Redis is restarted empty', async () => {
    const redis = await RedisServer.start();
    const happening = await scene([redis.url, redis.url]);
    await redis.kill();
    await sleep(500);
    await redis.start();
    await settle(happening);
    for (const watcher of happening.watchers) {
      for (const channel of CHANNELS) expect(watcher.timesTold(channel)).toBeGreaterThan(0);
    }
  });

  test('Redis is restarted from a file that has everything', async () => {
    const redis = await RedisServer.start({ args: ['--save', '3600', '1'] });
    const happening = await scene([redis.url, redis.url]);
    await redis.shutdown();
    await sleep(500);
    await redis.start();
    await settle(happening);
    await expectWhole(happening);
  });

  test('Redis is restarted from a file that lacks the newest', async () => {
    const redis = await RedisServer.start({ args: ['--save', '3600', '1'] });
    const happening = await scene([redis.url, redis.url]);
    await redis.command('SAVE');
    await sleep(500);
    await redis.kill();
    await redis.start();
    await settle(happening);
    for (const watcher of happening.watchers) {
      for (const channel of CHANNELS) expect(watcher.timesTold(channel)).toBeGreaterThan(0);
    }
  });

  test('who was away when Redis lost the newest is told that something may be missing', async () => {
    const redis = await RedisServer.start({ args: ['--save', '3600', '1'] });
    const running = await gatewayOn(redis.url, OPTIONS);
    const publish = async (...numbers: readonly number[]): Promise<void> => {
      for (const n of numbers) await running.gateway.publish('red', { n });
    };
    const reader = await Peer.connected(running.url);
    const { epoch } = await reader.subscribe('red', { recoverable: true });
    await publish(1, 2, 3);
    await reader.until(() => reader.data('red').length === 3, 'what it saw');
    await reader.leave();
    await publish(4, 5);
    await redis.command('SAVE');
    await publish(6, 7);
    await redis.kill();
    await redis.start();
    await vi.waitFor(async () => expect(await isReady(running)).toBe(true), SOON);
    await publish(8);

    const back = await Peer.connected(running.url);
    const place = { recover: true, offset: 3, epoch };
    const result = await back.subscribe('red', { recoverable: true, ...place });
    // 6 and 7 were acknowledged, and are nowhere.
    expect(result).toMatchObject({ was_recovering: true });
    expect(result).not.toHaveProperty('recovered');
    const since = { offset: 3, epoch };
    const { answer } = await api(running.http, 'history', { channel: 'red', limit: 9, since });
    expect(answer).toMatchObject({ error: { code: 112 } });
  });

  test('the link of one gateway is cut, held up and slow', async () => {
    const redis = await RedisServer.start();
    const proxy = await Proxy.start(redis.port);
    const happening = await scene([`redis://127.0.0.1:${proxy.port}`, redis.url]);
    for (let round = 0; round < 3; round += 1) {
      proxy.cut();
      await sleep(300);
    }
    proxy.hold();
    await sleep(6000);
    proxy.release();
    await sleep(500);
    proxy.delayMs = 150;
    await sleep(2000);
    proxy.cut();
    await sleep(1000);
    proxy.delayMs = 0;
    await settle(happening);
    await expectWhole(happening);
  });
});
