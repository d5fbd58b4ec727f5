/** The user that docs/redis.md describes may do all that a gateway does, and no more. */
import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { namesOf } from '../../src/redis/names.ts';
import { api } from '../support/http.ts';
import { Peer } from '../support/peer.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { RedisServer } from '../support/redis.ts';
import { SOON, wholeGatewayOn } from './gateways.ts';

const DOCS = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8');
const [RULE = ''] = /^ACL SETUSER .*$/m.exec(DOCS) ?? [];

/** All that gateways do with Redis, on two of them. */
async function useAll(url: string, channel = 'news'): Promise<void> {
  const hooks = { connect: () => Promise.resolve({ user: 'ann' }) };
  const options = { tokens: { hmacSecret: 'the-secret-of-the-tests' }, hooks };
  const [a, b] = await Promise.all([wholeGatewayOn(url, options), wholeGatewayOn(url, options)]);
  const result = async (method: string, body = {}): Promise<unknown> => {
    const { status, answer } = await api(a.http, method, body);
    expect(status, method).toBe(200);
    return answer['result'];
  };
  const [peer, leaving] = [await Peer.connected(b.url), await Peer.connected(b.url)];
  await peer.subscribe(channel, { join_leave: true, recoverable: true });
  await leaving.subscribe(channel);
  await result('publish', { channel, data: 1 });
  await result('publish', { channel, data: 2, idempotency_key: 'k' });
  await result('publish', { channel, data: 3, version: 3, version_epoch: 'v' });
  await result('publish', { channel, data: 4, skip_history: true });
  await peer.until(() => peer.data(channel).length === 4, 'all publications');
  await peer.until(() => peer.pushes(channel).some((push) => 'join' in push), 'the join');
  expect(await result('history', { channel, limit: 10 })).toMatchObject({ offset: 3 });
  expect(await result('history', { channel, limit: 1, reverse: true })).toBeDefined();
  await result('history_remove', { channel });
  expect(await result('presence', { channel })).toBeDefined();
  await leaving.leave();
  await vi.waitFor(async () => {
    const stats = { num_clients: 1, num_users: 1 };
    expect(await result('presence_stats', { channel })).toEqual(stats);
    const channels = { [channel]: { num_clients: 1 } };
    expect(await result('channels')).toEqual({ channels });
    expect(await result('info')).toMatchObject({ nodes: [{}, {}] });
  }, SOON);
  const input = { channel, data: 'from a task' };
  for (const how of [{}, { delay: '50ms', notify: channel }]) {
    await result('enqueue', { name: 'publish', input, ...how });
  }
  await peer.until(
    () => peer.data(channel).filter((data) => data === 'from a task').length === 2,
    'what the tasks publish',
  );
  const later = await result('enqueue', { name: 'publish', input, delay: '1h' });
  expect(await result('cancel_task', later as object)).toMatchObject({ state: 'cancelled' });
  expect(await result('task', later as object)).toMatchObject({ state: 'cancelled' });
  await result('disconnect', { user: 'ann' });
  await peer.ended();
  // What it holds is swept.
  await b.gateway.close();
}

async function expectNothingRefused(server: RedisServer): Promise<void> {
  expect(await server.command('ACL', 'LOG')).toBe('*0\r\n');
}

function withUser(url: string): string {
  return url.replace('://', '://sluice:password@');
}

test('on one server', async () => {
  const server = await RedisServer.start();
  expect(await server.command(...RULE.split(' '))).toBe('+OK\r\n');
  await useAll(withUser(server.url));
  await expectNothingRefused(server);
});

test('in a Cluster', async () => {
  const cluster = await RedisCluster.start({ masters: 2 });
  for (const server of cluster.servers) {
    expect(await server.command(...RULE.split(' '))).toBe('+OK\r\n');
  }
  await useAll(withUser(cluster.url));
  // Who is not asked for it in time is sent on.
  const peer = await Peer.connected((await wholeGatewayOn(withUser(cluster.url))).url);
  await peer.subscribe('news');
  const name = namesOf('sluice', { cluster: true, db: 0 }).key('s', 'news');
  const from = await cluster.masterOf(name);
  const [to] = cluster.masters.filter((one) => one !== from);
  await cluster.move(name, to!);
  await vi.waitFor(() => peer.publish('news', 'moved'), SOON);
  await peer.until(() => peer.data('news').includes('moved'), 'the publication');
  for (const server of cluster.servers) await expectNothingRefused(server);
});

test('of other keys and channels, and of the server itself, it is kept away', async () => {
  const server = await RedisServer.start();
  await server.command(...RULE.split(' '));
  const isAllowed = async (...command: string[]): Promise<boolean> =>
    (await server.command('ACL', 'DRYRUN', 'sluice', ...command)) === '+OK\r\n';
  expect(await isAllowed('GET', 'sluice:x')).toBe(true);
  expect(await isAllowed('PUBLISH', 'sluice:x', 'y')).toBe(true);
  for (const command of [
    ['GET', 'other'],
    ['PUBLISH', 'other', 'x'],
    ['SUBSCRIBE', 'other'],
    ['FLUSHALL'],
    ['CONFIG', 'GET', '*'],
    ['KEYS', '*'],
    ['ACL', 'LIST'],
    ['CLUSTER', 'RESET'],
  ]) {
    expect(await isAllowed(...command), command.join(' ')).toBe(false);
  }
});
