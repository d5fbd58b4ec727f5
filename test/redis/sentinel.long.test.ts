/** Sentinels name another master, because the one there is died, or because they were told to. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { Proxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis.ts';
import { sentinelsOf } from '../support/sentinels.ts';
import { SOON } from './gateways.ts';
import { GatewayProcess } from './processes.ts';
import { Scene } from './scene.ts';

/** On a busy machine the Sentinels may need several elections. */
const FAIL_OVER = { timeout: 90_000, interval: 100 };
const ROAMERS = 4;

interface Servers {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly number[];
}

async function servers(sentinelCount: number, quorum: number): Promise<Servers> {
  const master = await RedisServer.start();
  const replica = await RedisServer.start({
    args: ['--replicaof', '127.0.0.1', String(master.port)],
  });
  const sentinels = await sentinelsOf(master, { count: sentinelCount, quorum });
  await vi.waitFor(
    async () => expect(await replica.command('INFO', 'replication')).toContain('link_status:up'),
    SOON,
  );
  // A Sentinel hears of the replicas from the master, and of the others through it.
  for (const port of sentinels) {
    await vi.waitFor(async () => {
      const known = await RedisServer.ask(port, 'SENTINEL', 'master', 'main');
      expect(known).toMatch(/num-slaves\r\n\$\d+\r\n1\r\n/);
      expect(known).toContain(`num-other-sentinels\r\n$1\r\n${sentinelCount - 1}\r\n`);
    }, FAIL_OVER);
  }
  return { master, replica, sentinels };
}

function urlOf(ports: readonly number[]): string {
  return `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/main`;
}

interface Stage extends Servers {
  readonly scene: Scene;
}

async function stage(): Promise<Stage> {
  const all = await servers(3, 2);
  const url = urlOf(all.sentinels);
  const gateways = await Promise.all([1, 2, 3].map(() => GatewayProcess.ready(url)));
  return { ...all, scene: await Scene.begin(gateways, { roamers: ROAMERS }) };
}

async function untilMaster(replica: RedisServer): Promise<void> {
  await vi.waitFor(
    async () => expect(await replica.command('INFO', 'replication')).toContain('role:master'),
    FAIL_OVER,
  );
}

test('a master dies, and what its replica had not got yet is told to be missing', async () => {
  const { master, replica, scene } = await stage();
  // The replica is cut off and may not come back: what is acknowledged now is lost with the master.
  expect(await master.command('ACL', 'SETUSER', 'default', '-psync')).toContain('OK');
  expect(await master.command('CLIENT', 'KILL', 'TYPE', 'replica')).toContain('1');
  const acknowledged = scene.loads.map(({ last }) => last);
  await sleep(700);
  for (const [at, load] of scene.loads.entries()) {
    expect(load.last).toBeGreaterThan(acknowledged[at]!);
  }
  await master.kill();
  await untilMaster(replica);
  await scene.settle();
  scene.expectTold();
});

test('a master hands over to its replica', async () => {
  const { replica, sentinels, scene } = await stage();
  await handOver(sentinels[0]!, replica);
  await scene.settle();
});

test('a fail-over is told while a gateway is on its way to the master', async () => {
  const { master, replica, sentinels } = await servers(1, 1);
  const [sentinel] = sentinels as [number];
  const road = await Proxy.start(sentinel);
  const gateway = await GatewayProcess.ready(urlOf([road.port]));
  // It takes a while now to hear where the master is, and what the Sentinel tells.
  road.delayMs = 300;
  expect(await RedisServer.ask(sentinel, 'SENTINEL', 'failover', 'main')).toContain('OK');
  for (let left = 20; left > 0; left -= 1) {
    for (const server of [master, replica]) await killGatewaysAt(server);
    await sleep(150);
  }
  await untilMaster(replica);
  road.delayMs = 0;
  await gateway.untilReady();
});

/** Told until it is done: a Sentinel gives up where the replica was slow to answer of late. */
async function handOver(sentinel: number, replica: RedisServer): Promise<void> {
  await vi.waitFor(
    async () => {
      await RedisServer.ask(sentinel, 'SENTINEL', 'failover', 'main');
      await sleep(1000);
      expect(await replica.command('INFO', 'replication')).toContain('role:master');
    },
    { timeout: FAIL_OVER.timeout, interval: 1000 },
  );
}

/** The Sentinels' own connections stay. */
async function killGatewaysAt(server: RedisServer): Promise<void> {
  const clients = await server.command('CLIENT', 'LIST');
  for (const [, id] of clients.matchAll(/^id=(\d+) .* name=sluice-/gm)) {
    await server.command('CLIENT', 'KILL', 'ID', id!);
  }
}
