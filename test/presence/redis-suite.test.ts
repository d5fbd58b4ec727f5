/** The presence in Redis keeps what every presence promises. */
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { RedisPresence } from '../../src/presence/redis.ts';
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
  const presence = new RedisPresence({
    redis,
    tellsLeaves: () => false,
    says: () => '{}',
    fault: (where, error) => expect.fail(`${where}: ${String(error)}`),
  });
  onTestFinished(async () => {
    await presence.close();
    await redis.close();
  });
  await vi.waitFor(() => expect(redis.link.isUp).toBe(true), { timeout: 10_000, interval: 10 });
  return presence;
});
