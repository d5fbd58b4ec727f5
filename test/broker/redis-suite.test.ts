/** The broker in Redis keeps what every broker promises. */
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest';
import { RedisBroker } from '../../src/broker/redis.ts';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { RedisServer } from '../support/redis.ts';
import { brokerSuite } from './broker-suite.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.shared();
});
afterAll(() => server.dispose());

let epochs = 0;

brokerSuite(
  'in Redis',
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
    await vi.waitFor(() => expect(broker.isReady).toBe(true), { timeout: 10_000, interval: 10 });
    return { broker, pass: null };
  },
  { ownClock: false },
);
