/** The ledger of a gateway in a real Redis: what is in it when it dies, and who takes it over. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Ledger } from '../../src/archive/ledger.ts';
import type { ChannelName } from '../../src/channel/name.ts';
import { channelNameOf } from '../../src/channel/name.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import type { Holder, Lease } from '../../src/redis/lease.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { ManualClock } from '../support/clock.ts';
import { RedisServer } from '../support/redis.ts';
import { SOON } from './rig.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.shared();
});
afterAll(() => server.dispose());

interface Rig {
  readonly ledger: Ledger;
  readonly clock: ManualClock;
  readonly lease: { id: string };
  /** Lines that are archived. */
  written: number;
  /** Streams that were looked through. */
  readonly repaired: string[];
  repair: (channel: ChannelName) => Promise<void>;
  readonly faults: unknown[];
  /** What is written down. */
  inRedis(): Promise<string[]>;
}

let leases = 0;

async function rig(): Promise<Rig> {
  leases += 1;
  const lease = { id: `lease-${leases}`, add(_holder: Holder) {} };
  const log = new ThrottledLog(silentLog, Date.now);
  const redis = connectRedis({ url: server.url, prefix: 'test', log, random: Math.random });
  onTestFinished(() => redis.close());
  await vi.waitFor(() => expect(redis.link.isUp).toBe(true), SOON);
  const clock = new ManualClock();
  const made: Rig = {
    clock,
    lease,
    written: 0,
    repaired: [],
    repair: () => Promise.resolve(),
    faults: [],
    ledger: new Ledger({
      redis: { ...redis, names: { ...redis.names, partitionOf: (name) => name.charCodeAt(0) } },
      lease: lease as unknown as Lease,
      clock,
      written: () => made.written,
      channelsMax: 1000,
      async repair(channel) {
        await made.repair(channel);
        made.repaired.push(channel);
      },
      nameOf: (text) => (text === 'none' ? null : channelNameOf(text, 255)),
      fault: (where, error) => void made.faults.push([where, error]),
    }),
    async inRedis() {
      const found = await redis.link.call('SMEMBERS', `test:unarchived:${lease.id}`);
      return (found as Buffer[]).map(String).toSorted();
    },
  };
  return made;
}

const [a, b] = [channelNameOf('a', 255), channelNameOf('b', 255)];

