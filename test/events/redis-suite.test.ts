/** The journal in Redis keeps what every journal promises. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { RedisCluster } from '../support/redis-cluster.ts';
import { RedisServer } from '../support/redis.ts';
import { journalSuite } from './journal-suite.ts';
import { readAll } from './crowd.ts';
import { crowdOf, settled, SOON, station } from './redis-rig.ts';
import { View } from './view.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.shared();
});
afterAll(() => server.dispose());

let prefixes = 0;

journalSuite('in Redis', (options) => {
  prefixes += 1;
  return station(server.url, `suite${prefixes}`, options);
});

test('all that one script needs lies in one slot of a Cluster', async () => {
  const cluster = await RedisCluster.start();
  const a = await station(cluster.url, 'test', { eventsMax: 50, vacateDelayMs: 50 });
  const view = new View();
  crowdOf(a, 30, 'a');
  await settled(a, view);
  for (const client of a.clients.slice(0, 10)) a.disconnect(client);
  await settled(a, view);
  await a.journal.close();
  await a.lease.close();
  const b = await station(cluster.url, 'test');
  await vi.waitFor(async () => {
    await readAll(b.journal, view);
    expect(view.connections.size).toBe(0);
  }, SOON);
  expect(view.faults).toEqual([]);
});
