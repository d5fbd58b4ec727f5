/** The presence in Redis keeps what every presence promises. */
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { RedisPresence } from '../../src/presence/redis.ts';
import { Lease } from '../../src/redis/lease.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { RedisServer } from '../support/redis.ts';
import { presenceSuite } from './presence-suite.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.shared();
});
afterAll(() => server.dispose());

presenceSuite('in Redis', async () => {
  const log = new ThrottledLog(silentLog, Date.now);
  const redis = connectRedis({ url: server.url, prefix: 'suite', log, random: Math.random });
  const lease = new Lease({
    redis,
    fault: (where, error) => expect.fail(`${where}: ${String(error)}`),
  });
  const presence = new RedisPresence({ redis, lease, tellsLeaves: () => false });
  onTestFinished(async () => {
    await lease.close();
    await redis.close();
  });
  await vi.waitFor(() => expect(redis.link.isUp).toBe(true), { timeout: 10_000, interval: 10 });
  return presence;
});