describe('the ledger', () => {
  test('has a channel from before it is published to until all of it is archived', async () => {
    const one = await rig();
    one.ledger.begin(a);
    one.ledger.begin(b);
    expect(await one.inRedis()).toEqual(['a', 'b']);
    one.ledger.end(a, 1);
    one.ledger.end(b, 2);
    one.clock.advance(60_000);
    one.written = 1;
    await one.ledger.renewed('kept');
    expect(await one.inRedis()).toEqual(['b']);
    one.written = 2;
    await one.ledger.renewed('kept');
    expect(await one.inRedis()).toEqual([]);
  });

  test('keeps a channel for a while that may be published to again', async () => {
    const one = await rig();
    one.ledger.begin(a);
    one.ledger.end(a, 1);
    one.written = 1;
    await one.ledger.renewed('kept');
    expect(await one.inRedis()).toEqual(['a']);
    one.clock.advance(9000);
    one.ledger.begin(a);
    one.clock.advance(9000);
    one.ledger.end(a, 0);
    await one.ledger.renewed('kept');
    expect(await one.inRedis()).toEqual(['a']);
    one.clock.advance(1000);
    await one.ledger.renewed('kept');
    expect(await one.inRedis()).toEqual([]);
  });

  test('keeps a channel for as long as one publication of it has no place', async () => {
    const one = await rig();
    one.ledger.begin(a);
    one.ledger.begin(a);
    one.ledger.end(a, 1);
    one.written = 5;
    one.clock.advance(60_000);
    await one.ledger.renewed('kept');
    expect(await one.inRedis()).toEqual(['a']);
  });

  test('forgets early what is quiet where there are too many', async () => {
    const one = await rig();
    for (let n = 1; n <= 1000; n += 1) {
      one.ledger.begin(channelNameOf(`room${n}`, 255));
      if (n > 5) one.ledger.end(channelNameOf(`room${n}`, 255), n);
    }
    one.written = 999;
    expect(await one.inRedis()).toHaveLength(1000);
    one.ledger.begin(a);
    // What has no place, what is not archived, and the new one.
    const left = ['a', 'room1', 'room1000', 'room2', 'room3', 'room4', 'room5'];
    await vi.waitFor(async () => expect(await one.inRedis()).toEqual(left), SOON);
  });

  test('is written anew where Redis lost it, or others ended the lease', async () => {
    const one = await rig();
    one.ledger.begin(a);
    expect(await one.inRedis()).toEqual(['a']);
    await server.command('FLUSHALL');
    await one.ledger.renewed('new');
    expect(await one.inRedis()).toEqual(['a']);
    one.lease.id += '-next';
    await one.ledger.renewed('ended');
    expect(await one.inRedis()).toEqual(['a']);
  });

  test('of a gateway that died is taken over, and its streams are looked through', async () => {
    const [dead, survivor] = [await rig(), await rig()];
    for (let n = 0; n < 1200; n += 1) dead.ledger.begin(channelNameOf(`room${n}`, 255));
    dead.ledger.begin('none' as ChannelName);
    expect(await dead.inRedis()).toHaveLength(1201);
    await survivor.ledger.sweep(dead.lease.id);
    await vi.waitFor(() => expect(survivor.repaired).toHaveLength(1200), SOON);
    expect(new Set(survivor.repaired).size).toBe(1200);
    expect(await dead.inRedis()).toEqual([]);
    await vi.waitFor(async () => expect(await survivor.inRedis()).toEqual([]), SOON);
  });

  test('is handed on by who could not finish it', async () => {
    const [dead, second, third] = [await rig(), await rig(), await rig()];
    dead.ledger.begin(a);
    expect(await dead.inRedis()).toEqual(['a']);
    second.repair = () => Promise.reject(new Refusal('internal', 'the archive is away'));
    await second.ledger.sweep(dead.lease.id);
    expect(await second.inRedis()).toEqual(['a']);
    expect(second.repaired).toEqual([]);
    await third.ledger.sweep(second.lease.id);
    await vi.waitFor(() => expect(third.repaired).toEqual(['a']), SOON);
  });

  test('is gone through again with each renewal, as long as the archive is away', async () => {
    const one = await rig();
    let attempts = 0;
    one.repair = () => {
      attempts += 1;
      return attempts < 3 ? Promise.reject(new Refusal('internal')) : Promise.resolve();
    };
    one.ledger.doubt(a);
    one.clock.advance(5000);
    for (const attempt of [1, 2, 3]) {
      await one.ledger.renewed('kept');
      await vi.waitFor(() => expect(attempts).toBe(attempt), SOON);
    }
    await vi.waitFor(() => expect(one.repaired).toEqual(['a']), SOON);
  });

  test('is gone through as far as it can be while a part of Redis is away', async () => {
    const one = await rig();
    one.repair = (channel) =>
      channel === a ? Promise.reject(new Refusal('internal', 'try again')) : Promise.resolve();
    for (const channel of [a, b]) one.ledger.doubt(channel);
    one.clock.advance(10_000);
    await one.ledger.renewed('kept');
    await vi.waitFor(() => expect(one.repaired).toEqual(['b']), SOON);
    one.repair = () => Promise.resolve();
    await one.ledger.renewed('kept');
    await vi.waitFor(() => expect(one.repaired).toEqual(['b', 'a']), SOON);
  });

  test('looks through a stream when nothing can be on its way to it any more', async () => {
    const one = await rig();
    one.ledger.begin(a);
    one.ledger.doubt(a);
    one.ledger.end(a, 0);
    one.clock.advance(4999);
    await one.ledger.renewed('kept');
    expect(one.repaired).toEqual([]);
    one.clock.advance(1);
    await one.ledger.renewed('kept');
    await vi.waitFor(() => expect(one.repaired).toEqual(['a']), SOON);
  });

  test('is not held up by a stream that cannot be read', async () => {
    const one = await rig();
    one.repair = (channel) =>
      channel === a ? Promise.reject(new Error('of the test')) : Promise.resolve();
    one.ledger.doubt(a);
    one.ledger.doubt(b);
    one.clock.advance(5000);
    await one.ledger.renewed('kept');
    await vi.waitFor(() => expect(one.repaired).toEqual(['b']), SOON);
    expect(one.faults).toEqual([['archive repair', new Error('of the test')]]);
  });

  test('is left to the others by who closes before all is archived', async () => {
    const one = await rig();
    one.ledger.begin(a);
    one.ledger.end(a, 1);
    one.ledger.begin(b);
    one.ledger.end(b, 2);
    one.written = 1;
    await one.ledger.close();
    expect(await one.inRedis()).toEqual(['b']);
    await expect(one.ledger.sweep(one.lease.id)).rejects.toThrow('for another gateway');
    one.written = 2;
    await one.ledger.close();
    await one.ledger.sweep(one.lease.id);
  });
});
