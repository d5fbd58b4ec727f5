/** Who is in a channel while Redis is away for longer than a lease lasts, and a gateway is held up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Peer } from '../support/peer.ts';
import { RedisServer } from '../support/redis.ts';
import { gatewayOn } from './gateways.ts';
import { notices } from './notices.ts';

/** Longer than a lease lasts, and than it takes to sweep one. */
const AWAY_MS = 12_000;
const SETTLED_MS = 6000;

const MEMBERS = 500;

test('nobody is told to have left because Redis was away', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await Promise.all([gatewayOn(redis.url), gatewayOn(redis.url)]);
  const watcher = await Peer.connected(a.url);
  await watcher.subscribe('room', { join_leave: true });
  for (let n = 0; n < MEMBERS; n += 1) {
    const member = await Peer.connected((n % 2 === 0 ? a : b).url);
    await member.subscribe('room');
  }
  const all = MEMBERS + 1;
  await watcher.until(() => notices(watcher, 'join').length === all, 'the joins');
  redis.pause();
  await sleep(AWAY_MS);
  redis.resume();
  await sleep(SETTLED_MS);
  const { presence_stats: stats } = await watcher.ask({ presence_stats: { channel: 'room' } });
  expect(stats).toEqual({ num_clients: all, num_users: 1 });
  expect(notices(watcher, 'leave')).toEqual([]);
  expect(notices(watcher, 'join')).toHaveLength(all);
});
