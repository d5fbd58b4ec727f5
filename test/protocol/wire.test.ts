import { describe, expect, test } from 'vitest';
import { Json } from '../../src/kernel/data.ts';
import type { ServerMessage } from '../../src/protocol/frames.ts';
import { hexOf, json, msgpack, textOf, unpack } from './peer.ts';
import { ALL_MESSAGES, MESSAGES, PLAIN, PUBLICATIONS } from './samples.ts';

function line(message: ServerMessage): string {
  return textOf(json.encode(message));
}

/** What MessagePack says, as a reader of JSON would get it. */
function asJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, asJson(item)] as const);
  // The name that msgpackr gives to a key it does not trust.
  return Object.fromEntries(
    entries.map(([key, item]) => [key === '__proto_' ? '__proto__' : key, item]),
  );
}

describe('the wire', () => {
  test('changes only together with this snapshot', async () => {
    const samples = Object.entries(MESSAGES).flatMap(([type, messages]) => [
      `# ${type}`,
      ...messages.flatMap((message) => [line(message), hexOf(msgpack.encode(message))]),
    ]);
    const pushes = Object.entries(PUBLICATIONS).flatMap(([name, publication]) => [
      `# publication ${name}`,
      textOf(json.publications('news', [publication])),
      hexOf(msgpack.publications('news', [publication])),
    ]);
    const text = `${[...samples, ...pushes].join('\n')}\n`;
    await expect(text).toMatchFileSnapshot('wire.snapshot.txt');
  });

  test('says the same in both encodings', () => {
    for (const message of ALL_MESSAGES) {
      const [unpacked] = unpack(msgpack.encode(message));
      expect(asJson(unpacked)).toEqual(JSON.parse(line(message)));
    }
    const all = Object.values(PUBLICATIONS);
    const lines = textOf(json.publications('news', all)).split('\n');
    const unpacked = unpack(msgpack.publications('news', all));
    expect(unpacked.map(asJson)).toEqual(lines.map((text) => JSON.parse(text)));
  });

  test('has every message on one line', () => {
    for (const message of ALL_MESSAGES) expect(line(message)).not.toContain('\n');
  });

  test('writes a publication alike in a push, in a history and in a recovery', () => {
    for (const publication of Object.values(PUBLICATIONS)) {
      const push = textOf(json.publications('news', [publication]));
      const pub = /^\{"push":\{"channel":"news","pub":(.*)\}\}$/.exec(push)?.[1];
      const position = { offset: 0, epoch: '' };
      const publications = [publication];
      const history = line({ type: 'history', id: 1, publications, position });
      expect(history).toBe(`{"id":1,"history":{"publications":[${pub}],"epoch":"","offset":0}}`);
    }
  });
});

describe('a reply', () => {
  test('to a ping is empty but for its id', () => {
    expect(line({ type: 'ping', id: 8 })).toBe('{"id":8}');
  });

  test('without a result still names its command', () => {
    expect(line({ type: 'publish', id: 3 })).toBe('{"id":3,"publish":{}}');
    expect(line({ type: 'unsubscribe', id: 3 })).toBe('{"id":3,"unsubscribe":{}}');
    expect(line({ type: 'rpc', id: 3, data: null })).toBe('{"id":3,"rpc":{}}');
  });

  test('with an error says whether it is temporary only when it is', () => {
    const entry = { code: 103, message: 'permission denied', temporary: false };
    expect(line({ type: 'error', id: 2, error: entry })).toBe(
      '{"id":2,"error":{"code":103,"message":"permission denied"}}',
    );
    expect(line({ type: 'error', id: 2, error: { ...entry, temporary: true } })).toContain(
      ',"temporary":true',
    );
  });

  test('keeps the zeros that clients show to their users', () => {
    expect(line({ type: 'presence_stats', id: 1, numClients: 0, numUsers: 0 })).toBe(
      '{"id":1,"presence_stats":{"num_clients":0,"num_users":0}}',
    );
    expect(line({ type: 'presence', id: 1, presence: [] })).toBe(
      '{"id":1,"presence":{"presence":{}}}',
    );
    const position = { offset: 0, epoch: '' };
    expect(line({ type: 'history', id: 1, publications: [], position })).toBe(
      '{"id":1,"history":{"publications":[],"epoch":"","offset":0}}',
    );
  });

  test('has members and channels by any name that peers have chosen', () => {
    const presence = ['__proto__', 'constructor', '7', '"'].map((client) => ({
      client,
      user: '',
      connInfo: null,
      chanInfo: null,
    }));
    const reply = JSON.parse(line({ type: 'presence', id: 1, presence })) as {
      presence: { presence: object };
    };
    expect(Object.keys(reply.presence.presence).toSorted()).toEqual(
      presence.map(({ client }) => client).toSorted(),
    );
  });
});

describe('a push', () => {
  test('that ends a subscription has its code even when that is 0, or clients would come back', () => {
    const reason = { code: 0, reason: '' };
    expect(line({ type: 'unsubscribed', channel: 'x', reason })).toBe(
      '{"push":{"channel":"x","unsubscribe":{"code":0}}}',
    );
  });

  test('of a publication has its event as a tag', () => {
    const event = { ...PLAIN, tags: { a: 'b', event: 'lost' }, event: 'moved' };
    expect(textOf(json.publications('x', [event]))).toBe(
      '{"push":{"channel":"x","pub":{"data":{"text":"hello"},"tags":{"a":"b","event":"moved"}}}}',
    );
    expect(event.tags).toEqual({ a: 'b', event: 'lost' });
  });

  test('of a ping is an empty message', () => {
    expect(line({ type: 'serverPing' })).toBe('{}');
    expect(hexOf(msgpack.encode({ type: 'serverPing' }))).toBe('80');
  });

  test('to all channels has none', () => {
    expect(line({ type: 'message', data: new Json('1') })).toBe('{"push":{"message":{"data":1}}}');
  });
});
