/** The HTTP API: bodies in, statuses and bodies out. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BROADCAST_CHANNELS_MAX } from '../../src/api/methods/broadcast.ts';
import { Json } from '../../src/kernel/data.ts';
import { ERRORS, Refusal } from '../../src/kernel/errors.ts';
import { infoOf, named, stage } from './stage.ts';
import type { Answer, Stage } from './stage.ts';

const NAMES = [
  'publish',
  'broadcast',
  'subscribe',
  'unsubscribe',
  'disconnect',
  'refresh',
  'presence',
  'presence_stats',
  'history',
  'history_remove',
  'archive',
  'channels',
  'info',
  'rpc',
  'enqueue',
  'task',
  'cancel_task',
  'broadcast_list',
  'batch',
];

const NEEDS_CHANNEL = [
  'publish',
  'subscribe',
  'unsubscribe',
  'presence',
  'presence_stats',
  'history',
  'history_remove',
  'archive',
];

/** What all of these need besides the channel. */
const ENOUGH = { user: 'ann', data: 1 };

function enough(name: string, body: Record<string, unknown>): Record<string, unknown> {
  const fields = { ...body };
  if (name === 'publish') fields['data'] = ENOUGH.data;
  if (name === 'subscribe' || name === 'unsubscribe') fields['user'] = ENOUGH.user;
  return fields;
}

function expectBad(answer: Answer, message: string): void {
  expect(answer.json).toEqual({ error: { code: 107, message: `bad request: ${message}` } });
  expect(answer.status).toBe(400);
}

/** What history holds, as it stands on the wire. */
async function kept({ operations }: Stage, channel = 'room'): Promise<readonly unknown[]> {
  const { publications } = await operations.history(channel, { limit: -1 });
  return publications.map(({ data }) => (data instanceof Json ? data.text : data));
}

test('has its methods, and no others', async () => {
  const { api, call } = stage();
  expect(api.names).toEqual(NAMES);
  for (const name of ['', 'Publish', 'publish/', '__proto__', 'constructor', 'openapi']) {
    const answer = await call(name, {});
    expect(answer.status).toBe(404);
    expect(answer.json).toEqual({ error: { code: 104, message: 'method not found' } });
  }
});

