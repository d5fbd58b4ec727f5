/** A gateway dies without a word: processes of their own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { Program } from '../support/program.ts';
import { officialClient } from '../support/gateway.ts';
import { Peer } from '../support/peer.ts';
import { Proxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis.ts';
import { faultsOf, Load, Watcher } from './checker.ts';
import { gatewayOn, isReady, SOON } from './gateways.ts';

const PRESENCE_GONE_MS = 15_000;

test('clients of a killed gateway move and recover, and it leaves nobody behind', async () => {
  const redis = await RedisServer.start();
  const survivor = await gatewayOn(redis.url);
  const program = await Program.listening(['--dev', '--port=0', `--redis-url=${redis.url}`]);
  const http = `http://127.0.0.1:${program.port}`;
  await vi.waitFor(async () => expect(await isReady({ http })).toBe(true), SOON);

  // What a load balancer does: the same address, wherever it leads.
  const balancer = await Proxy.start(program.port);
  const url = `ws://127.0.0.1:${balancer.port}/connection/websocket`;
  const watcher = new Watcher(url, ['red']);
  const clients = Array.from({ length: 5 }, () => officialClient(url));
  for (const client of clients) {
    client.newSubscription('room').subscribe();
    client.connect();
  }
  await watcher.ready();
  const other = await Peer.connected(survivor.url);
  await other.subscribe('room', { join_leave: true });
  const clientsIn = async (): Promise<unknown> =>
    (await other.ask({ presence_stats: { channel: 'room' } }))['presence_stats'];
  await vi.waitFor(async () => expect(await clientsIn()).toMatchObject({ num_clients: 6 }), SOON);
  const { presence } = await other.ask({ presence: { channel: 'room' } });
  const there = Object.keys((presence as { presence: object }).presence);
  const load = new Load(survivor, 'red', 10);
  await sleep(300);

  const killedAtMs = performance.now();
  balancer.target = survivor.port;
  program.process.kill('SIGKILL');
  await vi.waitFor(async () => expect(await clientsIn()).toMatchObject({ num_clients: 11 }), SOON);
  await vi.waitFor(async () => expect(await clientsIn()).toMatchObject({ num_clients: 6 }), {
    timeout: PRESENCE_GONE_MS,
    interval: 50,
  });
  expect(performance.now() - killedAtMs).toBeLessThan(PRESENCE_GONE_MS);
  await load.stop();
  await vi.waitFor(() => expect(watcher.last('red')).toBe(load.last), SOON);
  expect(faultsOf(watcher.seen('red'), load)).toEqual([]);
  expect(watcher.timesTold('red')).toBe(0);

  await sleep(4000);
  const left = other.pushes('room').flatMap(({ leave }) => {
    const notice = leave as { readonly info: { readonly client: string } } | undefined;
    return notice === undefined ? [] : [notice.info.client];
  });
  const [connected] = other.heard;
  const self = (connected!['connect'] as { readonly client: string }).client;
  expect(left.toSorted()).toEqual(there.filter((client) => client !== self).toSorted());
}, 60_000);
