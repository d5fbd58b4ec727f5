/** Gateways in front of one Redis, without their edges. */
import { expect, onTestFinished, vi } from 'vitest';
import { RedisJournal } from '../../src/events/redis.ts';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { Lease } from '../../src/redis/lease.ts';
import type { Redis } from '../../src/redis/redis.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import type { CrowdOptions } from './crowd.ts';
import { Crowd, readAll } from './crowd.ts';
import type { View } from './view.ts';

export interface Station extends Crowd<RedisJournal> {
  readonly redis: Redis;
  readonly lease: Lease;
  /** As if its process was killed. */
  readonly kill: () => Promise<void>;
}

/** A crowd whose journal is in Redis, and reached. */
export async function station(
  url: string,
  prefix: string,
  options: CrowdOptions = {},
): Promise<Station> {
  const log = new ThrottledLog(silentLog, Date.now);
  const redis = connectRedis({ url, prefix, log, random: Math.random });
  const fault = (where: string, error: unknown): never => expect.fail(`${where}: ${String(error)}`);
  const lease = new Lease({ redis, fault });
  const crowd = new Crowd((seams) => new RedisJournal({ ...seams, redis, lease, fault }), options);
  let killed = false;
  onTestFinished(async () => {
    if (killed) return;
    await crowd.journal.close();
    await lease.close();
    await redis.close();
  });
  // Its lease is known, and there is nobody whom it had to tell again.
  const writers = `${redis.names.prefixOf(0)}events:writers`;
  const soon = { timeout: 10_000, interval: 10 };
  await vi.waitFor(async () => {
    expect(redis.link.isUp).toBe(true);
    expect(await redis.link.call('HEXISTS', writers, lease.id)).toBe(1);
  }, soon);
  const kill = async (): Promise<void> => {
    killed = true;
    await redis.close();
  };
  return Object.assign(crowd, { redis, lease, kill });
}

export const SOON = { timeout: 15_000, interval: 20 };

/** What the backend should know of all of these. */
export function stateOf(...crowds: readonly Crowd[]): Record<string, string[]> {
  const entries = crowds.flatMap((crowd) => Object.entries(crowd.state));
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Reads at `reader` until the backend knows what is true. */
export async function settled(
  reader: Crowd,
  view: View,
  ...others: readonly Crowd[]
): Promise<void> {
  const crowds = [reader, ...others];
  await vi.waitFor(async () => {
    for (const { journal } of crowds) await journal.flush();
    await readAll(reader.journal, view, 500);
    expect(view.state).toEqual(stateOf(...crowds));
  }, SOON);
}

/** The others take a gateway for dead, though its lease was renewed just now. */
export async function expire(redis: RedisServer, { lease }: Station): Promise<void> {
  await redis.command('ZADD', 'test:leases', '1', lease.id);
}

export async function pair(redis: RedisServer): Promise<[Station, Station]> {
  const a = await station(redis.url, 'test', { gateway: 'a' });
  const b = await station(redis.url, 'test', { gateway: 'b' });
  // The first that looks is the one that delivers.
  await readAll(a.journal);
  return [a, b];
}

export function crowdOf(at: Station, size: number, name: string): void {
  for (let n = 0; n < size; n += 1) {
    at.connect(`${name}${n}`, `user of ${name}${n}`);
    at.subscribe(`${name}${n}`, `room ${n % 3}`);
    at.subscribe(`${name}${n}`, `own ${name}${n}`);
  }
}
