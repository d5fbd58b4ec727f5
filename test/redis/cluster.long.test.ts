/** A Cluster breaks and is changed under load: no client loses anything without being told. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import { namesOf } from '../../src/redis/names.ts';
import type { Running } from '../support/gateway.ts';
import { startGateway } from '../support/gateway.ts';
import { Peer } from '../support/peer.ts';
import type { RedisClusterOptions } from '../support/redis-cluster.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import type { RedisServer } from '../support/redis.ts';
import { awayOf, isReady, SOON, wholeGatewayOn as gatewayOn } from './gateways.ts';
import { Scene } from './scene.ts';

/** Everything that is published in a test fits. */
const OPTIONS: GatewayOptions = {
  namespaces: {
    default: {
      history: { size: 100_000, ttl: '1h' },
      recovery: true,
      positioned: true,
      presence: true,
      subscribe: 'anonymous',
      publish: 'anonymous',
      historyAccess: 'anonymous',
      presenceAccess: 'anonymous',
    },
    plain: { presence: true, subscribe: 'anonymous', presenceAccess: 'anonymous' },
  },
  limits: { historyPublications: 10_000 },
};

const NAMES = namesOf('sluice', { cluster: true, db: 0 });
/** Each master has some of them. */
const CHANNELS = ['red', 'green', 'blue', 'black', 'white', 'pink'];

interface Happening {
  readonly cluster: RedisCluster;
  readonly gateways: readonly Running[];
  readonly scene: Scene;
}

/** Two gateways of this process on a Cluster. */
async function begin(options: RedisClusterOptions): Promise<Happening> {
  const cluster = await RedisCluster.start(options);
  const gateways = await Promise.all([1, 2].map(() => gatewayOn(cluster.url, OPTIONS)));
  return { cluster, gateways, scene: await Scene.begin(gateways, { channels: CHANNELS }) };
}

/** A name in the channel's slot. */
function nameIn(channel: string): string {
  return NAMES.key('s', channel);
}

/** The channels that the server has. */
async function channelsOn(cluster: RedisCluster, server: RedisServer): Promise<string[]> {
  const masters = await Promise.all(CHANNELS.map((channel) => cluster.masterOf(nameIn(channel))));
  const some = CHANNELS.filter((_, index) => masters[index] === server);
  expect(some.length).toBeGreaterThan(0);
  expect(some.length).toBeLessThan(CHANNELS.length);
  return some;
}

/** How often publications to other channels than these were refused. */
function refusedBeside(channels: readonly string[], { loads }: Scene): number {
  const others = loads.filter(({ channel }) => !channels.includes(channel));
  return others.reduce((sum, { refused }) => sum + refused, 0);
}

/** Waits until another server has the slots of `master`. */
async function takenOver(
  cluster: RedisCluster,
  channel: string,
  master: RedisServer,
): Promise<void> {
  await vi.waitFor(
    async () => expect(await cluster.masterOf(nameIn(channel))).not.toBe(master),
    SOON,
  );
}

