/** Gateways that share a Redis Cluster: channels lie on several masters, and each master for itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { untilReady } from '../../src/redis/client.ts';
import { RedisAway } from '../../src/redis/errors.ts';
import { namesOf } from '../../src/redis/names.ts';
import type { Redis } from '../../src/redis/redis.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { scriptOf } from '../../src/redis/script.ts';
import { api } from '../support/http.ts';
import { Peer } from '../support/peer.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import type { RedisServer } from '../support/redis.ts';
import { whole } from '../support/whole.ts';
import { awayOf, isReady, SOON, wholeGatewayOn as gatewayOn } from './gateways.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.shared();
});
afterAll(() => cluster.dispose());

/** Channels for each of the masters. */
const CHANNELS = Array.from({ length: 24 }, (_, index) => `channel ${index}`);

/** One that can be asked and is heard in all of its partitions. */
async function connected(prefix: string): Promise<Redis> {
  const log = new ThrottledLog(silentLog, Date.now);
  const redis = connectRedis({ url: cluster.url, prefix, log, random: Math.random });
  onTestFinished(() => redis.close());
  await whole(redis);
  return redis;
}

/** Another master than the one that has the name. */
async function otherThan(name: string): Promise<RedisServer> {
  const master = await cluster.masterOf(name);
  return cluster.masters.find((one) => one !== master)!;
}

describe('two gateways', () => {
  test('hear each other in every slot, in order', async () => {
    const [a, b] = await Promise.all([gatewayOn(cluster.url), gatewayOn(cluster.url)]);
    const [publisher, subscriber] = [await Peer.connected(a.url), await Peer.connected(b.url)];
    for (const channel of CHANNELS) await subscriber.subscribe(channel);
    const ids = Array.from({ length: 10 }, (_, n) => n).flatMap((n) =>
      CHANNELS.flatMap((channel) => publisher.command({ publish: { channel, data: { n } } })),
    );
    for (const id of ids) expect(await publisher.answer(id)).not.toHaveProperty('error');
    for (const channel of CHANNELS) {
      await subscriber.until(() => subscriber.data(channel).length >= 10, 'all publications');
      expect(subscriber.data(channel)).toEqual(Array.from({ length: 10 }, (_, n) => ({ n })));
    }
  });

  test('see the members of each other, and do to a user what either is asked', async () => {
    const hooks = { connect: () => Promise.resolve({ user: 'ann' }) };
    const options = { tokens: { hmacSecret: 'the-secret-of-the-tests' }, hooks };
    const [a, b] = await Promise.all([
      gatewayOn(cluster.url, { ...options, redis: { url: cluster.url, prefix: 'members' } }),
      gatewayOn(cluster.url, { ...options, redis: { url: cluster.url, prefix: 'members' } }),
    ]);
    const peers = [await Peer.connected(a.url), await Peer.connected(b.url)];
    for (const peer of peers) for (const channel of CHANNELS) await peer.subscribe(channel);
    const result = async (method: string, body = {}): Promise<unknown> =>
      (await api(a.http, method, body)).answer['result'];
    for (const channel of CHANNELS) {
      expect(await result('presence_stats', { channel })).toEqual({ num_clients: 2, num_users: 1 });
    }
    await vi.waitFor(async () => {
      const { channels } = (await result('channels')) as { channels: object };
      expect(channels).toEqual(
        Object.fromEntries(CHANNELS.map((channel) => [channel, { num_clients: 2 }])),
      );
      expect(await result('info')).toMatchObject({ nodes: [{}, {}] });
    }, SOON);
    await result('disconnect', { user: 'ann' });
    for (const peer of peers) expect((await peer.ended()).code).toBe(3503);
    for (const channel of CHANNELS) {
      expect(await result('presence_stats', { channel })).toEqual({ num_clients: 0, num_users: 0 });
    }
  });
});

