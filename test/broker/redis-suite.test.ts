/** The broker in Redis keeps what every broker promises. */
import { afterAll, beforeAll, describe, expect, onTestFinished, vi } from 'vitest';
import { RedisBroker } from '../../src/broker/redis.ts';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { RedisServer } from '../support/redis.ts';
import { brokerSuite } from './broker-suite.ts';

let epochs = 0;

describe.each([
  { name: 'in Redis', start: () => RedisServer.shared() },
  { name: 'in a Redis Cluster', start: () => RedisCluster.shared() },
])('$name', ({ name, start }) => {
  let server: { readonly url: string; dispose(): Promise<void> };
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.dispose());

  brokerSuite(
    name,
    async (listener) => {
      const log = new ThrottledLog(silentLog, Date.now);
      const redis = connectRedis({ url: server.url, prefix: 'suite', log, random: Math.random });
      const broker = new RedisBroker({
        redis,
        uid: 'gateway',
        listener,
        log,
        historyOf: () => ({ size: 5, ttlMs: 60_000 }),
        check: () => {},
        newEpoch: () => `epoch${(epochs += 1)}`,
        fault: (where, error) => expect.fail(`${where}: ${String(error)}`),
        count: () => {},
      });
      onTestFinished(async () => {
        await broker.close();
        await redis.close();
      });
      const isWhole = (): void => expect(broker.partitionsAway).toBe(0);
      await vi.waitFor(isWhole, { timeout: 10_000, interval: 10 });
      return { broker, pass: null };
    },
    { ownClock: false },
  );
});
