/** The tasks in a Redis Cluster keep what all tasks promise. */
import { afterAll, beforeAll } from 'vitest';
import { RedisCluster } from '../support/redis-cluster.ts';
import { openRedis } from './redis-rig.ts';
import { tasksSuite } from './tasks-suite.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.shared();
});
afterAll(() => cluster.dispose());

let places = 0;

tasksSuite('in a Redis Cluster', (settings, listener) => {
  places += 1;
  const drainMs = Math.min(settings.drainMs, 300);
  return openRedis(
    { url: cluster.url, prefix: `suite${places}` },
    { ...settings, drainMs },
    listener,
  );
});