describe('a body', () => {
  test.each(NAMES)('of %s must be a JSON object in UTF-8', async (name) => {
    const { api, call } = stage();
    for (const text of ['{', 'nonsense', '{"a":1}}', '\ufeff{}']) {
      const answer = await call(name, text);
      expect(answer.status).toBe(400);
      expect(answer.json.error.message).toContain('the body is not JSON');
    }
    for (const text of ['[]', '"x"', '1', 'null', 'true']) {
      expectBad(await call(name, text), `${name} must be an object`);
    }
    const answer = await api.handle(name, new Uint8Array([0x7b, 0xff, 0x7d]));
    expect(answer.status).toBe(400);
    expect(answer.body).toContain('the body is not UTF-8');
  });

  test.each(NAMES)('of %s has no fields but its own', async (name) => {
    const { call } = stage();
    for (const field of ['chanel', '__proto__', 'constructor', 'toString']) {
      const needs = { channel: 'a', channels: ['a'], commands: [], name: 'a', id: 'a', list: 'a' };
      const body = JSON.stringify({ ...needs, part: 0 });
      const answer = await call(name, `${body.slice(0, -1)},"${field}":{}}`);
      expect(answer.status).toBe(400);
      expect(answer.json.error.message).toContain(`${name} has no field`);
    }
  });

  test('may be nested so deep, and no deeper', async () => {
    const { call } = stage({ limits: { jsonDepth: 5 } });
    const nested = (depth: number): string =>
      `{"channel":"room","data":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    expect((await call('publish', nested(5))).status).toBe(200);
    expectBad(await call('publish', nested(6)), 'the body is nested more than 5 levels deep');
    expect((await call('publish', nested(200_000))).status).toBe(400);
  });

  test('may be empty where nothing is needed', async () => {
    const { call } = stage();
    expect((await call('info')).status).toBe(200);
    expect((await call('channels')).status).toBe(200);
    expectBad(await call('publish'), 'publish.channel is missing');
  });

  test('may have null for what is not there', async () => {
    const { call } = stage();
    const body = { channel: 'room', data: 1, tags: null, version: null, b64data: null };
    expect((await call('publish', body)).status).toBe(200);
    expect((await call('history', { channel: 'room', since: null, limit: null })).status).toBe(200);
    const how = { code: null, reason: null };
    const gone = { user: 'x', client: null, whitelist: null, disconnect: how };
    expect((await call('disconnect', gone)).status).toBe(200);
    expectBad(await call('publish', { channel: null, data: 1 }), 'publish.channel is missing');
  });
});

describe.each(NEEDS_CHANNEL)('%s', (name) => {
  test.each([
    [{}, `${name}.channel is missing`],
    [{ channel: '' }, `${name}.channel is missing`],
    [{ channel: 5 }, `${name}.channel must be a string`],
    [{ channel: '\ud800' }, `${name}.channel must be well-formed Unicode`],
    [{ channel: 'a\u0000' }, 'a channel name has 1 to 255 printable characters'],
    [{ channel: 'a'.repeat(256) }, 'a channel name has 1 to 255 printable characters'],
  ])('of %j is a bad request', async (body, message) => {
    expectBad(await stage().call(name, enough(name, body)), message);
  });

  test('of a namespace that is not configured is 404', async () => {
    const answer = await stage().call(name, enough(name, { channel: 'nowhere:x' }));
    expect(answer.status).toBe(404);
    expect(answer.json).toEqual({ error: { code: 102, message: 'unknown channel' } });
  });
});

describe('publish', () => {
  test('answers with the place in the stream', async () => {
    const { call } = stage();
    const answer = await call('publish', { channel: 'room', data: {} });
    expect(answer).toMatchObject({ status: 200, text: '{"result":{"offset":1,"epoch":"epoch1"}}' });
    expect((await call('publish', { channel: 'plain:a', data: {} })).text).toBe('{"result":{}}');
  });

  test.each([
    '12345678901234567890.00100',
    '{ "b" : 1e3 ,\t"a":[ 1 , 2.0 ],"a":{"data":"\\u0041\\/"} }',
    '"tab\\tquote\\" \\ud800 💧"',
    'null',
    'false',
    '[]',
    '""',
    '{"__proto__":1}',
  ])('keeps %s as it was sent', async (data) => {
    const at = stage();
    const bodies = [
      `{"channel":"room","data":${data}}`,
      ` { "data" :\n ${data} \r\n, "channel":"room" } `,
      `{"data":{"data":0},"channel":"room","d\\u0061ta":${data}}`,
    ];
    for (const body of bodies) expect((await at.call('publish', body)).status).toBe(200);
    expect(await kept(at)).toEqual([data, data, data]);
    const history = await at.call('history', '{"channel":"room","limit":1}');
    expect(history.text).toContain(`{"data":${data},"offset":1`);
  });

  test('takes bytes in base64', async () => {
    const at = stage();
    await at.call('publish', { channel: 'room', b64data: 'AP/+' });
    await at.call('publish', { channel: 'room', data: null, b64data: 'AQ==' });
    expect(await kept(at)).toEqual([new Uint8Array([0, 255, 254]), new Uint8Array([1])]);
    const history = await at.call('history', { channel: 'room', limit: 1 });
    expect(history.text).toContain('"data":"AP/+"');
  });

  test('keeps tags of any name, and the event', async () => {
    const at = stage();
    const tags = '{"__proto__":"a","constructor":"b"}';
    await at.call('publish', `{"channel":"room","data":1,"tags":${tags},"event":"moved"}`);
    const history = await at.call('history', { channel: 'room', limit: 1 });
    expect(history.text).toContain('"tags":{"__proto__":"a","constructor":"b","event":"moved"}');
  });

  test.each([
    ['{"channel":"room"}', 'publish.data is missing'],
    ['{"channel":"room","b64data":""}', 'publish.data is missing'],
    [
      '{"channel":"room","data":1,"b64data":"AA=="}',
      'publish.data is given twice: b64data takes its place',
    ],
    ['{"channel":"room","b64data":"A"}', 'publish.b64data must be base64'],
    ['{"channel":"room","b64data":5}', 'publish.b64data must be a string'],
    ['{"channel":"room","data":1,"tags":[]}', 'publish.tags must be an object of strings'],
    ['{"channel":"room","data":1,"tags":{"a":1}}', 'publish.tags must be an object of strings'],
    [
      '{"channel":"room","data":1,"tags":{"a":"\\ud800"}}',
      'publish.tags must be an object of strings',
    ],
    ['{"channel":"room","data":1,"event":{}}', 'publish.event must be a string'],
    ['{"channel":"room","data":1,"skip_history":1}', 'publish.skip_history must be a boolean'],
    ['{"channel":"room","data":1,"delta":"no"}', 'publish.delta must be a boolean'],
    ['{"channel":"room","data":1,"version":-1}', 'publish.version must be at least 0'],
    ['{"channel":"room","data":1,"version":1.5}', 'publish.version must be an integer'],
    [
      '{"channel":"room","data":1,"version":9007199254740993}',
      'publish.version must be at most 9007199254740991',
    ],
    ['{"channel":"room","data":1,"version":"1"}', 'publish.version must be a number'],
    ['{"channel":"room","data":1,"version_epoch":1}', 'publish.version_epoch must be a string'],
    [
      '{"channel":"plain:a","data":1,"version":1}',
      'version needs a history: nothing remembers the last one',
    ],
    ['{"channel":"checked:a","data":1}', 'data must be string'],
  ])('%s is a bad request', async (body, message) => {
    const at = stage();
    expectBad(await at.call('publish', body), message);
    expect(await kept(at)).toEqual([]);
  });

  test('refuses keys that are too long to remember', async () => {
    const key = 'k'.repeat(256);
    for (const field of ['idempotency_key', 'version_epoch']) {
      const answer = await stage().call('publish', { channel: 'room', data: 1, [field]: key });
      expectBad(answer, `publish.${field} must have at most 255 characters`);
    }
  });

  test('with a known key answers the same; with other data it is a conflict', async () => {
    const at = stage();
    const body = { channel: 'room', data: 'x', idempotency_key: 'k' };
    const first = await at.call('publish', body);
    expect(await at.call('publish', body)).toEqual(first);
    const other = await at.call('publish', { ...body, data: 'y' });
    expect(other.status).toBe(409);
    expect(other.json.error.code).toBe(ERRORS.conflict.code);
    expect(await kept(at)).toEqual(['"x"']);
  });

  test('of an old version changes nothing', async () => {
    const at = stage();
    await at.call('publish', { channel: 'room', data: 'new', version: 7, version_epoch: 'a' });
    const old = { channel: 'room', data: 'old', version: 6, version_epoch: 'a' };
    expect((await at.call('publish', old)).text).toBe('{"result":{"offset":1,"epoch":"epoch1"}}');
    expect(await kept(at)).toEqual(['"new"']);
  });

  test('past the history is not kept', async () => {
    const at = stage();
    await at.call('publish', { channel: 'room', data: 1, skip_history: true });
    expect(await kept(at)).toEqual([]);
  });

  test('without room for one more stream is 429', async () => {
    const { call } = stage({ limits: { streams: 1 } });
    await call('publish', { channel: 'a', data: 1 });
    const answer = await call('publish', { channel: 'b', data: 1 });
    expect(answer.status).toBe(429);
    expect(answer.json.error.code).toBe(106);
  });

  test('begins before the call returns, so the order of calls is that of publications', async () => {
    const at = stage();
    await Promise.all([1, 2, 3, 4].map((data) => at.call('publish', { channel: 'room', data })));
    expect(await kept(at)).toEqual(['1', '2', '3', '4']);
  });
});

describe('broadcast', () => {
  test('answers for each channel', async () => {
    const at = stage();
    const data = '{"n": 1.0}';
    const channels = '["a","nowhere:b","b","plain:c"]';
    const answer = await at.call('broadcast', `{"channels":${channels},"data":${data}}`);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      result: {
        responses: [
          { result: { offset: 1, epoch: 'epoch1' } },
          { error: { code: 102, message: 'unknown channel' } },
          { result: { offset: 1, epoch: 'epoch2' } },
          { result: {} },
        ],
      },
    });
    expect(await kept(at, 'a')).toEqual([data]);
    expect(await kept(at, 'b')).toEqual([data]);
  });

  test('has one idempotency key for each channel', async () => {
    const { call } = stage();
    const body = { channels: ['a', 'b'], data: 'x', idempotency_key: 'k' };
    const first = await call('broadcast', body);
    expect(await call('broadcast', body)).toEqual(first);
    const { json } = await call('broadcast', { ...body, channels: ['a', 'c'], data: 'y' });
    expect(json.result['responses']).toMatchObject([{ error: { code: 113 } }, { result: {} }]);
  });

  test.each([
    [{ data: 1 }, 'broadcast.channels is missing'],
    [{ channels: 'a', data: 1 }, 'broadcast.channels must be an array'],
    [{ channels: [], data: 1 }, 'broadcast.channels must have at least 1 item'],
    [{ channels: ['a', 5], data: 1 }, 'broadcast.channels[1] must be a string'],
    [{ channels: ['a', ''], data: 1 }, 'broadcast.channels[1] is missing'],
    [{ channels: ['a'] }, 'broadcast.data is missing'],
    [{ channels: ['a'], b64data: '?' }, 'broadcast.b64data must be base64'],
  ])('%j is a bad request', async (body, message) => {
    expectBad(await stage().call('broadcast', body), message);
  });

  test('is to so many channels at the most', async () => {
    const channels = Array.from({ length: BROADCAST_CHANNELS_MAX + 1 }, () => 'a');
    const message = `broadcast.channels must have at most ${BROADCAST_CHANNELS_MAX} items`;
    expectBad(await stage().call('broadcast', { channels, data: 1 }), message);
  });
});

describe('subscribe', () => {
  test('orders what the request says', async () => {
    const { call, connect } = stage();
    const peer = connect('ann', 'c1');
    const answer = await call('subscribe', {
      user: 'ann',
      channel: 'room',
      info: { a: 1 },
      b64data: 'AQ==',
      expire_at: 1_700_000_000,
      recover_since: { offset: 3, epoch: 'e' },
      override: {
        presence: { value: false },
        join_leave: { value: true },
        force_recovery: { value: true },
        force_positioning: { value: true },
        force_push_join_leave: { value: false },
      },
    });
    expect(answer.text).toBe('{"result":{}}');
    const order = {
      info: new Json('{"a":1}'),
      data: new Uint8Array([1]),
      expireAtMs: 1_700_000_000_000,
      since: { offset: 3, epoch: 'e' },
      override: {
        presence: false,
        joinLeave: true,
        forceRecovery: true,
        forcePositioning: true,
        forcePushJoinLeave: false,
      },
    };
    expect(peer.orders).toEqual([{ channel: 'room', order }]);
  });

  test('says no more than it was told', async () => {
    const { call, connect } = stage();
    const peer = connect('ann', 'c1');
    await call('subscribe', { user: 'ann', channel: 'room', expire_at: 0, session: '' });
    const order = { override: {}, since: null, expireAtMs: null };
    expect(peer.orders).toEqual([{ channel: 'room', order }]);
  });

  test('of one that may not is told', async () => {
    const { call, connect } = stage();
    connect('ann', 'c1').failure = new Refusal('limitExceeded', 'subscribers of the channel');
    expect((await call('subscribe', { user: 'ann', channel: 'room' })).status).toBe(429);
  });

  test.each([
    [{ channel: 'room' }, 'user is missing'],
    [{ user: 5, channel: 'room' }, 'subscribe.user must be a string'],
    [{ user: 'a', client: [], channel: 'room' }, 'subscribe.client must be a string'],
    [
      { user: 'a', session: 's', channel: 'room' },
      'subscribe.session is not available: name the client',
    ],
    [{ user: 'a', channel: 'room', expire_at: -1 }, 'subscribe.expire_at must be at least 0'],
    [{ user: 'a', channel: 'room', recover_since: 5 }, 'subscribe.recover_since must be an object'],
    [
      { user: 'a', channel: 'room', recover_since: { offset: -1 } },
      'subscribe.recover_since.offset must be at least 0',
    ],
    [
      { user: 'a', channel: 'room', override: { presence: true } },
      'subscribe.override.presence must be an object',
    ],
    [
      { user: 'a', channel: 'room', override: { presence: {} } },
      'subscribe.override.presence.value is missing',
    ],
    [{ user: 'a', channel: 'room', override: { x: 1 } }, 'subscribe.override has no field "x"'],
    [
      { user: 'a', channel: 'room', info: 1, b64info: 'AA==' },
      'subscribe.info is given twice: b64info takes its place',
    ],
  ])('%j is a bad request', async (body, message) => {
    expectBad(await stage().call('subscribe', body), message);
  });
});

describe('unsubscribe', () => {
  test('ends the subscriptions of the user, or of one client', async () => {
    const { call, connect } = stage();
    const [one, two] = [connect('ann', 'c1'), connect('ann', 'c2')];
    await call('subscribe', { user: 'ann', channel: 'room' });
    const answer = await call('unsubscribe', { user: 'ann', client: 'c1', channel: 'room' });
    expect(answer.text).toBe('{"result":{}}');
    expect([one.channels(), two.channels()]).toEqual([[], ['room']]);
    expectBad(await call('unsubscribe', { channel: 'room' }), 'user is missing');
  });
});

describe('disconnect', () => {
  test('closes as it is told', async () => {
    const { call, connect } = stage();
    const [one, two, three] = [connect('ann', 'c1'), connect('ann', 'c2'), connect('bob', 'c3')];
    const disconnect = { code: 4000, reason: 'bye' };
    const answer = await call('disconnect', { user: 'ann', whitelist: ['c2'], disconnect });
    expect(answer.text).toBe('{"result":{}}');
    expect([one.closes, two.closes, three.closes]).toEqual([[disconnect], [], []]);
  });

  test('closes with 3503 where nothing else is said', async () => {
    const { call, connect } = stage();
    const [one, two] = [connect('ann', 'c1'), connect('ann', 'c2')];
    await call('disconnect', { user: 'ann', client: 'c1', disconnect: {} });
    await call('disconnect', { client: 'c2', disconnect: { code: 0, reason: '' } });
    const close = { code: 3503, reason: 'force disconnect' };
    expect([one.closes, two.closes]).toEqual([[close], [close]]);
  });

  test.each([
    [{}, 'user is missing'],
    [{ user: '' }, 'user is missing'],
    [{ user: 'a', whitelist: 'c' }, 'disconnect.whitelist must be an array'],
    [{ user: 'a', whitelist: [5] }, 'disconnect.whitelist[0] must be a string'],
    [{ user: 'a', disconnect: 3000 }, 'disconnect.disconnect must be an object'],
    [{ user: 'a', disconnect: { code: '1' } }, 'disconnect.disconnect.code must be a number'],
    [{ user: 'a', disconnect: { code: 1000 } }, 'disconnect.code must be from 3000 to 4999'],
    [
      { user: 'a', disconnect: { reason: 'x'.repeat(124) } },
      'disconnect.reason must have at most 123 bytes',
    ],
    [{ user: 'a', disconnect: { cod: 1 } }, 'disconnect.disconnect has no field "cod"'],
  ])('%j is a bad request', async (body, message) => {
    expectBad(await stage().call('disconnect', body), message);
  });
});

describe('refresh', () => {
  test('sets when the connections expire', async () => {
    const { call, connect } = stage();
    const peer = connect('ann', 'c1');
    const answer = await call('refresh', { user: 'ann', expire_at: 1_800_000_000 });
    expect(answer.text).toBe('{"result":{}}');
    await call('refresh', { user: 'ann' });
    expect(peer.refreshes).toEqual([1_800_000_000_000, null]);
    await call('refresh', { user: 'ann', expired: true });
    expect(peer.closes).toMatchObject([{ code: 3005 }]);
  });

  test.each([
    [{}, 'user is missing'],
    [{ user: 'a', expired: 1 }, 'refresh.expired must be a boolean'],
    [{ user: 'a', expire_at: 'soon' }, 'refresh.expire_at must be a number'],
  ])('%j is a bad request', async (body, message) => {
    expectBad(await stage().call('refresh', body), message);
  });
});

describe('presence and presence_stats', () => {
  test('tell who is there, with what is said about them as it was sent', async () => {
    const { call, presence } = stage();
    const info = { ...infoOf('c1', 'ann'), connInfo: new Json('{"n": 1.0}') };
    presence.add(named('room'), info);
    presence.add(named('room'), { ...infoOf('__proto__', ''), chanInfo: new Uint8Array([1]) });
    const answer = await call('presence', { channel: 'room' });
    expect(answer.text).toBe(
      '{"result":{"presence":{"c1":{"client":"c1","user":"ann","conn_info":{"n": 1.0}},' +
        '"__proto__":{"client":"__proto__","user":"","chan_info":"AQ=="}}}}',
    );
    const stats = await call('presence_stats', { channel: 'room' });
    expect(stats.json).toEqual({ result: { num_clients: 2, num_users: 2 } });
  });

  test('are not available where presence is not kept', async () => {
    for (const name of ['presence', 'presence_stats']) {
      const answer = await stage().call(name, { channel: 'plain:a' });
      expect(answer).toMatchObject({ status: 400, json: { error: { code: 108 } } });
    }
  });
});

describe('history', () => {
  test('is the position without a limit, and publications with one', async () => {
    const { call } = stage();
    for (let data = 1; data <= 3; data += 1) await call('publish', { channel: 'room', data });
    const position = await call('history', { channel: 'room' });
    expect(position.text).toBe('{"result":{"publications":[],"offset":3,"epoch":"epoch1"}}');
    const since = { offset: 3, epoch: 'epoch1' };
    const page = await call('history', { channel: 'room', limit: -1, since, reverse: true });
    expect(page.text).toBe(
      '{"result":{"publications":[{"data":2,"offset":2},' +
        '{"data":1,"offset":1,"epoch":"epoch1"}],"offset":3,"epoch":"epoch1"}}',
    );
  });

  test('of another life of the stream is 416', async () => {
    const { call } = stage();
    await call('publish', { channel: 'room', data: 1 });
    const answer = await call('history', { channel: 'room', since: { offset: 0, epoch: 'x' } });
    expect(answer).toMatchObject({ status: 416, json: { error: { code: 112 } } });
  });

  test('is not available where none is kept', async () => {
    for (const name of ['history', 'history_remove']) {
      const answer = await stage().call(name, { channel: 'plain:a' });
      expect(answer).toMatchObject({ status: 400, json: { error: { code: 108 } } });
    }
  });

  test.each([
    [{ limit: -2 }, 'history.limit must be at least -1'],
    [{ limit: '5' }, 'history.limit must be a number'],
    [{ since: [] }, 'history.since must be an object'],
    [{ since: { offset: 1.5 } }, 'history.since.offset must be an integer'],
    [{ since: { epoch: 1 } }, 'history.since.epoch must be a string'],
    [{ reverse: 'yes' }, 'history.reverse must be a boolean'],
  ])('%j is a bad request', async (body, message) => {
    expectBad(await stage().call('history', { channel: 'room', ...body }), message);
  });

  test('can be removed', async () => {
    const at = stage();
    await at.call('publish', { channel: 'room', data: 1 });
    expect((await at.call('history_remove', { channel: 'room' })).text).toBe('{"result":{}}');
    expect(await kept(at)).toEqual([]);
  });
});

test('channels are those with subscribers, by pattern', async () => {
  const { call, connect } = stage();
  connect('ann', 'c1');
  await call('subscribe', { user: 'ann', channel: 'plain:a' });
  await call('subscribe', { user: 'ann', channel: 'room' });
  const all = await call('channels', {});
  expect(all.text).toBe(
    '{"result":{"channels":{"plain:a":{"num_clients":1},"room":{"num_clients":1}}}}',
  );
  const some = await call('channels', { pattern: 'r??m' });
  expect(some.json.result['channels']).toEqual({ room: { num_clients: 1 } });
  expectBad(await call('channels', { pattern: 1 }), 'channels.pattern must be a string');
  const long = await call('channels', { pattern: '*'.repeat(300) });
  expectBad(long, 'pattern has more than 255 characters');
});

test('info tells of this gateway', async () => {
  const { call, connect, clock } = stage();
  connect('ann', 'c1');
  clock.advance(2500);
  const node = {
    uid: 'node-1',
    name: 'here',
    version: '1.2.3',
    num_clients: 1,
    num_users: 1,
    num_subs: 0,
    num_channels: 0,
    uptime: 2,
  };
  expect((await call('info', {})).json).toEqual({ result: { nodes: [node] } });
});

describe('rpc', () => {
  test('gives what the hook answers', async () => {
    const { call } = stage({ hooks: { rpc: ({ method, data }) => ({ method, data }) } });
    const answer = await call('rpc', { method: 'sum', data: [1, 2] });
    expect(answer.text).toBe('{"result":{"data":{"method":"sum","data":[1,2]}}}');
    const params = await call('rpc', { method: 'sum', params: { a: 1 } });
    expect(params.json.result['data']).toEqual({ method: 'sum', data: { a: 1 } });
  });

  test('gives raw JSON and bytes as they are, and nothing for nothing', async () => {
    const answers = new Map<string, unknown>([
      ['json', new Json('1.0')],
      ['bytes', new Uint8Array([1])],
    ]);
    const { call } = stage({ hooks: { rpc: ({ method }) => answers.get(method) } });
    expect((await call('rpc', { method: 'json' })).text).toBe('{"result":{"data":1.0}}');
    expect((await call('rpc', { method: 'bytes' })).text).toBe('{"result":{"data":"AQ=="}}');
    expect((await call('rpc', {})).text).toBe('{"result":{}}');
  });

  test('is not available without a hook', async () => {
    const answer = await stage().call('rpc', { method: 'x' });
    expect(answer).toMatchObject({ status: 400, json: { error: { code: 108 } } });
    expectBad(await stage().call('rpc', { method: 1 }), 'rpc.method must be a string');
  });

  test('tells the errors of the application', async () => {
    const rpc = (): never => {
      throw new Refusal({ code: 1234, message: 'no such order', temporary: false });
    };
    const answer = await stage({ hooks: { rpc } }).call('rpc', { method: 'x' });
    expect(answer).toMatchObject({
      status: 400,
      json: { error: { code: 1234, message: 'no such order' } },
    });
  });

  test('that fails is a fault of ours: logged, and told as no more than that', async () => {
    const error = new Error('secret');
    const at = stage({ hooks: { rpc: () => Promise.reject(error) } });
    const answer = await at.call('rpc', { method: 'x' });
    expect(answer.status).toBe(500);
    expect(answer.json).toEqual({ error: { code: 100, message: 'internal error' } });
    expect(at.faults).toEqual([{ where: 'api rpc', error }]);
  });

  test('that cannot be done now is 503, and no fault', async () => {
    const rpc = (): never => {
      throw new Refusal('internal', 'the backend is away');
    };
    const at = stage({ hooks: { rpc } });
    expect((await at.call('rpc', { method: 'x' })).status).toBe(503);
    expect(at.faults).toEqual([]);
  });
});

test('no body is answered with 500', async () => {
  const at = stage({ hooks: { rpc: ({ data }) => data } });
  at.connect('ann', 'c1');
  const fields =
    'channel channels data b64data tags user client info limit since disconnect whitelist version ' +
    'pattern commands parallel override expire_at publish history method event __proto__';
  const field = fc.constantFrom(...fields.split(' '));
  const text = fc.oneof(fc.constantFrom('room', 'plain:a', 'ann', 'c1', '', '*'), fc.string());
  const leaf = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.oneof(field, fc.string()), tie('value'), { maxKeys: 4 }),
    ),
  }));
  const known = fc.dictionary(field, value, { maxKeys: 5 }).map((body) => JSON.stringify(body));
  const any = fc.oneof(
    known,
    fc.json(),
    fc.string(),
    value.map((one) => JSON.stringify(one)),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...NAMES), any, async (name, body) => {
      const answer = await at.call(name, body);
      expect([200, 400, 404, 409, 416, 429]).toContain(answer.status);
    }),
    { numRuns: 500 },
  );
  expect(at.faults).toEqual([]);
});
