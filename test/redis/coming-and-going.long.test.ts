/** Of whom a join is told, of that one a leave is told, each once: while connections to Redis break, too. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import type { Running } from '../support/gateway.ts';
import { Peer } from '../support/peer.ts';
import { RedisServer } from '../support/redis.ts';
import { gatewayOn, SOON } from './gateways.ts';
import { notices } from './notices.ts';

/** A lost history would be told, and those who watch would have to come back. */
const OPTIONS: GatewayOptions = { namespaces: { default: { history: { size: 0 } } } };
const COMERS = 15;
/** What is told later is told with the next renewal. */
const LATER_MS = 3500;

/** Comes and goes until it is over, and gives the clients that were there. */
async function comeAndGo(
  { url }: Running,
  { stayMs, isOver }: { readonly stayMs: number; readonly isOver: () => boolean },
): Promise<string[]> {
  const clients: string[] = [];
  while (!isOver()) {
    const peer = await Peer.connected(url);
    const { client } = peer.heard[0]!['connect'] as { readonly client: string };
    // As the SDKs do: what is refused for now is tried again.
    while ((await peer.ask({ subscribe: { channel: 'room' } })).error !== undefined) {
      await sleep(20);
    }
    clients.push(client);
    await sleep(stayMs);
    await peer.leave();
  }
  return clients;
}

test('joins and leaves are told in pairs while connections are killed', async () => {
  const redis = await RedisServer.start();
  const gateways = await Promise.all([
    gatewayOn(redis.url, OPTIONS),
    gatewayOn(redis.url, OPTIONS),
  ]);
  const watcher = await Peer.connected(gateways[0].url);
  await watcher.subscribe('room', { join_leave: true });
  await watcher.until(() => notices(watcher, 'join').length === 1, 'its own join');
  let isOver = false;
  const coming = Array.from({ length: COMERS }, (_, at) =>
    comeAndGo(gateways[at % 2]!, { stayMs: (at % 5) * 20, isOver: () => isOver }),
  );
  for (let round = 0; round < 10; round += 1) {
    await sleep(150);
    await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
  }
  isOver = true;
  const clients = (await Promise.all(coming)).flat();
  expect(clients.length).toBeGreaterThan(COMERS);
  await vi.waitFor(async () => {
    const { presence_stats: stats } = await watcher.ask({ presence_stats: { channel: 'room' } });
    expect(stats).toMatchObject({ num_clients: 1 });
  }, SOON);
  await sleep(LATER_MS);
  const joins = notices(watcher, 'join').slice(1).toSorted();
  expect(joins).toEqual([...new Set(joins)]);
  expect(notices(watcher, 'leave').toSorted()).toEqual(joins);
  // Whose join could not be told before it left was not there for anybody.
  expect(joins.filter((client) => !clients.includes(client))).toEqual([]);
  expect(joins.length).toBeGreaterThan(clients.length * 0.8);
});
