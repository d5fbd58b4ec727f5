import { describe, expect, test } from 'vitest';
import { Json } from '../../src/kernel/data.ts';
import type { CommandName } from '../../src/protocol/check.ts';
import type { Command } from '../../src/protocol/frames.ts';
import { ENCODINGS, expectRefused, only } from './peer.ts';

/** Every command as it is sent with all of its fields, and with as few as it may have. */
const COMMANDS: {
  readonly [N in CommandName]: readonly { readonly sent: object; readonly got: object }[];
} = {
  connect: [
    {
      sent: {
        token: 't',
        data: { a: [1] },
        name: 'js',
        version: '1.2',
        headers: { 'x-a': 'b' },
        subs: { news: { recover: true, offset: 5, epoch: 'a1' }, chat: {} },
      },
      got: {
        token: 't',
        data: new Json('{"a":[1]}'),
        name: 'js',
        version: '1.2',
        headers: Object.assign(Object.create(null), { 'x-a': 'b' }),
        subs: new Map([
          ['news', { recover: true, offset: 5, epoch: 'a1' }],
          ['chat', { recover: false, offset: 0, epoch: '' }],
        ]),
      },
    },
    {
      sent: {},
      got: { token: '', data: null, name: '', version: '', headers: null, subs: new Map() },
    },
  ],
  subscribe: [
    {
      sent: {
        channel: 'news',
        token: 't',
        data: null,
        positioned: true,
        recoverable: true,
        join_leave: true,
        recover: true,
        offset: 2 ** 53 - 1,
        epoch: 'a1',
        delta: 'fossil',
        flag: 3,
        type: 0,
        tf: null,
      },
      got: {
        channel: 'news',
        token: 't',
        data: new Json('null'),
        positioned: true,
        recoverable: true,
        joinLeave: true,
        recover: true,
        offset: 2 ** 53 - 1,
        epoch: 'a1',
        delta: 'fossil',
        flag: 3,
      },
    },
    {
      sent: { channel: 'news' },
      got: {
        channel: 'news',
        token: '',
        data: null,
        positioned: false,
        recoverable: false,
        joinLeave: false,
        recover: false,
        offset: 0,
        epoch: '',
        delta: '',
        flag: 0,
      },
    },
  ],
  unsubscribe: [{ sent: { channel: 'news' }, got: { channel: 'news' } }],
  publish: [
    { sent: { channel: 'news', data: 1 }, got: { channel: 'news', data: new Json('1') } },
    { sent: { channel: 'né', data: null }, got: { channel: 'né', data: new Json('null') } },
  ],
  presence: [{ sent: { channel: 'news' }, got: { channel: 'news' } }],
  presence_stats: [{ sent: { channel: 'news' }, got: { channel: 'news' } }],
  history: [
    {
      sent: { channel: 'news', limit: -1, since: { offset: 3, epoch: 'a1' }, reverse: true },
      got: { channel: 'news', limit: -1, since: { offset: 3, epoch: 'a1' }, reverse: true },
    },
    {
      sent: { channel: 'news', since: {} },
      got: { channel: 'news', limit: 0, since: { offset: 0, epoch: '' }, reverse: false },
    },
    {
      sent: { channel: 'news' },
      got: { channel: 'news', limit: 0, since: null, reverse: false },
    },
  ],
  ping: [{ sent: {}, got: {} }],
  send: [{ sent: { data: 'x' }, got: { data: new Json('"x"') } }],
  rpc: [
    { sent: { method: 'add', data: [1, 2] }, got: { method: 'add', data: new Json('[1,2]') } },
    { sent: {}, got: { method: '', data: null } },
  ],
  refresh: [
    { sent: { token: 't' }, got: { token: 't' } },
    { sent: {}, got: { token: '' } },
  ],
  sub_refresh: [{ sent: { channel: 'news', token: 't' }, got: { channel: 'news', token: 't' } }],
};

const NAMES = Object.keys(COMMANDS) as CommandName[];

