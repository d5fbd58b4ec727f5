/** The broker in Redis alone: what one promises, and what is on the bus. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { BrokerListener, PublishOptions } from '../../src/broker/broker.ts';
import { RedisBroker } from '../../src/broker/redis.ts';
import type { ChannelName } from '../../src/channel/name.ts';
import { channelNameOf } from '../../src/channel/name.ts';
import type { Draft, Publication } from '../../src/channel/publication.ts';
import { Json } from '../../src/kernel/data.ts';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { RedisServer } from '../support/redis.ts';

const KEPT = { size: 5, ttlMs: 60_000 };
const PLAIN: PublishOptions = { history: KEPT, idempotencyKey: '', version: 0, versionEpoch: '' };

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.shared();
});
afterAll(() => server.dispose());

function draft(data: unknown, set: Partial<Draft> = {}): Draft {
  const bare = { data: Json.of(data), info: null, tags: null, event: null, wantsDelta: false };
  return { ...bare, ...set };
}

interface Rig {
  readonly broker: RedisBroker;
  readonly channel: ChannelName;
  readonly heard: { readonly publication: Publication; readonly epoch: string }[];
  readonly notices: unknown[][];
  readonly counts: string[];
}

let channels = 0;

async function rig(url = server.url): Promise<Rig> {
  const heard: Rig['heard'] = [];
  const notices: unknown[][] = [];
  const counts: string[] = [];
  const listener: BrokerListener = {
    published: (_channel, publication, epoch) => void heard.push({ publication, epoch }),
    noticed: (...notice) => void notices.push(notice),
  };
  const log = new ThrottledLog(silentLog, Date.now);
  const random = Math.random;
  const redis = connectRedis({ url, prefix: 'test', log, random });
  let epochs = 0;
  const broker = new RedisBroker({
    redis,
    uid: `gateway ${(channels += 1)}`,
    listener,
    log,
    historyOf: () => KEPT,
    check: () => {},
    newEpoch: () => `epoch${(epochs += 1)}`,
    fault: (where, error) => expect.fail(`${where}: ${String(error)}`),
    count: (label = '') => void counts.push(label),
  });
  onTestFinished(async () => {
    await broker.close();
    await redis.close();
  });
  await vi.waitFor(() => expect(broker.isReady).toBe(true), { timeout: 10_000, interval: 10 });
  const channel = channelNameOf(`room ${channels}`, 255);
  return { broker, channel, heard, notices, counts };
}

describe('a broker in Redis', () => {
  test('carries all that a publication has, as it was', async () => {
    const { broker, channel, heard } = await rig();
    await broker.listen(channel);
    const info = {
      client: 'c1',
      user: 'ünïcode',
      connInfo: new Json('{"a" : 12345678901234567890}'),
      chanInfo: new Uint8Array([0, 255, 10]),
    };
    const drafts = [
      draft(0, { data: new Json('{"b" : 1.0}'), info, tags: { 'a b': 'c', é: '' }, event: 'e' }),
      draft(0, { data: new Uint8Array([1, 0, 13, 10, 200]), wantsDelta: true }),
      draft(0, { data: new Json(JSON.stringify('x'.repeat(100_000))) }),
    ];
    const published = await Promise.all(
      drafts.map(async (one) => broker.publish(channel, one, PLAIN)),
    );
    expect(published.map(({ position }) => position.offset)).toEqual([1, 2, 3]);
    await vi.waitFor(() => expect(heard).toHaveLength(3));
    const { publications } = await broker.history(
      channel,
      { limit: 10, since: null, reverse: false },
      KEPT,
    );
    for (const [index, one] of drafts.entries()) {
      for (const got of [heard[index]?.publication, publications[index]]) {
        expect(got).toMatchObject({
          ...one,
          data: expect.anything(),
          info: expect.toSatisfy(() => true),
        });
        expect(plain(got?.data)).toEqual(plain(one.data));
        expect(got?.info?.connInfo).toEqual(one.info?.connInfo);
        expect(plain(got?.info?.chanInfo)).toEqual(plain(one.info?.chanInfo));
      }
    }
  });

  test('answers a key that it knows, and refuses it for other data', async () => {
    const { broker, channel } = await rig();
    const keyed = { ...PLAIN, idempotencyKey: 'k' };
    const [first, again] = await Promise.all([
      broker.publish(channel, draft(1), keyed),
      broker.publish(channel, draft(1), keyed),
    ]);
    expect(first).toMatchObject({ outcome: 'published', position: { offset: 1 } });
    expect(again).toEqual({ ...first, outcome: 'repeated' });
    await expect(broker.publish(channel, draft(2), keyed)).rejects.toThrow('conflict');
    const unkept = { ...keyed, history: null, idempotencyKey: 'other' };
    expect((await broker.publish(channel, draft(1), unkept)).outcome).toBe('published');
    expect((await broker.publish(channel, draft(1), unkept)).outcome).toBe('repeated');
  });

  test('publishes no version that is not above the last', async () => {
    const { broker, channel } = await rig();
    const at = async (version: number, versionEpoch: string): Promise<string> => {
      const options = { ...PLAIN, version, versionEpoch };
      return (await broker.publish(channel, draft(version), options)).outcome;
    };
    expect([await at(2, 'a'), await at(2, 'a'), await at(1, 'a'), await at(3, 'a')]).toEqual([
      'published',
      'outdated',
      'outdated',
      'published',
    ]);
    expect(await at(1, 'b')).toBe('published');
  });

  test('reads forward, backward, the latest and the top', async () => {
    const { broker, channel } = await rig();
    for (let n = 1; n <= 8; n += 1) await broker.publish(channel, draft(n), PLAIN);
    const { top } = await broker.read(channel, { kind: 'top' }, KEPT);
    expect(top.offset).toBe(8);
    const read = async (
      since: number | null,
      reverse: boolean,
      limit = 10,
    ): Promise<readonly number[]> => {
      const at = since === null ? null : { offset: since, epoch: top.epoch };
      const page = await broker.history(channel, { limit, since: at, reverse }, KEPT);
      return page.publications.map(({ offset }) => offset);
    };
    expect(await read(null, false)).toEqual([4, 5, 6, 7, 8]);
    expect(await read(null, true, 2)).toEqual([8, 7]);
    expect(await read(5, false, 2)).toEqual([6, 7]);
    expect(await read(6, true)).toEqual([5, 4]);
    expect(await read(1, true)).toEqual([]);
    expect(await read(8, false)).toEqual([]);
    expect(await read(null, false, 0)).toEqual([]);
    const latest = await broker.read(channel, { kind: 'latest' }, KEPT);
    expect(latest.publications.map(({ offset }) => offset)).toEqual([8]);
    const other = { limit: 1, since: { offset: 1, epoch: 'other' }, reverse: false };
    await expect(broker.history(channel, other, KEPT)).rejects.toThrow('unrecoverable');
    await broker.removeHistory(channel);
    expect(await read(null, false)).toEqual([]);
    expect((await broker.publish(channel, draft(9), PLAIN)).position).toEqual({
      offset: 9,
      epoch: top.epoch,
    });
  });

  test('gives no place to what is published past the history', async () => {
    const { broker, channel, heard } = await rig();
    await broker.listen(channel);
    const { position } = await broker.publish(channel, draft(1), { ...PLAIN, history: null });
    expect(position).toEqual({ offset: 0, epoch: '' });
    await vi.waitFor(() => expect(heard).toHaveLength(1));
    expect(heard[0]).toMatchObject({ epoch: '', publication: { offset: 0 } });
  });

  test('remembers when each was published, by the clock of Redis', async () => {
    const { broker, channel } = await rig();
    const [seconds, micros] = (await server.command('TIME')).match(/^\d+/gm)!.map(Number);
    const fromMs = seconds! * 1000 + Math.floor(micros! / 1000);
    const first = await broker.publish(channel, draft(1), PLAIN);
    const second = await broker.publish(channel, draft(2), PLAIN);
    expect(first.atMs).toBeGreaterThanOrEqual(fromMs);
    expect(second.atMs).toBeGreaterThanOrEqual(first.atMs);
    const { times } = await broker.read(
      channel,
      { kind: 'since', since: { offset: 0, epoch: '' }, limit: 10 },
      KEPT,
    );
    expect(times).toEqual([first.atMs, second.atMs]);
  });

  test('what is published while it waits for Redis gathers, and travels in order', async () => {
    const { broker, channel, heard } = await rig();
    await broker.listen(channel);
    const calls = async (): Promise<number> => {
      const stats = await server.command('INFO', 'commandstats');
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    await broker.publish(channel, draft('the script is known'), PLAIN);
    const before = await calls();
    // Each in a turn of its own, so that none travels with the one before it by the turn alone.
    server.pause();
    const published = [];
    for (let n = 1; n <= 50; n += 1) {
      published.push(Promise.resolve(broker.publish(channel, draft(n), PLAIN)));
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    server.resume();
    const offsets = (await Promise.all(published)).map(({ position }) => position.offset);
    expect(offsets).toEqual(Array.from({ length: 50 }, (_, i) => i + 2));
    await vi.waitFor(() => expect(heard).toHaveLength(51));
    const values = heard.slice(1).map(({ publication: { data } }) => (data as Json).value());
    expect(values).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    // The first by itself, and all that came until it was answered.
    expect((await calls()) - before).toBe(2);
  });

  test('goes on in another life where its server followed another for a while', async () => {
    const args = ['--repl-diskless-sync-delay', '0'];
    const [own, other] = [await RedisServer.start({ args }), await RedisServer.start({ args })];
    const { broker, channel } = await rig(own.url);
    const publish = async (n: number): Promise<string> =>
      (await broker.publish(channel, draft(n), PLAIN)).position.epoch;
    const follow = async (one: RedisServer, master: RedisServer): Promise<void> => {
      await one.command('REPLICAOF', '127.0.0.1', String(master.port));
      await vi.waitFor(
        async () =>
          expect(await one.command('INFO', 'replication')).toContain('master_link_status:up'),
        { timeout: 10_000, interval: 10 },
      );
    };
    const first = await publish(1);
    // The first that follows it makes it another to those who follow, but it has lost nothing.
    await follow(other, own);
    expect(await publish(2)).toBe(first);
    await vi.waitFor(
      async () => expect(await other.command('XLEN', `test:s:${channel}`)).toBe(':2\r\n'),
      { timeout: 10_000, interval: 10 },
    );
    await other.command('REPLICAOF', 'NO', 'ONE');
    await follow(own, other);
    await own.command('REPLICAOF', 'NO', 'ONE');
    const second = await publish(3);
    expect(second).not.toBe(first);
    const page = await broker.read(channel, { kind: 'top' }, KEPT);
    expect(page).toMatchObject({ top: { offset: 3 }, former: { epoch: first, offset: 2 } });
    expect(await publish(4)).toBe(second);
  });

  test('loads a script again that Redis forgot', async () => {
    const { broker, channel } = await rig();
    await broker.publish(channel, draft(1), PLAIN);
    await server.command('SCRIPT', 'FLUSH');
    expect((await broker.publish(channel, draft(2), PLAIN)).position.offset).toBe(2);
  });

  test('refuses and counts what is none of ours on the bus, and goes on', async () => {
    const { broker, channel, heard, notices, counts } = await rig();
    await broker.listen(channel);
    const info = { client: 'c', user: 'u', connInfo: null, chanInfo: null };
    const strange = [
      '',
      'x',
      '2p1:e:',
      '1p',
      '1px:e:',
      '1p1:e:\0\0',
      '1p1:e:\0\0\0\x09abc',
      '1j',
      '1c',
    ];
    for (const message of strange) await server.command('PUBLISH', `test:c:${channel}`, message);
    await broker.notify('join', channel, info);
    await broker.publish(channel, draft(1), PLAIN);
    await vi.waitFor(() => expect(heard).toHaveLength(1));
    expect(notices).toEqual([['join', channel, info]]);
    expect(counts.filter((count) => count === 'refused')).toHaveLength(strange.length);
  });

  test('listens for a while yet when it is told not to', async () => {
    const { broker, channel, heard } = await rig();
    const listeners = (): Promise<string> =>
      server.command('PUBSUB', 'NUMSUB', `test:c:${channel}`);
    await broker.listen(channel);
    broker.unlisten(channel);
    expect(broker.listen(channel)).toBe(undefined);
    broker.unlisten(channel);
    expect(await listeners()).toContain(':1');
    await sleep(2500);
    expect(await listeners()).toContain(':0');
    await broker.listen(channel);
    await broker.publish(channel, draft(1), PLAIN);
    await vi.waitFor(() => expect(heard).toHaveLength(1));
  });
});

function plain(data: Json | Uint8Array | null | undefined): unknown {
  return data instanceof Uint8Array ? [...data] : data;
}
