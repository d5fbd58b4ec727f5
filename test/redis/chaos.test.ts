/** Redis and the links to it break under load: no client loses anything without being told. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import { api } from '../support/http.ts';
import { Peer } from '../support/peer.ts';
import { RedisServer } from '../support/redis.ts';
import { gatewayOn, isReady, SOON } from './gateways.ts';
import { Scene } from './scene.ts';

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

/** Two gateways of this process. */
async function scene(redis: RedisServer): Promise<Scene> {
  const nodes = await Promise.all([1, 2].map(() => gatewayOn(redis.url, OPTIONS)));
  return Scene.begin(nodes, { roamers: 1, atOnce: 50 });
}

describe('under load', { timeout: 60_000 }, () => {
  test.each(['pubsub', 'normal'])('connections of type %s are killed', async (type) => {
    const redis = await RedisServer.start();
    const happening = await scene(redis);
    for (let round = 0; round < 3; round += 1) {
      await redis.command('CLIENT', 'KILL', 'TYPE', type);
      await sleep(400);
    }
    await happening.settle();
    await happening.expectWhole();
  });

  test('Redis is restarted empty', async () => {
    const redis = await RedisServer.start();
    const happening = await scene(redis);
    await redis.kill();
    await sleep(500);
    await redis.start();
    await happening.settle();
    happening.expectTold();
  });

  test('Redis is restarted from a file that has everything', async () => {
    const redis = await RedisServer.start({ args: ['--save', '3600', '1'] });
    const happening = await scene(redis);
    await redis.shutdown();
    await sleep(500);
    await redis.start();
    await happening.settle();
    await happening.expectWhole();
  });

  test('Redis is restarted from a file that lacks the newest', async () => {
    const redis = await RedisServer.start({ args: ['--save', '3600', '1'] });
    const happening = await scene(redis);
    await redis.command('SAVE');
    await sleep(500);
    await redis.kill();
    await redis.start();
    await happening.settle();
    happening.expectTold();
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
});
