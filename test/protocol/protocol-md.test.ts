/** `PROTOCOL.md` is what users read; here it is held against the code, both ways. */
import { readFileSync } from 'node:fs';
import { createStringDelta } from 'fossil-delta';
import { describe, expect, test } from 'vitest';
import { Json } from '../../src/kernel/data.ts';
import { ERRORS } from '../../src/kernel/errors.ts';
import { CLOSES, reconnects, UNSUBSCRIBES } from '../../src/protocol/close.ts';
import type {
  ClientInfo,
  CommandType,
  Publication,
  ServerMessage,
  SubscribeResult,
} from '../../src/protocol/frames.ts';
import { fromJson, json, only, textOf } from './peer.ts';
import { PLAIN } from './samples.ts';

const PAGE = readFileSync(new URL('../../src/protocol/PROTOCOL.md', import.meta.url), 'utf8');

/** The rows of the table under a heading, without its head. */
function rows(heading: string): readonly (readonly string[])[] {
  const section = PAGE.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What one side says in the examples. */
function examples(mark: '>' | '<'): readonly string[] {
  const blocks = PAGE.split(/^```$/m).filter((_, at) => at % 2 === 1);
  const lines = blocks.flatMap((block) => block.split('\n').filter((line) => line !== ''));
  expect(lines.filter((line) => !/^[<>] /.test(line))).toEqual([]);
  return lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(2));
}

const ANN: ClientInfo = {
  client: '6f1c2a90',
  user: '42',
  connInfo: new Json('{"name":"Ann"}'),
  chanInfo: new Json('{"role":"host"}'),
};
const PUBLISHER: ClientInfo = { ...ANN, connInfo: null, chanInfo: null };

const HELLO: Publication = { ...PLAIN, data: new Json('{"text":"hello"}') };

const NOTHING: SubscribeResult = {
  expires: false,
  ttl: 0,
  recoverable: false,
  positioned: false,
  epoch: '',
  offset: 0,
  recovered: false,
  wasRecovering: false,
  publications: [],
  delta: false,
  data: null,
};
const STREAM = { ...NOTHING, recoverable: true, positioned: true, epoch: 'a1', offset: 7 };
const RECOVERED = { ...STREAM, recovered: true, wasRecovering: true };

const DOORS = ['open', 'shut'].map((how) => `{"text":"the door to the garden is ${how}"}`);
const [OPEN = '', SHUT = ''] = DOORS;

const CONNECTION = {
  client: '6f1c2a90',
  version: '0.1.0',
  expires: false,
  ttl: 0,
  data: null,
  subs: new Map<string, SubscribeResult>(),
  ping: 25,
  pong: false,
};

/** Everything that the server says in the examples. */
const SAID: { readonly [T in ServerMessage['type']]: readonly ServerMessage[] } = {
  error: [
    { type: 'error', id: 2, error: ERRORS.permissionDenied },
    { type: 'error', id: 3, error: ERRORS.internal },
  ],
  connect: [
    {
      type: 'connect',
      id: 1,
      result: {
        ...CONNECTION,
        expires: true,
        ttl: 300,
        data: new Json('{"motd":"hi"}'),
        subs: new Map([['user:42', { ...RECOVERED, offset: 5 }]]),
        pong: true,
      },
    },
  ],
  subscribe: [
    { type: 'subscribe', id: 2, result: STREAM },
    {
      type: 'subscribe',
      id: 3,
      result: {
        ...RECOVERED,
        expires: true,
        ttl: 60,
        publications: [{ ...HELLO, data: Json.of(OPEN), offset: 8 }],
        data: new Json('{"topic":"doors"}'),
        delta: true,
      },
    },
  ],
  unsubscribe: [{ type: 'unsubscribe', id: 4 }],
  publish: [
    { type: 'publish', id: 1 },
    { type: 'publish', id: 5 },
  ],
  presence: [{ type: 'presence', id: 6, presence: [ANN] }],
  presence_stats: [{ type: 'presence_stats', id: 7, numClients: 3, numUsers: 2 }],
  history: [
    {
      type: 'history',
      id: 8,
      publications: [{ ...HELLO, offset: 8 }],
      position: { offset: 8, epoch: 'a1' },
    },
    { type: 'history', id: 10, publications: [], position: { offset: 8, epoch: 'a1' } },
  ],
  ping: [{ type: 'ping', id: 11 }],
  rpc: [{ type: 'rpc', id: 12, data: new Json('3') }],
  refresh: [
    {
      type: 'refresh',
      id: 13,
      client: '6f1c2a90',
      version: '0.1.0',
      expiry: { expires: true, ttl: 300 },
    },
  ],
  sub_refresh: [{ type: 'sub_refresh', id: 14, expiry: { expires: true, ttl: 60 } }],
  serverPing: [{ type: 'serverPing' }],
  join: [{ type: 'join', channel: 'news', info: PUBLISHER }],
  leave: [{ type: 'leave', channel: 'news', info: PUBLISHER }],
  unsubscribed: [{ type: 'unsubscribed', channel: 'news', reason: UNSUBSCRIBES.insufficientState }],
  subscribed: [{ type: 'subscribed', channel: 'user:42', result: STREAM }],
  message: [{ type: 'message', data: new Json('{"notice":"maintenance at noon"}') }],
  connected: [{ type: 'connected', result: CONNECTION }],
  disconnected: [{ type: 'disconnected', reason: CLOSES.shutdown }],
  refreshed: [{ type: 'refreshed', expiry: { expires: true, ttl: 300 } }],
};

const PUBLISHED: readonly (readonly [string, Publication])[] = [
  ['news', HELLO],
  [
    'news',
    {
      ...HELLO,
      data: new Json('[1,2]'),
      info: PUBLISHER,
      offset: 8,
      tags: { lang: 'en' },
      event: 'moved',
    },
  ],
  ['news', { ...HELLO, data: new Json('"first"'), offset: 1, epoch: 'a1' }],
  ['chat', { ...HELLO, data: Json.of(OPEN), offset: 9 }],
  ['chat', { ...HELLO, data: Json.of(createStringDelta(OPEN, SHUT)), offset: 10, delta: true }],
];

const COMMAND_TYPES: { readonly [T in CommandType]: 'in the page' | 'not on the wire' } = {
  connect: 'in the page',
  subscribe: 'in the page',
  unsubscribe: 'in the page',
  publish: 'in the page',
  presence: 'in the page',
  presence_stats: 'in the page',
  history: 'in the page',
  ping: 'in the page',
  pong: 'in the page',
  send: 'in the page',
  rpc: 'in the page',
  refresh: 'in the page',
  sub_refresh: 'in the page',
  invalid: 'not on the wire',
};

function yes(value: boolean): string {
  return value ? 'yes' : 'no';
}

describe('the page on the protocol', () => {
  test('has every error with its message, and no other', () => {
    const table = Object.values(ERRORS).map(({ code, message, temporary }) => [
      String(code),
      message,
      yes(temporary),
    ]);
    expect(rows('Error codes').map((row) => row.slice(0, 3))).toEqual(table);
  });

  test('has every close code with its reason, and no other', () => {
    const table = Object.values(CLOSES).map(({ code, reason }) => [
      String(code),
      reason,
      yes(reconnects(code)),
    ]);
    expect(rows('Close codes').map((row) => row.slice(0, 3))).toEqual(table);
  });

  test('has every unsubscribe code with its reason, and no other', () => {
    const table = Object.values(UNSUBSCRIBES).map(({ code, reason }) => [
      String(code),
      reason,
      yes(code >= 2500),
    ]);
    expect(rows('Unsubscribe codes').map((row) => row.slice(0, 3))).toEqual(table);
  });

  test('says what every code means', () => {
    for (const heading of ['Error codes', 'Close codes', 'Unsubscribe codes']) {
      for (const row of rows(heading)) expect(row[3]).toMatch(/\w{3}/);
    }
  });

  test('mentions no code that is not in its tables', () => {
    const tables = [ERRORS, CLOSES, UNSUBSCRIBES].flatMap((table) => Object.values(table));
    const known = new Set(tables.map(({ code }) => String(code)));
    const mentioned = Array.from(PAGE.matchAll(/`(\d+)`/g), ([, code]) => code);
    const named = mentioned.filter((code) => code !== '0');
    expect(named.filter((code) => code === undefined || !known.has(code))).toEqual([]);
    expect(named.length).toBeGreaterThan(5);
  });

  test('has an example of every command, and each is one that the server takes', () => {
    const commands = examples('>').map((line) => only(fromJson(line)));
    const types = new Set(commands.map(({ type }) => type));
    const expected = Object.entries(COMMAND_TYPES).filter(([, where]) => where === 'in the page');
    expect([...types].toSorted()).toEqual(expected.map(([type]) => type).toSorted());
  });

  test('has a section for every command, in the order of the protocol', () => {
    const headings = Array.from(PAGE.matchAll(/^### (\w+)$/gm), ([, heading]) => heading);
    const names = Object.entries(COMMAND_TYPES)
      .filter(([type, where]) => where === 'in the page' && type !== 'pong')
      .map(([type]) => type);
    expect(headings).toEqual(names);
  });

  test('has an example of every answer and push, and each is what the server says', () => {
    const said = Object.values(SAID).flatMap((messages) => {
      expect(messages).not.toEqual([]);
      return messages.map((message) => textOf(json.encode(message)));
    });
    const published = PUBLISHED.map(([channel, one]) => textOf(json.publications(channel, [one])));
    expect([...new Set(examples('<'))].toSorted()).toEqual([...said, ...published].toSorted());
  });
});
