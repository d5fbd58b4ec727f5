/** The tasks in Redis keep what all tasks promise. */
import { afterAll, beforeAll } from 'vitest';
import { RedisServer } from '../support/redis.ts';
import { openRedis } from './redis-rig.ts';
import { tasksSuite } from './tasks-suite.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.shared();
});
afterAll(() => server.dispose());

let places = 0;

tasksSuite('in Redis', (settings, listener) => {
  places += 1;
  const drainMs = Math.min(settings.drainMs, 300);
  return openRedis(
    { url: server.url, prefix: `suite${places}` },
    { ...settings, drainMs },
    listener,
  );
});
