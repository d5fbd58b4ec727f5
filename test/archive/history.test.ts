/** The archive behind a gateway: what comes into it, and how it is read. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Json } from '../../src/gateway.ts';
import { api, meter } from '../support/http.ts';
import { Peer } from '../support/peer.ts';
import type { Pub } from '../support/peer.ts';
import { PostgresServer } from '../support/postgres.ts';
import { RedisServer } from '../support/redis.ts';
import { archived, archivedOn, channelIn, NAMESPACES, offsetsOf, publishMany } from './gateways.ts';
import { range, SOON } from './rig.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.shared();
});
afterAll(() => server.dispose());

function datas(publications: readonly { readonly data: unknown }[]): unknown[] {
  return publications.map(({ data }) => data);
}

describe('into the archive comes', () => {
  test('every publication once, whoever publishes it and however', async () => {
    const running = await archivedOn(server.url, {
      namespaces: { asked: { archive: true, hooks: { publish: true } } },
      hooks: { publish: ({ data }) => ({ data: { changed: data }, tags: { by: 'hook' } }) },
    });
    const [chat, note] = [channelIn('chat'), channelIn('note')];
    const { http, url, gateway } = running;
    const peers = [await Peer.connected(url), await Peer.connected(url, { encoding: 'msgpack' })];
    await peers[0]?.publish(chat, { by: 'client' });
    await peers[1]?.publish(chat, { by: 'msgpack' });
    await api(http, 'publish', { channel: chat, data: { by: 'API' } });
    await api(http, 'broadcast', { channels: [chat, note], data: { by: 'broadcast' } });
    await api(http, 'batch', { commands: [{ publish: { channel: chat, data: { by: 'batch' } } }] });
    await gateway.publish(chat, new Json('{"by" : "library"}'));
    await gateway.publish(chat, new Uint8Array([1, 2, 3]));
    const by = ['client', 'msgpack', 'API', 'broadcast', 'batch', 'library'];
    expect(datas(await archived(running, chat))).toEqual([
      ...by.map((one) => ({ by: one })),
      'AQID',
    ]);
    expect(datas(await archived(running, note))).toEqual([{ by: 'broadcast' }]);
    await peers[0]?.publish('asked:1', 7);
    expect(await archived(running, 'asked:1')).toMatchObject([
      { data: { changed: 7 }, tags: { by: 'hook' } },
    ]);
  });

  test('nothing of other namespaces, and nothing that its author wants kept nowhere', async () => {
    const running = await archivedOn(server.url);
    const [chat, note, plain] = [channelIn('chat'), channelIn('note'), channelIn('plain')];
    for (const channel of [chat, note, plain]) {
      await running.gateway.publish(channel, 'typing', { skipHistory: true });
      await running.gateway.publish(channel, 'kept');
    }
    expect(datas(await archived(running, chat))).toEqual(['kept']);
    expect(datas(await archived(running, note))).toEqual(['kept']);
    expect(await archived(running, plain)).toEqual([]);
  });

  test('once what is repeated, and not what is outdated or refused', async () => {
    const running = await archivedOn(server.url);
    const channel = channelIn('chat');
    const publish = (data: unknown, options: object): Promise<{ status: number }> =>
      api(running.http, 'publish', { channel, data, ...options });
    await publish(1, { idempotency_key: 'a' });
    await publish(1, { idempotency_key: 'a' });
    expect((await publish(2, { idempotency_key: 'a' })).status).toBe(409);
    await publish(3, { version: 2 });
    await publish(4, { version: 1 });
    expect(datas(await archived(running, channel))).toEqual([1, 3]);
  });

  test('nothing at all without a namespace that is archived, but it can be read', async () => {
    const channel = channelIn('chat');
    const writing = await archivedOn(server.url);
    await writing.gateway.publish(channel, 'then');
    await writing.gateway.close();
    const reading = await archivedOn(server.url, {
      namespaces: { chat: { ...NAMESPACES.chat, archive: false }, note: {} },
    });
    await reading.gateway.publish(channel, 'now');
    expect(datas(await archived(reading, channel))).toEqual(['then']);
  });
});

describe('the archive is read', () => {
  test('by time, by offset, forward and backward, with cursors', async () => {
    const running = await archivedOn(server.url);
    const channel = channelIn('chat');
    await publishMany(running, channel, range(1, 20));
    const times = (await archived(running, channel)).map(({ time }) => time);
    await new Promise((resolve) => void setTimeout(resolve, 5));
    const middleMs = Date.now();
    await publishMany(running, channel, range(21, 30));
    const read = (asked: object): Promise<unknown> =>
      archived(running, channel, { ...asked }).then(datas);
    expect(await read({})).toEqual(range(1, 30));
    expect(await read({ limit: 7 })).toEqual(range(1, 30));
    expect(await read({ limit: 7, reverse: true })).toEqual(range(1, 30).toReversed());
    expect(await read({ from_time: middleMs, limit: 4 })).toEqual(range(21, 30));
    expect(await read({ to_time: new Date(middleMs).toISOString() })).toEqual(range(1, 20));
    expect(await read({ from_offset: 5, to_offset: 9, limit: 2 })).toEqual(range(5, 9));
    expect(await read({ from_offset: 28, reverse: true, limit: 2 })).toEqual([30, 29, 28]);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
  });

  test('with all that belongs to a publication', async () => {
    const running = await archivedOn(server.url);
    const [chat, note] = [channelIn('chat'), channelIn('note')];
    await running.gateway.publish(chat, { n: 1 }, { tags: { a: 'b' }, event: 'said' });
    await running.gateway.publish(note, { n: 2 });
    const peer = await Peer.connected(running.url);
    await peer.publish(chat, { n: 3 });
    const [first, second] = await archived(running, chat);
    expect(first).toEqual({
      data: { n: 1 },
      offset: 1,
      epoch: expect.stringMatching(/^.{8}$/),
      tags: { a: 'b', event: 'said' },
      time: expect.any(Number),
    });
    expect(second).toMatchObject({
      data: { n: 3 },
      offset: 2,
      info: { client: expect.any(String) },
    });
    expect(Math.abs((first?.time ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await archived(running, note)).toEqual([{ data: { n: 2 }, time: expect.any(Number) }]);
  });

  test('in process as over HTTP', async () => {
    const { gateway } = await archivedOn(server.url);
    const channel = channelIn('chat');
    await gateway.publish(channel, new Json('{"a" : 1.0}'));
    const page = await gateway.archive(channel, { limit: 1 });
    expect(page).toMatchObject({
      publications: [{ publication: { data: new Json('{"a" : 1.0}'), offset: 1 } }],
      cursor: null,
    });
    await gateway.publish(channel, 2);
    const { cursor } = await gateway.archive(channel, { limit: 1 });
    const rest = await gateway.archive(channel, { cursor: cursor ?? '' });
    expect(rest.publications.map(({ publication }) => publication.offset)).toEqual([2]);
    await expect(gateway.archive(channel, { limit: 0 })).rejects.toThrow('limit is at least 1');
  });

  test.each([
    [{ cursor: 'x' }, 'cursor is none that was given'],
    [{ cursor: Buffer.from('[1,2]').toString('base64url') }, 'cursor is none that was given'],
    [{ cursor: Buffer.from('{}').toString('base64url') }, 'cursor is none that was given'],
    [{ limit: 0 }, 'archive.limit must be at least 1'],
    [{ from_time: 'yesterday' }, 'archive.from_time'],
    [{ from_time: -1 }, 'archive.from_time'],
    [{ to_time: 1e300 }, 'archive.to_time'],
    [{ from_offset: 0 }, 'archive.from_offset must be at least 1'],
    [{ until: 1 }, 'archive has no field "until"'],
    [{ channel: '' }, 'archive.channel is missing'],
  ])('but not with %j', async (asked, wrong) => {
    const { http } = await archivedOn(server.url);
    const { status, answer } = await api(http, 'archive', { channel: 'chat:1', ...asked });
    expect([status, answer]).toMatchObject([400, { error: { code: 107 } }]);
    expect(JSON.stringify(answer)).toContain(wrong.replaceAll('"', '\\"'));
  });

  test('only where there is one, and of a namespace that there is', async () => {
    const { http } = await archivedOn(server.url);
    expect((await api(http, 'archive', { channel: 'other:1' })).status).toBe(404);
    const { startGateway } = await import('../support/gateway.ts');
    const without = await startGateway();
    const { status, answer } = await api(without.http, 'archive', { channel: 'chat' });
    expect([status, JSON.stringify(answer)]).toEqual([400, expect.stringContaining('archive.url')]);
  });
});

describe.each(['memory', 'Redis'] as const)('the history with streams in %s', (where) => {
  let redis: RedisServer | null = null;
  beforeAll(async () => {
    if (where === 'Redis') redis = await RedisServer.shared();
  });
  afterAll(() => redis?.dispose());

  type Options = Parameters<typeof archivedOn>[1];
  const start = (options: Options = {}): ReturnType<typeof archivedOn> =>
    archivedOn(server.url, {
      ...options,
      ...(redis === null ? {} : { redis: { url: redis.url } }),
    });

  test('goes on in the archive where the stream ends, for the API and for clients', async () => {
    const running = await start();
    const channel = channelIn('chat');
    await publishMany(running, channel, range(1, 40));
    expect(await offsetsOf(running, channel)).toEqual(range(1, 40));
    expect(await offsetsOf(running, channel, { limit: 3 })).toEqual([1, 2, 3]);
    expect(await offsetsOf(running, channel, { limit: 0 })).toEqual([]);
    expect(await offsetsOf(running, channel, { since: { offset: 30 } })).toEqual(range(31, 40));
    expect(await offsetsOf(running, channel, { since: { offset: 30 }, limit: 7 })).toEqual(
      range(31, 37),
    );
    expect(await offsetsOf(running, channel, { reverse: true, limit: 12 })).toEqual(
      range(29, 40).toReversed(),
    );
    const back = { reverse: true, since: { offset: 4 } };
    expect(await offsetsOf(running, channel, back)).toEqual([3, 2, 1]);
    const peer = await Peer.connected(running.url);
    const { history } = await peer.ask({ history: { channel, limit: 40, reverse: true } });
    expect(datas((history as { publications: Pub[] }).publications)).toEqual(
      range(1, 40).toReversed(),
    );
    expect(history).toMatchObject({ offset: 40 });
  });

  test('is of this life of the stream alone', async () => {
    const channel = channelIn('chat');
    const running = await start();
    await publishMany(running, channel, range(1, 10));
    const [first] = await archived(running, channel);
    await redis?.command('FLUSHALL');
    const next = redis === null ? await start() : running;
    await next.gateway.publish(channel, 'new');
    expect(await offsetsOf(next, channel)).toEqual([1]);
    const since = { offset: 1, epoch: first?.epoch };
    await expect(offsetsOf(next, channel, { since })).rejects.toThrow('unrecoverable');
    // The archive has both, and tells them apart.
    const all = await archived(next, channel);
    expect(datas(all)).toEqual([...range(1, 10), 'new']);
    expect(new Set(all.map(({ epoch }) => epoch)).size).toBe(2);
    expect(datas(await archived(next, channel, { from_offset: 1 }))).toEqual(['new']);
    const former = { from_offset: 2, to_offset: 3, epoch: first?.epoch };
    expect(datas(await archived(next, channel, former))).toEqual([2, 3]);
  });

  test('ends before a hole', async () => {
    const running = await start();
    const channel = channelIn('chat');
    await publishMany(running, channel, range(1, 40));
    expect(await archived(running, channel)).toHaveLength(40);
    await server.query('delete from sluice_publications where channel = $1 and place = 20', [
      channel,
    ]);
    expect(await offsetsOf(running, channel)).toEqual(range(1, 19));
    expect(await offsetsOf(running, channel, { since: { offset: 19 } })).toEqual(range(21, 40));
    expect(await offsetsOf(running, channel, { reverse: true })).toEqual(
      range(21, 40).toReversed(),
    );
  });

  test('is gone when it is removed, though the archive still has it', async () => {
    const running = await start();
    const channel = channelIn('chat');
    await publishMany(running, channel, range(1, 20));
    await running.gateway.removeHistory(channel);
    expect(await offsetsOf(running, channel)).toEqual([]);
    expect(await offsetsOf(running, channel, { reverse: true })).toEqual([]);
    await publishMany(running, channel, range(21, 30));
    expect(await offsetsOf(running, channel)).toEqual(range(21, 30));
    expect(await offsetsOf(running, channel, { reverse: true })).toEqual(
      range(21, 30).toReversed(),
    );
    expect(await archived(running, channel)).toHaveLength(30);
  });

  test('brings back who was away for longer than the stream holds', async () => {
    const running = await start({ limits: { historyPublications: 50 } });
    const channel = channelIn('chat');
    const peer = await Peer.connected(running.url);
    const { epoch } = await peer.subscribe(channel, { recoverable: true });
    await publishMany(running, channel, range(1, 60));
    const back = async (offset: number): Promise<Record<string, unknown>> => {
      const again = await Peer.connected(running.url);
      const recover = { recoverable: true, recover: true, offset, epoch };
      return { ...(await again.subscribe(channel, recover)) };
    };
    const recovered = await back(15);
    expect(recovered).toMatchObject({ recovered: true });
    expect(datas(recovered['publications'] as Pub[])).toEqual(range(16, 60));
    expect(await back(10)).toMatchObject({ recovered: true });
    const tooFar = await back(9);
    expect(tooFar).toMatchObject({ was_recovering: true, offset: 60 });
    expect(tooFar).not.toHaveProperty('recovered');
    await server.query('delete from sluice_publications where channel = $1 and place = 30', [
      channel,
    ]);
    // From a place of its own: those who came back from others may share what they read.
    expect(await back(16)).not.toHaveProperty('recovered');
    expect(await back(30)).toMatchObject({ recovered: true });
  });

  test('reads no archive for what the stream has', async () => {
    const running = await start();
    const channel = channelIn('chat');
    await publishMany(running, channel, range(1, 5));
    await archived(running, channel);
    const blocker = await server.connect();
    await blocker.query('begin; lock table sluice_publications in access exclusive mode');
    expect(await offsetsOf(running, channel)).toEqual(range(1, 5));
    expect(await offsetsOf(running, channel, { reverse: true })).toEqual([5, 4, 3, 2, 1]);
    expect(await offsetsOf(running, channel, { since: { offset: 2 } })).toEqual([3, 4, 5]);
    await blocker.end();
  });
});

test('what the archive does is counted', async () => {
  const running = await archivedOn(server.url);
  const channel = channelIn('chat');
  await publishMany(running, channel, range(1, 7));
  await archived(running, channel);
  expect(await meter(running.http, 'archive')).toEqual(new Map([['written', 7]]));
  await vi.waitFor(async () => {
    expect(await meter(running.http, 'archive_buffer_bytes')).toEqual(new Map([['', 0]]));
  }, SOON);
});
