/** The protocol in MessagePack, beside JSON on the same channels. */
import { describe, expect, test, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import type { CommandType } from '../../src/protocol/frames.ts';
import { ManualClock } from '../support/clock.ts';
import type { EdgeName, Running } from '../support/gateway.ts';
import { EDGES, earnest, startGateway, token } from '../support/gateway.ts';
import type { Encoding, Message } from '../support/peer.ts';
import { Peer } from '../support/peer.ts';

const ENCODINGS: readonly Encoding[] = ['json', 'msgpack'];
const BYTES = Buffer.from([0, 1, 2, 0x7f, 0x80, 0xff]);
const BASE64 = BYTES.toString('base64');

interface Pair extends Running {
  readonly json: Peer;
  readonly msgpack: Peer;
}

/** Two clients, subscribed to `news`. */
async function pair(transport: EdgeName, options: GatewayOptions = {}): Promise<Pair> {
  const running = await startGateway({ transport, ...options });
  const json = await Peer.connected(running.url);
  const msgpack = await Peer.connected(running.url, { encoding: 'msgpack' });
  for (const peer of [json, msgpack]) await peer.subscribe('news', { recoverable: true });
  return { ...running, json, msgpack };
}

async function received(peers: readonly Peer[], count: number): Promise<void> {
  for (const peer of peers) {
    await peer.until(() => peer.publications('news').length >= count, `${count} publications`);
  }
}

type Name = Exclude<CommandType, 'pong' | 'invalid'>;

/** A command of each kind, so that a new one does not compile without its test here. */
async function conversation(): Promise<{ readonly [N in Name]: readonly Message[] }> {
  const exp = 1_700_003_600;
  const sub = { sub: 'ada', channel: 'private', exp, info: { role: 'host' } };
  const channel = 'news';
  return {
    connect: [
      {
        token: await token({ sub: 'ada', exp, info: { name: 'Ada' }, channels: ['inbox'] }),
        data: { a: [1, 'x', null, true, -1.5] },
        name: 'test',
        version: '1',
        headers: { 'x-trace': '7' },
        subs: { inbox: { recover: true, offset: 0, epoch: '' } },
      },
    ],
    subscribe: [
      { channel, recoverable: true, positioned: true, join_leave: true },
      { channel: 'private', token: await token(sub), data: 'please' },
      { channel },
      { channel: 'forbidden:x' },
    ],
    publish: [
      { channel, data: { text: 'hé ☕' } },
      { channel, data: null },
      { channel: '', data: 1 },
    ],
    presence: [{ channel }, { channel: 'empty' }],
    presence_stats: [{ channel }],
    history: [
      { channel, limit: -1 },
      { channel, limit: 1, reverse: true },
      { channel, limit: 1, since: { offset: 1, epoch: '' } },
      { channel, limit: 1, since: { offset: 1, epoch: 'other' } },
      { channel },
    ],
    ping: [{}],
    send: [{ data: { typing: true } }],
    rpc: [{ method: 'echo', data: [1, { two: 2 }] }, { method: 'echo' }],
    refresh: [{ token: await token({ sub: 'ada', exp: exp + 60 }) }, { token: '' }],
    sub_refresh: [
      { channel: 'private', token: await token({ ...sub, exp: exp + 60 }) },
      { channel, token: '' },
    ],
    unsubscribe: [{ channel }, { channel: 'empty' }],
  };
}

/** What a client hears when it has the whole conversation, without what is made at random. */
async function had(transport: EdgeName, encoding: Encoding): Promise<unknown> {
  const rules = {
    history: { size: 10, ttl: '5m' },
    recovery: true,
    presence: true,
    joinLeave: true,
    subscribe: 'client',
    publish: 'client',
    presenceAccess: 'client',
    historyAccess: 'client',
  } as const;
  const heard = vi.fn<(data: unknown) => void>();
  const { url } = await startGateway(
    earnest({
      transport,
      clock: new ManualClock(1_700_000_000_000),
      namespaces: { default: rules, forbidden: {} },
      hooks: { rpc: ({ data }) => data, message: (data) => heard(data) },
    }),
  );
  const peer = await Peer.open(url, { encoding });
  for (const [name, bodies] of Object.entries(await conversation())) {
    for (const body of bodies) {
      if (name === 'send') peer.say({ send: body });
      else await peer.ask({ [name]: body });
    }
  }
  await vi.waitFor(() => expect(heard).toHaveBeenCalledWith({ typing: true }));
  const text = JSON.stringify(peer.heard);
  const { client } = peer.heard[0]!['connect'] as { readonly client: string };
  expect(peer.kinds).toEqual(new Set([encoding === 'json' ? 'text' : 'binary']));
  return JSON.parse(text.replaceAll(client, 'me').replaceAll(/"epoch":"[^"]+"/g, '"epoch":"e"'));
}

describe.each(EDGES)('over %s', (transport) => {
  test('a conversation with every command is the same in both encodings', async () => {
    const json = await had(transport, 'json');
    expect(await had(transport, 'msgpack')).toEqual(json);
    const join = { info: { user: 'ada', client: 'me', conn_info: { name: 'Ada' } } };
    expect(json).toMatchObject([
      { id: 1, connect: { client: 'me', expires: true, ttl: 3600, subs: { inbox: {} } } },
      { push: { channel: 'inbox', join } },
      { id: 2, subscribe: { recoverable: true, positioned: true, epoch: 'e' } },
      { push: { channel: 'news', join } },
      { id: 3, subscribe: { expires: true, ttl: 3600 } },
      { id: 4, error: { code: 105 } },
      { id: 5, error: { code: 103 } },
      ...(json as readonly unknown[]).slice(7),
    ]);
  });

  test('bytes of MessagePack are bytes there, and base64 in JSON', async () => {
    const { json, msgpack } = await pair(transport);
    await msgpack.publish('news', BYTES);
    await received([json, msgpack], 1);
    expect(json.data('news')).toEqual([BASE64]);
    expect(msgpack.data('news')).toEqual([BYTES]);
    for (const [peer, data] of [
      [json, BASE64],
      [msgpack, BYTES],
    ] as const) {
      const { history } = await peer.ask({ history: { channel: 'news', limit: 1 } });
      expect(history).toMatchObject({ publications: [{ data }] });
    }
  });

  test('bytes within other data are base64 for all', async () => {
    const { json, msgpack } = await pair(transport);
    await msgpack.publish('news', { file: BYTES, name: 'x' });
    await received([json, msgpack], 1);
    for (const peer of [json, msgpack]) {
      expect(peer.data('news')).toEqual([{ file: BASE64, name: 'x' }]);
    }
  });

  test('bytes come back from a recovery, too', async () => {
    const { url, msgpack } = await pair(transport);
    for (let count = 0; count < 3; count += 1)
      await msgpack.publish('news', Buffer.alloc(count, 1));
    for (const encoding of ENCODINGS) {
      const late = await Peer.connected(url, { encoding });
      const back = await late.subscribe('news', { recover: true, recoverable: true, offset: 1 });
      const read = encoding === 'json' ? ['AQ==', 'AQE='] : [Buffer.from([1]), Buffer.from([1, 1])];
      expect(back).toMatchObject({ recovered: true, publications: read.map((data) => ({ data })) });
    }
  });

  test('what JSON says arrives in MessagePack as the same value', async () => {
    const { json, msgpack } = await pair(transport);
    const values = [
      { text: 'hé ☕ 🚪', list: [1, -1, 1.5, true, false, null, [], {}], '': 0 },
      [2 ** 31, -(2 ** 31), 2 ** 32 - 1, 1e300, 0.1, -0.5],
      'x'.repeat(300),
      Array.from({ length: 70 }, (_, index) => index),
      Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`key-${index}`, index])),
      null,
    ];
    for (const value of values) await json.publish('news', value);
    await received([msgpack], values.length);
    expect(msgpack.data('news')).toEqual(values);
  });

  test('integers of 64 bits keep their digits, both ways', async () => {
    const { json, msgpack } = await pair(transport);
    json.socket.send(
      '{"id":99,"publish":{"channel":"news","data":[18446744073709551615,-9007199254740993]}}',
    );
    await received([msgpack], 1);
    expect(msgpack.data('news')).toEqual([[2n ** 64n - 1n, -(2n ** 53n) - 1n]]);
    await msgpack.publish('news', [2n ** 64n - 1n, -(2n ** 63n)]);
    await received([json], 2);
    expect(json.lines.at(-1)).toContain('"data":[18446744073709551615,-9223372036854775808]');
  });

  test('hooks are given bytes as bytes, and answer with bytes', async () => {
    const heard = vi.fn<(data: unknown) => void>();
    const { json, msgpack } = await pair(transport, {
      hooks: {
        rpc: ({ data }) => (data instanceof Uint8Array ? data.toReversed() : BYTES),
        message: (data) => heard(data),
      },
    });
    const reversed = Buffer.from(BYTES.toReversed());
    expect(await msgpack.ask({ rpc: { method: 'm', data: BYTES } })).toMatchObject({
      rpc: { data: reversed },
    });
    expect(await json.ask({ rpc: { method: 'm', data: 'text' } })).toMatchObject({
      rpc: { data: BASE64 },
    });
    msgpack.say({ send: { data: BYTES } });
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1));
    expect(heard.mock.calls[0]![0]).toEqual(new Uint8Array(BYTES));
  });

  test.each(ENCODINGS)(
    'commands of one %s frame are carried out and answered in order',
    async (encoding) => {
      const { json, msgpack } = await pair(transport);
      const peer = { json, msgpack }[encoding];
      const before = peer.frames.length;
      const numbers = Array.from({ length: 50 }, (_, index) => index);
      const ids = peer.command(...numbers.map((data) => ({ publish: { channel: 'news', data } })));
      await received([json, msgpack], numbers.length);
      for (const one of [json, msgpack]) expect(one.data('news')).toEqual(numbers);
      const answered = peer.heard.flatMap(({ id }) => (ids.includes(Number(id)) ? [id] : []));
      expect(answered).toEqual(ids);
      // What one turn has for a socket is one frame, whatever the number of messages.
      expect(peer.frames.slice(before)).toEqual([2 * numbers.length]);
    },
  );

  test.each(ENCODINGS)('a client of %s sees every kind of push', async (encoding) => {
    const clock = new ManualClock();
    const { url, gateway } = await startGateway({
      transport,
      clock,
      // The first ping comes as late as it may.
      random: () => 0.99,
      hooks: { connect: () => ({ user: 'ada' }) },
    });
    const peer = await Peer.connected(url, { encoding });
    await peer.subscribe('news', { join_leave: true });
    const other = await Peer.connected(url);
    await other.subscribe('news');
    await gateway.publish('news', { text: 'x' }, { tags: { lang: 'en' }, event: 'moved' });
    await other.leave();
    await gateway.subscribe('ada', 'alerts', { data: 'welcome' });
    await gateway.unsubscribe('ada', 'news');
    await gateway.refresh('ada', { expireAtMs: clock.now() + 60_000 });
    clock.advance(25_000);
    const isPing = (message: Message): boolean => Object.keys(message).length === 0;
    await peer.until(() => peer.heard.some(isPing), 'a ping');
    const who = { info: { user: 'ada', client: expect.any(String) } };
    const pushes = peer.heard.flatMap(({ push }) => (push === undefined ? [] : [push]));
    expect(pushes).toMatchObject([
      { channel: 'news', join: who },
      { channel: 'news', join: who },
      { channel: 'news', pub: { data: { text: 'x' }, tags: { lang: 'en', event: 'moved' } } },
      { channel: 'news', leave: who },
      { channel: 'alerts', subscribe: { recoverable: true, data: 'welcome' } },
      { channel: 'alerts', join: who },
      { channel: 'news', unsubscribe: { code: 2000, reason: 'server unsubscribe' } },
      { refresh: { expires: true, ttl: 60 } },
    ]);
    await gateway.disconnect('ada', { code: 4001, reason: 'enough' });
    expect(await peer.ended()).toEqual({ code: 4001, reason: 'enough' });
  });
});