describe('a slot that moves', () => {
  test('brings what was published where nobody listened yet, though nothing comes after it', async () => {
    const [a, b] = await Promise.all([gatewayOn(cluster.url), gatewayOn(cluster.url)]);
    const peer = await Peer.connected(b.url);
    await peer.subscribe('quiet', { recoverable: true });
    await a.gateway.publish('quiet', 1);
    await peer.until(() => peer.data('quiet').length === 1, 'the first');
    const name = namesOf('sluice', { cluster: true, db: 0 }).key('s', 'quiet');
    let looks = 0;
    await cluster.move(name, await otherThan(name), async () => {
      // The keys are there, and the slot is not.
      if ((looks += 1) === 2) await a.gateway.publish('quiet', 2);
    });
    expect(looks).toBe(2);
    await peer.until(() => peer.data('quiet').length === 2, 'the second');
    expect(peer.data('quiet')).toEqual([1, 2]);
  });

  test('is heard where it went, and of its names alone it is told that something may be lost', async () => {
    const redis = await connected('moves');
    const { link, bus, names } = redis;
    const [moving, staying] = ['moving', 'staying'].map((channel) => names.bus('c', channel));
    const heard: string[] = [];
    const restored: string[] = [];
    bus.onRestored((some) => restored.push(...some));
    for (const name of [moving!, staying!]) {
      await bus.listen(name, (message) => heard.push(`${name} ${message.toString()}`));
    }
    const to = await otherThan(moving!);
    await cluster.move(moving!, to);
    await vi.waitFor(() => expect(restored).toEqual([moving]), SOON);
    for (const name of [moving!, staying!]) await link.call('SPUBLISH', name, 'hello');
    await vi.waitFor(() => expect(heard).toEqual([`${moving} hello`, `${staying} hello`]), SOON);
    expect(await cluster.masterOf(moving!)).toBe(to);
  });

  test('takes with it what is asked meanwhile, and nothing is done twice', async () => {
    const { link, names } = await connected('counted');
    const key = names.key('n', 'counted');
    const over = new AbortController();
    let answered = 0;
    const counting = (async () => {
      while (!over.signal.aborted) {
        await Promise.all(Array.from({ length: 20 }, () => link.call('INCR', key)));
        answered += 20;
      }
    })();
    for (let round = 0; round < 5; round += 1) {
      await sleep(20);
      await cluster.move(key, await otherThan(key));
    }
    over.abort();
    await counting;
    expect(await link.call('GET', key)).toEqual(Buffer.from(String(answered)));
  });

  test('refuses within a second what needs both servers, until it is there', async () => {
    const { link, names } = await connected('both');
    const keys = ['a', 'b'].map((kind) => names.key(kind, 'both'));
    const both = scriptOf(new URL('both.lua', import.meta.url));
    const name = names.bus('c', 'both');
    await link.call('SET', keys[0]!, '1');
    const to = await otherThan(name);
    let checked = 0;
    await cluster.move(name, to, async () => {
      if ((checked += 1) > 1) return;
      const startMs = performance.now();
      await expect(link.run(both, keys, [])).rejects.toThrow(RedisAway);
      expect(performance.now() - startMs).toBeLessThan(1500);
      // One key alone is on one of them.
      expect(await link.call('GET', keys[0]!)).toEqual(Buffer.from('1'));
      expect(await link.call('INCR', keys[1]!)).toBe(1);
    });
    expect(checked).toBeGreaterThan(1);
    expect(await link.run(both, keys, [])).toBe(2);
  });
});

test('a client for another package is opened at the first try', async () => {
  const redis = await connected('clients');
  const tries: number[] = [];
  for (const _ of Array.from({ length: 30 })) {
    const client = redis.open('another');
    onTestFinished(() => client.disconnect());
    let connections = 0;
    client.on('connect', () => (connections += 1));
    await untilReady(client);
    expect(await client.exists('a key')).toBe(0);
    tries.push(connections);
  }
  expect(new Set(tries)).toEqual(new Set([1]));
});

test('a master that is away takes only its own channels with it, and is told within a second', async () => {
  const own = await RedisCluster.start({ args: ['--appendonly', 'yes'] });
  const running = await gatewayOn(own.url);
  const peer = await Peer.connected(running.url);
  const names = namesOf('sluice', { cluster: true, db: 0 });
  const dead = own.masters[0]!;
  const lost: string[] = [];
  const kept: string[] = [];
  for (const channel of CHANNELS) {
    const isLost = (await own.masterOf(names.key('s', channel))) === dead;
    (isLost ? lost : kept).push(channel);
  }
  for (const channel of [...lost.slice(1), ...kept.slice(1)]) await peer.subscribe(channel);
  await dead.kill();
  await sleep(100);
  const asked = async (channel: string): Promise<unknown[]> => {
    const startMs = performance.now();
    const replies = [
      await peer.ask({ publish: { channel, data: 1 } }),
      await peer.ask({ history: { channel, limit: 1 } }),
      await peer.ask({ presence_stats: { channel } }),
    ];
    expect(performance.now() - startMs).toBeLessThan(1000);
    return replies.map(({ error }) => error);
  };
  const temporary = expect.objectContaining({ code: 100, temporary: true });
  for (const channel of lost) expect(await asked(channel)).toEqual(Array(3).fill(temporary));
  const { error } = await peer.ask({ subscribe: { channel: lost[0] } });
  expect(error).toEqual(temporary);
  for (const channel of kept) expect(await asked(channel)).toEqual(Array(3).fill(undefined));
  expect(await peer.ask({ subscribe: { channel: kept[0] } })).not.toHaveProperty('error');
  for (const channel of kept.slice(1)) {
    await peer.until(() => peer.data(channel).includes(1), channel);
  }
  await vi.waitFor(async () => expect(await awayOf(running)).toBeGreaterThan(40), SOON);
  expect(await isReady(running)).toBe(true);

  await dead.start();
  await vi.waitFor(async () => expect(await awayOf(running)).toBe(0), SOON);
  for (const channel of lost.slice(1)) {
    // A master that is back delivers at once, but Redis lets nothing be written there for two seconds.
    await vi.waitFor(() => peer.publish(channel, 2), SOON);
    await peer.until(() => peer.data(channel).includes(2), channel);
  }
  expect(peer.ending).toBe(null);
});