describe.each(ENCODINGS)('a command in $name', ({ decode }) => {
  function one(message: object): Command {
    return only(decode(message));
  }

  test.each(NAMES)('%s is read with all its fields, and with none of those it can miss', (name) => {
    for (const { sent, got } of COMMANDS[name]) {
      expect(one({ id: 7, [name]: sent })).toEqual({
        type: name,
        id: 7,
        bytes: expect.any(Number),
        ...got,
      });
    }
  });

  test.each(NAMES)('%s takes null for a field that is left out, but for data', (name) => {
    const [{ sent } = { sent: {} }] = COMMANDS[name];
    const nulls = Object.keys(sent).filter((field) => field !== 'channel' && field !== 'data');
    const message = { ...sent, ...Object.fromEntries(nulls.map((field) => [field, null])) };
    expect(one({ id: 7, [name]: message })).toMatchObject({ type: name });
  });

  test('of several in one message the first in the order of the protocol is carried out', () => {
    for (const [place, name] of NAMES.entries()) {
      const later = NAMES.slice(place).map((other) => [other, COMMANDS[other][0]?.sent]);
      const message = Object.fromEntries(later.toReversed());
      expect(one({ ...message, id: 1 })).toMatchObject({ type: name });
    }
  });

  test('a command that is null is none', () => {
    const message = { id: 1, connect: null, subscribe: null, ping: {} };
    expect(one(message)).toMatchObject({ type: 'ping' });
  });

  test('fields and commands that are not known are ignored beside those that are', () => {
    const message = { id: 1, map_publish: {}, ping: { soon: true }, extra: [1] };
    expect(one(message)).toMatchObject({ type: 'ping', id: 1 });
  });

  test('an empty message is a pong', () => {
    expect(one({})).toMatchObject({ type: 'pong', id: 0 });
    expect(one({ id: 0 })).toMatchObject({ type: 'pong', id: 0 });
    expect(one({ id: 0, ping: null })).toMatchObject({ type: 'pong', id: 0 });
  });

  test('only send may come without an id, and may also have one', () => {
    expect(one({ send: { data: 1 } })).toMatchObject({ type: 'send', id: 0 });
    expect(one({ id: 0, send: { data: 1 } })).toMatchObject({ type: 'send', id: 0 });
    expect(one({ id: 9, send: { data: 1 } })).toMatchObject({ type: 'send', id: 9 });
    for (const name of NAMES) {
      if (name === 'send') continue;
      expectRefused(() => decode({ [name]: COMMANDS[name][0]?.sent }));
      expectRefused(() => decode({ id: 0, [name]: COMMANDS[name][0]?.sent }));
    }
  });

  test.each([-1, 1.5, 2 ** 32, '1', null, true, [1], {}])('an id of %j is refused', (id) => {
    expectRefused(() => decode({ id, ping: {} }));
    expectRefused(() => decode({ id }));
  });

  test('the largest id is one', () => {
    expect(one({ id: 2 ** 32 - 1, ping: {} })).toMatchObject({ type: 'ping', id: 2 ** 32 - 1 });
  });

  test('a command that is not known is told so, and refused when there is no id to tell it to', () => {
    const detail = 'unknown command';
    expect(one({ id: 4, map_publish: {} })).toMatchObject({ type: 'invalid', id: 4, detail });
    expect(one({ id: 4 })).toMatchObject({ type: 'invalid', id: 4, detail });
    expectRefused(() => decode({ map_publish: {} }));
  });

  test.each([null, true, 7, 'connect', [], [{ id: 1, ping: {} }]])('%j is no message', (value) => {
    expectRefused(() => decode(value));
  });

  describe('with a mistake is answered with the name of the field', () => {
    const MISTAKES: readonly (readonly [string, object, string])[] = [
      ['connect', { token: 7 }, 'connect.token must be a string'],
      ['connect', { headers: 'x' }, 'connect.headers must be an object'],
      ['connect', { headers: { a: 1 } }, 'connect.headers must hold strings only'],
      ['connect', { headers: [] }, 'connect.headers must be an object'],
      ['connect', { subs: [] }, 'connect.subs must be an object'],
      ['connect', { subs: { a: 1 } }, 'connect.subs.* must be an object'],
      ['connect', { subs: { a: null } }, 'connect.subs.* must be an object'],
      [
        'connect',
        { subs: { a: { offset: -1 } } },
        'connect.subs.*.offset must be an integer from 0 to 2^53-1',
      ],
      ['subscribe', {}, 'subscribe.channel is missing'],
      ['subscribe', { channel: '' }, 'subscribe.channel is missing'],
      ['subscribe', { channel: 'x', recover: 1 }, 'subscribe.recover must be a boolean'],
      ['subscribe', { channel: 'x', flag: 0.5 }, 'subscribe.flag must be an integer'],
      ['subscribe', { channel: 'x', type: 'map' }, 'subscribe.type must be an integer'],
      [
        'subscribe',
        { channel: 'x', offset: 2 ** 53 },
        'subscribe.offset must be an integer from 0 to 2^53-1',
      ],
      ['publish', { data: 1 }, 'publish.channel is missing'],
      ['publish', { channel: 5, data: 1 }, 'publish.channel must be a string'],
      ['publish', { channel: 'x' }, 'publish.data is missing'],
      ['publish', { channel: ['x'] }, 'publish.channel must be a string'],
      ['send', {}, 'send.data is missing'],
      ['history', { channel: 'x', limit: '1' }, 'history.limit must be an integer'],
      ['history', { channel: 'x', since: 5 }, 'history.since must be an object'],
      ['history', { channel: 'x', since: { epoch: {} } }, 'history.since.epoch must be a string'],
      ['rpc', { method: 1 }, 'rpc.method must be a string'],
      ['ping', [], 'ping must be an object'],
      ['publish', [], 'publish must be an object'],
    ];

    test.each(MISTAKES)('%s %j', (name, sent, detail) => {
      expect(one({ id: 3, [name]: sent })).toEqual({
        type: 'invalid',
        id: 3,
        bytes: expect.any(Number),
        kind: 'badRequest',
        detail,
      });
    });

    test('the first of several', () => {
      const sent = { channel: 'x', token: 1, epoch: 2 };
      expect(one({ id: 3, subscribe: sent })).toMatchObject({
        detail: 'subscribe.token must be a string',
      });
    });

    test('and never with what the peer wrote', () => {
      const command = one({ id: 3, connect: { subs: { 'a secret': { epoch: 'x', offset: -7 } } } });
      expect(JSON.stringify(command)).not.toContain('secret');
    });

    test('a send without an id has nowhere to be told, and is refused', () => {
      expectRefused(() => decode({ send: {} }));
      expectRefused(() => decode({ send: 1 }));
    });
  });

  describe('that is right but not supported is told to be not available', () => {
    test.each([
      ['subscribe', { channel: 'x', tf: { key: 'lang', cmp: 'eq', val: 'en' } }],
      ['subscribe', { channel: 'x', type: 1, phase: 2 }],
      ['subscribe', { channel: 'x', type: 4 }],
      ['publish', { channel: 'x', type: 1, key: 'k', data: 1 }],
      ['publish', { channel: 'x', type: 1, key: 'k', removed: true }],
      ['sub_refresh', { channel: 'x', type: 1, items: [] }],
    ])('%s %j', (name, sent) => {
      expect(one({ id: 3, [name]: sent })).toMatchObject({
        type: 'invalid',
        id: 3,
        kind: 'notAvailable',
      });
    });
  });

  test('keys of peers that are names of the language are names like any other', () => {
    const sent = JSON.parse(
      '{"headers":{"__proto__":"a","constructor":"b","toString":"c"},' +
        '"subs":{"__proto__":{"offset":1},"constructor":{"offset":2}}}',
    ) as object;
    const command = one({ id: 1, connect: sent });
    if (command.type !== 'connect') throw new Error('no connect');
    const { headers, subs } = command;
    expect(Object.getPrototypeOf(headers)).toBeNull();
    expect(Object.entries(headers ?? {})).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['toString', 'c'],
    ]);
    expect([...subs.keys()]).toEqual(['__proto__', 'constructor']);
    expect(subs.get('__proto__')).toMatchObject({ offset: 1 });
  });

  test('data is a name like any other where no data is', () => {
    const command = one({ id: 1, connect: { headers: { data: 'a' }, subs: { data: {} } } });
    expect(command).toMatchObject({ headers: { data: 'a' } });
    expect(command.type === 'connect' && [...command.subs.keys()]).toEqual(['data']);
    expect(one({ id: 1, data: { data: 1 }, ping: {} })).toMatchObject({ type: 'ping' });
    expect(one({ id: 1, history: { channel: 'x', data: 7, since: { data: 7 } } })).toMatchObject({
      type: 'history',
    });
  });

  test('fields do not come from a prototype that the peer wrote', () => {
    const message = JSON.parse(
      '{"id":1,"publish":{"__proto__":{"channel":"x"},"data":1}}',
    ) as object;
    expect(one(message)).toMatchObject({ type: 'invalid', detail: 'publish.channel is missing' });
    const command = JSON.parse('{"id":1,"__proto__":{"ping":{}}}') as object;
    expect(one(command)).toMatchObject({ type: 'invalid', detail: 'unknown command' });
  });
});
