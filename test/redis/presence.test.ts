/** Who is in a channel, on many gateways. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { api } from '../support/http.ts';
import { Peer } from '../support/peer.ts';
import { RedisServer } from '../support/redis.ts';
import { gatewayOn, SOON } from './gateways.ts';
import { notices } from './notices.ts';

async function statsOf(peer: Peer, channel = 'room'): Promise<unknown> {
  return (await peer.ask({ presence_stats: { channel } }))['presence_stats'];
}

test('members of all gateways are seen on each, and joins and leaves are told once', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await Promise.all([gatewayOn(redis.url), gatewayOn(redis.url)]);
  const watcher = await Peer.connected(a.url);
  await watcher.subscribe('room', { join_leave: true });
  const other = await Peer.connected(b.url);
  await other.subscribe('room');
  await watcher.until(() => notices(watcher, 'join').length === 2, 'the joins');
  expect(await statsOf(watcher)).toEqual({ num_clients: 2, num_users: 1 });
  const { presence } = await other.ask({ presence: { channel: 'room' } });
  expect(Object.keys((presence as { presence: object }).presence)).toHaveLength(2);
  await other.leave();
  await watcher.until(() => notices(watcher, 'leave').length === 1, 'the leave');
  expect(await statsOf(watcher)).toEqual({ num_clients: 1, num_users: 1 });
});

test('a gateway registers its members again after Redis lost its data', async () => {
  const redis = await RedisServer.start();
  const a = await gatewayOn(redis.url);
  const peer = await Peer.connected(a.url);
  await peer.subscribe('room');
  await redis.kill();
  await sleep(300);
  await redis.start();
  await vi.waitFor(
    async () => expect(await statsOf(peer)).toEqual({ num_clients: 1, num_users: 1 }),
    SOON,
  );
});

test('who left while Redis was away is taken out when it is back', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await Promise.all([gatewayOn(redis.url), gatewayOn(redis.url)]);
  const watcher = await Peer.connected(a.url);
  await watcher.subscribe('room', { join_leave: true });
  const leaving = await Peer.connected(b.url);
  await leaving.subscribe('room');
  await watcher.until(() => notices(watcher, 'join').length === 2, 'the joins');
  redis.pause();
  await leaving.leave();
  await sleep(2500);
  redis.resume();
  await vi.waitFor(
    async () => expect(await statsOf(watcher)).toEqual({ num_clients: 1, num_users: 1 }),
    SOON,
  );
  // Redis may have taken it out by itself, before anybody could be told.
  await watcher.until(() => notices(watcher, 'leave').length > 0, 'the leave');
  await sleep(3500);
  expect(notices(watcher, 'leave')).toHaveLength(1);
});

test('what the API does to a user reaches it on every gateway', async () => {
  const redis = await RedisServer.start();
  const tokens = { hmacSecret: 'the-secret-of-the-tests' };
  const options = {
    tokens,
    hooks: { connect: () => Promise.resolve({ user: 'ann' }) },
  };
  const [a, b] = await Promise.all([gatewayOn(redis.url, options), gatewayOn(redis.url, options)]);
  const peers = [await Peer.connected(a.url), await Peer.connected(b.url)];
  const call = async (method: string, body: object): Promise<number> =>
    (await api(a.http, method, body)).status;
  expect(await call('subscribe', { user: 'ann', channel: 'room', data: { big: 1 } })).toBe(200);
  for (const peer of peers) {
    await peer.until(() => peer.pushes('room').some((push) => 'subscribe' in push), 'subscribed');
  }
  expect(await call('unsubscribe', { user: 'ann', channel: 'room' })).toBe(200);
  for (const peer of peers) {
    await peer.until(() => peer.pushes('room').some((push) => 'unsubscribe' in push), 'left');
  }
  expect(await call('disconnect', { user: 'ann' })).toBe(200);
  for (const peer of peers) expect((await peer.ended()).code).toBe(3503);
});

test('each gateway tells of all gateways and their channels', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await Promise.all([gatewayOn(redis.url), gatewayOn(redis.url)]);
  const peers = [await Peer.connected(a.url), await Peer.connected(b.url)];
  for (const [index, peer] of peers.entries()) {
    await peer.subscribe('room');
    await peer.subscribe(`own ${index}`);
  }
  const result = async (method: string): Promise<unknown> =>
    (await api(a.http, method, {})).answer['result'];
  await vi.waitFor(
    async () =>
      expect(await result('channels')).toEqual({
        channels: {
          room: { num_clients: 2 },
          'own 0': { num_clients: 1 },
          'own 1': { num_clients: 1 },
        },
      }),
    SOON,
  );
  const nodes = async (): Promise<unknown> => ((await result('info')) as { nodes: unknown }).nodes;
  await vi.waitFor(async () => {
    const both = await nodes();
    expect(both).toHaveLength(2);
    expect(both).toMatchObject([
      { num_clients: 1, num_subs: 2 },
      { num_clients: 1, num_subs: 2 },
    ]);
  }, SOON);
  await b.gateway.close();
  expect(await nodes()).toHaveLength(1);
});
