/** Quotas on one Redis, each as a gateway of its own has it. */
import { onTestFinished, expect } from 'vitest';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { RedisQuota } from '../../src/quota/redis.ts';
import { Lease } from '../../src/redis/lease.ts';
import type { Redis } from '../../src/redis/redis.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { whole } from '../support/whole.ts';

export interface Member {
  readonly quota: RedisQuota;
  readonly lease: Lease;
  readonly redis: Redis;
  /** As if its process were killed: nothing is said, and its lease is not renewed any more. */
  readonly die: () => Promise<void>;
}

/** One that has two places for each user, and is heard of. */
export async function memberOn(url: string, prefix = 'suite'): Promise<Member> {
  const log = new ThrottledLog(silentLog, Date.now);
  const redis = connectRedis({ url, prefix, log, random: Math.random });
  const fault = (where: string, error: unknown): never => expect.fail(`${where}: ${String(error)}`);
  const lease = new Lease({ redis, fault });
  const quota = new RedisQuota({ redis, lease, places: 2, fault });
  onTestFinished(async () => {
    await lease.close();
    await redis.close();
  });
  await whole(redis);
  // All that was said on its connections before is done by then.
  await redis.bus.listen(redis.names.bus('q', lease.id), () => undefined);
  return { quota, lease, redis, die: () => redis.close() };
}
