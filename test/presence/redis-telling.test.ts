/** Joins and leaves that could not be told when they should have been. */
import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { channelNameOf } from '../../src/channel/name.ts';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { RedisPresence } from '../../src/presence/redis.ts';
import { Reader } from '../../src/redis/bytes.ts';
import { HEAD_BYTES, kindOf, readWho } from '../../src/redis/envelope.ts';
import { Lease } from '../../src/redis/lease.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { RedisServer } from '../support/redis.ts';
import { whole } from '../support/whole.ts';

const ROOM = channelNameOf('room', 255);
const ANN = { client: 'a', user: 'ann', connInfo: null, chanInfo: null };
const SOON = { timeout: 8000, interval: 20 };

interface Rig {
  readonly server: RedisServer;
  readonly presence: RedisPresence;
  readonly lease: Lease;
  readonly told: readonly string[];
  /** The link is cut, and this moment it is down. */
  readonly cut: () => Promise<void>;
  /** What is wrong is set right with a renewal: this waits for two. */
  readonly renewed: () => Promise<void>;
}

/** A presence, and whoever listens to the room. */
async function rig(): Promise<Rig> {
  const server = await RedisServer.start();
  const log = new ThrottledLog(silentLog, Date.now);
  const connect = (): ReturnType<typeof connectRedis> =>
    connectRedis({ url: server.url, prefix: 'telling', log, random: Math.random });
  const [redis, other] = [connect(), connect()];
  const lease = new Lease({
    redis,
    fault: (where, error) => expect.fail(`${where}: ${String(error)}`),
  });
  let renewals = 0;
  const presence = new RedisPresence({ redis, lease });
  lease.add({
    name: 'counter',
    renewed: async () => void (renewals += 1),
    sweep: () => Promise.resolve(),
  });
  onTestFinished(async () => {
    await lease.close();
    await redis.close();
    await other.close();
  });
  await whole(redis);
  await whole(other);
  const told: string[] = [];
  await other.bus.listen(other.names.bus('c', ROOM), (message) => {
    told.push(`${kindOf(message)} ${readWho(new Reader(message, HEAD_BYTES)).client}`);
  });
  const cut = async (): Promise<void> => {
    const cutting = server.command('CLIENT', 'KILL', 'TYPE', 'normal');
    while (redis.link.isUp) await setImmediate();
    await cutting;
  };
  const renewed = async (): Promise<void> => {
    for (let left = 2; left > 0; left -= 1) {
      const before = renewals;
      await vi.waitFor(() => expect(redis.link.isUp).toBe(true), SOON);
      // When it is up again, at once.
      await cut();
      await vi.waitFor(() => expect(redis.link.isUp).toBe(true), SOON);
      await vi.waitFor(() => expect(renewals).toBeGreaterThan(before), SOON);
    }
  };
  return { server, presence, lease, told, cut, renewed };
}

test('a join whose answer was lost is told once', async () => {
  const { server, presence, told, renewed } = await rig();
  await presence.add(ROOM, ANN);
  server.pause();
  await expect(presence.announce(ROOM, ANN)).rejects.toThrow('try again');
  // Redis carries out what it was asked for, and nobody waits for the answer.
  server.resume();
  await renewed();
  expect(told).toEqual(['join a']);
});

test('a join that Redis was not asked for is told later', async () => {
  const { presence, told, cut, renewed } = await rig();
  await presence.add(ROOM, ANN);
  await cut();
  await expect(presence.announce(ROOM, ANN)).rejects.toThrow('try again');
  await renewed();
  expect(told).toEqual(['join a']);
});

test('a leave whose answer was lost is told once', async () => {
  const { server, presence, told, renewed } = await rig();
  await presence.add(ROOM, ANN);
  await presence.announce(ROOM, ANN);
  server.pause();
  await expect(presence.remove(ROOM, ANN)).rejects.toThrow('try again');
  server.resume();
  await renewed();
  expect(told).toEqual(['join a', 'leave a']);
  expect(await presence.stats(ROOM)).toEqual({ clients: 0, users: 0 });
});

test('the leave of one whom others swept is not told a second time', async () => {
  const { server, presence, lease, told, renewed } = await rig();
  await presence.add(ROOM, ANN);
  await presence.announce(ROOM, ANN);
  // As others do when a lease was not renewed in time.
  await presence.sweep(lease.id);
  await server.command('SET', `telling:ended:${lease.id}`, '1');
  await presence.remove(ROOM, ANN);
  await renewed();
  expect(told).toEqual(['join a', 'leave a']);
});

test('one whom others swept and who stayed is told to have joined again', async () => {
  const { server, presence, lease, told, renewed } = await rig();
  await presence.add(ROOM, ANN);
  await presence.announce(ROOM, ANN);
  await presence.sweep(lease.id);
  await server.command('SET', `telling:ended:${lease.id}`, '1');
  await renewed();
  expect(told).toEqual(['join a', 'leave a', 'join a']);
  await presence.remove(ROOM, ANN);
  await vi.waitFor(() => expect(told).toEqual(['join a', 'leave a', 'join a', 'leave a']));
});

test('one who moved to a new lease before anybody swept is told nothing of it', async () => {
  const { server, presence, lease, told, renewed } = await rig();
  await presence.add(ROOM, ANN);
  await presence.announce(ROOM, ANN);
  const { id: former } = lease;
  await server.command('SET', `telling:ended:${former}`, '1');
  await renewed();
  expect(lease.id).not.toBe(former);
  await presence.sweep(former);
  expect(await presence.stats(ROOM)).toEqual({ clients: 1, users: 1 });
  expect(told).toEqual(['join a']);
});

test('a leave that Redis was not asked for is told later, also by one that forgot all', async () => {
  const { server, presence, told, cut, renewed } = await rig();
  for (const client of ['a', 'b']) {
    await presence.add(ROOM, { ...ANN, client });
    await presence.announce(ROOM, { ...ANN, client });
  }
  await cut();
  await expect(presence.remove(ROOM, ANN)).rejects.toThrow('try again');
  await renewed();
  await cut();
  await expect(presence.remove(ROOM, { ...ANN, client: 'b' })).rejects.toThrow('try again');
  await server.command('FLUSHALL');
  await renewed();
  expect(told).toEqual(['join a', 'join b', 'leave a', 'leave b']);
});

test('the leave of one whom Redis forgot is told', async () => {
  const { server, presence, told, renewed } = await rig();
  await presence.add(ROOM, ANN);
  await presence.announce(ROOM, ANN);
  await server.command('FLUSHALL');
  await presence.remove(ROOM, ANN);
  await renewed();
  expect(told).toEqual(['join a', 'leave a']);
});