describe('under load', { timeout: 120_000 }, () => {
  test('a master is killed, and a replica takes over; and back again', async () => {
    const { cluster, scene } = await begin({ replicas: 1 });
    for (let round = 0; round < 2; round += 1) {
      const master = await cluster.masterOf(nameIn('red'));
      const hurt = await channelsOn(cluster, master);
      const before = refusedBeside(hurt, scene);
      await master.kill();
      await takenOver(cluster, 'red', master);
      expect(refusedBeside(hurt, scene)).toBe(before);
      await sleep(3000);
      await master.start();
      await vi.waitFor(
        async () =>
          expect(await master.command('INFO', 'replication')).toContain('master_link_status:up'),
        SOON,
      );
    }
    await scene.settle();
    for (const { slowestMs } of scene.loads) expect(slowestMs).toBeLessThan(1500);
  });

  test('a replica takes over that lacks the newest', async () => {
    const { cluster, scene } = await begin({ replicas: 1, nodeTimeoutMs: 2000 });
    const master = await cluster.masterOf(nameIn('red'));
    const hurt = await channelsOn(cluster, master);
    const replica = cluster.replicasOf(master)[0]!;
    replica.pause();
    // What the master sends from now on does not even reach the socket of the replica.
    await master.command('CLIENT', 'KILL', 'TYPE', 'replica');
    await sleep(500);
    await master.kill();
    replica.resume();
    await takenOver(cluster, 'red', master);
    await scene.settle();
    scene.expectTold(hurt);
  });

  test('slots are moved from master to master', async () => {
    const { cluster, scene } = await begin({});
    for (const channel of CHANNELS) {
      const name = nameIn(channel);
      const from = await cluster.masterOf(name);
      const to = cluster.masters.find((one) => one !== from)!;
      await cluster.move(name, to, () => sleep(50));
      // All follow: of two lives of a stream that nobody heard, only one can be vouched for.
      await scene.follow();
      await cluster.move(name, from);
    }
    await scene.settle();
    await scene.expectWhole();
  });

  test('a server joins, is given slots, and gives them back before it goes', async () => {
    const { cluster, scene } = await begin({});
    const joined = await cluster.join();
    const homes = await Promise.all(CHANNELS.map((channel) => cluster.masterOf(nameIn(channel))));
    for (const channel of CHANNELS) await cluster.move(nameIn(channel), joined);
    await scene.follow();
    for (const [index, channel] of CHANNELS.entries()) {
      await cluster.move(nameIn(channel), homes[index]!);
    }
    await scene.follow();
    await joined.kill();
    await scene.settle();
    await scene.expectWhole();
  });

  test('a slot stays open for a while, half of it here and half of it there', async () => {
    const { cluster, scene } = await begin({});
    const name = nameIn('red');
    const from = await cluster.masterOf(name);
    const to = cluster.masters.find((one) => one !== from)!;
    await cluster.move(name, to, () => sleep(3000));
    await scene.settle();
    await scene.expectWhole();
  });

  test('a master that nobody takes over from is paused for 10 s', async () => {
    const { cluster, scene, gateways } = await begin({});
    const master = await cluster.masterOf(nameIn('red'));
    const hurt = await channelsOn(cluster, master);
    const before = refusedBeside(hurt, scene);
    master.pause();
    await sleep(8000);
    for (const gateway of gateways) expect(await isReady(gateway)).toBe(true);
    await sleep(2000);
    expect(refusedBeside(hurt, scene)).toBe(before);
    master.resume();
    await scene.settle();
    await scene.expectWhole();
    for (const { slowestMs } of scene.loads) expect(slowestMs).toBeLessThan(1500);
  });

  test('a master is paused until a replica took over, and comes back as its replica', async () => {
    const { cluster, scene } = await begin({ replicas: 1 });
    const master = await cluster.masterOf(nameIn('red'));
    const [replica] = cluster.replicasOf(master);
    master.pause();
    await vi.waitFor(
      async () => expect(await replica!.command('INFO', 'replication')).toContain('role:master'),
      SOON,
    );
    await sleep(3000);
    master.resume();
    await vi.waitFor(
      async () => expect(await master.command('INFO', 'replication')).toContain('role:slave'),
      SOON,
    );
    await scene.settle();
  });

  test('connections are killed on every server, again and again', async () => {
    const { cluster, scene } = await begin({});
    for (let round = 0; round < 6; round += 1) {
      for (const server of cluster.servers) {
        await server.command('CLIENT', 'KILL', 'TYPE', round % 2 === 0 ? 'pubsub' : 'normal');
        await sleep(150);
      }
    }
    await scene.settle();
    await scene.expectWhole();
  });

  test('one master is restarted empty: its channels are told, and its members come back', async () => {
    const { cluster, scene, gateways } = await begin({});
    const members = await Promise.all(gateways.map(({ url }) => Peer.connected(url)));
    // Nothing is missed in them, so their members have no reason to subscribe again.
    const plain = CHANNELS.map((channel) => `plain:${channel}`);
    for (const peer of members) for (const channel of plain) await peer.subscribe(channel);
    const master = await cluster.masterOf(nameIn('red'));
    const hurt = await channelsOn(cluster, master);
    await master.kill();
    await sleep(500);
    await master.start();
    await scene.settle();
    scene.expectTold(hurt);
    for (const watcher of scene.watchers) {
      for (const channel of CHANNELS) {
        if (!hurt.includes(channel)) expect(watcher.timesTold(channel)).toBe(0);
      }
    }
    const [peer] = members;
    const expectMembers = async (channel: string, count: number): Promise<void> => {
      const { presence_stats: stats } = await peer!.ask({ presence_stats: { channel } });
      expect(stats, channel).toEqual({ num_clients: count, num_users: 1 });
    };
    for (const channel of plain) await vi.waitFor(() => expectMembers(channel, 2), SOON);
    for (const channel of CHANNELS) await vi.waitFor(() => expectMembers(channel, 4), SOON);
  });
});

test('a gateway whose Cluster is not there yet becomes ready by itself, and is not where most of it is away', async () => {
  const own = await RedisCluster.start();
  const [first, second, third] = own.masters;
  await Promise.all(own.masters.map((master) => master.kill()));
  const running = await startGateway({ redis: { url: own.url } });
  expect(await isReady(running)).toBe(false);
  const peer = await Peer.connected(running.url);
  const { error } = await peer.ask({ subscribe: { channel: 'news' } });
  expect(error).toMatchObject({ code: 100, temporary: true });
  await Promise.all(own.masters.map((master) => master.start()));
  await vi.waitFor(async () => expect(await awayOf(running)).toBe(0), SOON);
  expect(await isReady(running)).toBe(true);
  await peer.subscribe('news');
  for (const master of [second, third]) master!.pause();
  await vi.waitFor(async () => expect(await isReady(running)).toBe(false), SOON);
  for (const master of [second, third]) master!.resume();
  await vi.waitFor(async () => expect(await isReady(running)).toBe(true), SOON);
  expect(first!.isRunning).toBe(true);
});
