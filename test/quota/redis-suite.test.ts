/** The quota in Redis keeps what every quota promises. */
import { afterAll, beforeAll, describe } from 'vitest';
import { RedisCluster } from '../support/redis-cluster.ts';
import { RedisServer } from '../support/redis.ts';
import { quotaSuite } from './quota-suite.ts';
import { memberOn } from './rig.ts';

describe.each([
  { name: 'in Redis', start: () => RedisServer.shared() },
  { name: 'in a Redis Cluster', start: () => RedisCluster.shared() },
])('$name', ({ name, start }) => {
  let server: { readonly url: string; dispose(): Promise<void> };
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.dispose());

  quotaSuite(name, async () => (await memberOn(server.url)).quota);
});
