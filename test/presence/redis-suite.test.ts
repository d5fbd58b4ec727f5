/** The presence in Redis keeps what every presence promises. */
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { RedisPresence } from '../../src/presence/redis.ts';
import { Reader } from '../../src/redis/bytes.ts';
import { HEAD_BYTES, kindOf, readWho } from '../../src/redis/envelope.ts';
import { Lease } from '../../src/redis/lease.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { RedisServer } from '../support/redis.ts';
import { whole } from '../support/whole.ts';
import { presenceSuite } from './presence-suite.ts';

describe.each([
  { name: 'in Redis', start: () => RedisServer.shared() },
  { name: 'in a Redis Cluster', start: () => RedisCluster.shared() },
])('$name', ({ name, start }) => {
  let server: { readonly url: string; dispose(): Promise<void> };
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.dispose());

  presenceSuite(name, async () => {
    const log = new ThrottledLog(silentLog, Date.now);
    const redis = connectRedis({ url: server.url, prefix: 'suite', log, random: Math.random });
    const lease = new Lease({
      redis,
      fault: (where, error) => expect.fail(`${where}: ${String(error)}`),
    });
    const presence = new RedisPresence({ redis, lease });
    onTestFinished(async () => {
      await lease.close();
      await redis.close();
    });
    await whole(redis);
    return {
      presence,
      async listen(channel) {
        const told: string[] = [];
        await redis.bus.listen(redis.names.bus('c', channel), (message) => {
          told.push(`${kindOf(message)} ${readWho(new Reader(message, HEAD_BYTES)).client}`);
        });
        return told;
      },
    };
  });
});
