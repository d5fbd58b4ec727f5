/** What a gateway leaves behind in Redis when it dies, and who takes it away. */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ChannelName } from '../../src/channel/name.ts';
import { channelNameOf } from '../../src/channel/name.ts';
import type { ClientInfo } from '../../src/channel/publication.ts';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { RedisPresence } from '../../src/presence/redis.ts';
import { RedisAway } from '../../src/redis/errors.ts';
import { Lease } from '../../src/redis/lease.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { RedisServer } from '../support/redis.ts';
import { whole } from '../support/whole.ts';

interface Member {
  readonly presence: RedisPresence;
  readonly lease: Lease;
}

async function memberOn(url: string): Promise<Member> {
  const log = new ThrottledLog(silentLog, Date.now);
  const redis = connectRedis({ url, prefix: 'sweep', log, random: Math.random });
  const fault = (where: string, error: unknown): never => expect.fail(`${where}: ${String(error)}`);
  const lease = new Lease({ redis, fault });
  const presence = new RedisPresence({ redis, lease });
  onTestFinished(async () => {
    await lease.close();
    await redis.close();
  });
  await whole(redis);
  return { presence, lease };
}

function member(index: number): ClientInfo {
  return { client: `client ${index}`, user: `user ${index % 7}`, connInfo: null, chanInfo: null };
}

const CHANNELS = Array.from({ length: 10 }, (_, index) => channelNameOf(`room ${index}`, 255));

async function crowd({ presence }: Member, channel: ChannelName, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, n) => presence.add(channel, member(n))));
}

describe('an ended lease', () => {
  test('is swept of many members, and of no others', async () => {
    const server = await RedisServer.start();
    const [dead, other] = [await memberOn(server.url), await memberOn(server.url)];
    await crowd(dead, CHANNELS[0]!, 2000);
    await other.presence.add(CHANNELS[0]!, { ...member(1), client: 'mine' });
    await other.presence.sweep(dead.lease.id);
    expect(await other.presence.stats(CHANNELS[0]!)).toEqual({ clients: 1, users: 1 });
    expect(await server.command('EXISTS', `sweep:held:${dead.lease.id}`)).toBe(':0\r\n');
  });

  test('is swept wherever in a Cluster a server answers, and of the rest when it does', async () => {
    const cluster = await RedisCluster.start({ masters: 2, args: ['--appendonly', 'yes'] });
    const [dead, other] = [await memberOn(cluster.url), await memberOn(cluster.url)];
    for (const channel of CHANNELS) await crowd(dead, channel, 20);
    const [away] = cluster.masters;
    await away!.kill();
    await expect(other.presence.sweep(dead.lease.id)).rejects.toThrow(RedisAway);
    const left: number[] = [];
    for (const channel of CHANNELS) {
      // Those on the server that is away cannot be asked.
      const stats = await other.presence.stats(channel).catch(() => null);
      if (stats !== null) left.push(stats.clients);
    }
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(CHANNELS.length);
    expect(new Set(left)).toEqual(new Set([0]));
    await away!.start();
    await expect
      .poll(
        () =>
          other.presence.sweep(dead.lease.id).then(
            () => true,
            () => false,
          ),
        { timeout: 15_000 },
      )
      .toBe(true);
    for (const channel of CHANNELS) {
      expect(await other.presence.stats(channel)).toEqual({ clients: 0, users: 0 });
    }
  });
});
