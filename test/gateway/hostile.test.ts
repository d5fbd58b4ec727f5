/** Whatever a peer does: it gets an error or a close code, and nobody else notices. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { CLOSES } from '../../src/protocol/close.ts';
import { frame, RawPeer, request, until, upgrade } from '../server/raw.ts';
import { Bystander } from '../support/bystander.ts';
import { ManualClock } from '../support/clock.ts';
import type { EdgeName, Running } from '../support/gateway.ts';
import { EDGES, startGateway } from '../support/gateway.ts';
import { ask, meter } from '../support/http.ts';
import { KeptLog } from '../support/log.ts';
import type { Encoding, Message } from '../support/peer.ts';
import { frameOf, Peer } from '../support/peer.ts';
import { hostileFrames } from '../support/wounds.ts';

const ENCODINGS: readonly Encoding[] = ['json', 'msgpack'];
const PATH = '/connection/websocket';

/** As many at once, for connections take their time to be made. */
const PEERS = 10;
const RUNS = { numRuns: 60 };

/** What closes a connection in the table, and what the WebSocket protocol itself does. */
const CODES = new Set<number>(Object.values(CLOSES).map(({ code }) => code));

interface Scene extends Running {
  readonly log: KeptLog;
  readonly bystander: Bystander;
}

async function scene(transport: EdgeName, options: GatewayOptions = {}): Promise<Scene> {
  const log = new KeptLog();
  const running = await startGateway({ transport, logger: log, ...options });
  return { ...running, log, bystander: await Bystander.watch(running, log) };
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

function hex(digits: string): Uint8Array {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex');
}

/** Sends a frame, and waits until it was dealt with: by a close, or so that a ping is answered. */
async function provoke(peer: Peer, hostile: Uint8Array): Promise<void> {
  const id = 4_000_000_000 + peer.nextId();
  peer.socket.send(hostile, { binary: true });
  peer.say({ id, ping: {} });
  const answered = (): boolean =>
    peer.heard.findLast((message) => message['id'] === id) !== undefined;
  await peer.until(() => peer.ending !== null || answered(), 'an answer or the end');
  if (peer.ending !== null) expect(CODES).toContain(peer.ending.code);
}

/** No kind of fault of a peer writes more than one line per second. */
function expectQuiet(log: KeptLog): void {
  for (const [kind, times] of log.kinds()) {
    for (const [index, time] of times.entries()) {
      const before = times[index - 1] ?? -Infinity;
      // The line is dated a moment after the throttle has looked at the clock.
      expect([kind, time - before]).toEqual([kind, expect.toSatisfy((ms: number) => ms >= 990)]);
    }
  }
}

/** uWS may cut without a word where the protocol lets it; where it says something, it says the same. */
function expectClose(transport: EdgeName, peer: RawPeer, code: number): void {
  const at = peer.text.lastIndexOf('\x88');
  const close = Buffer.from(peer.text.slice(at), 'latin1');
  const said = at !== -1 && close.length >= 4;
  if (transport === 'ws' || said) expect(close.readUInt16BE(2)).toBe(code);
}

describe.each(EDGES)('over %s, a gateway survives', (transport) => {
  describe.each(ENCODINGS)('in %s', (encoding) => {
    test.each([
      ['connected', true],
      ['not connected', false],
    ])('any bytes of a peer that is %s', async (_, connected) => {
      const { url, log, bystander } = await scene(transport);
      const arrive = (): Promise<Peer> =>
        connected ? Peer.connected(url, { encoding }) : Peer.open(url, { encoding });
      const peers = await Promise.all(Array.from({ length: PEERS }, arrive));
      const frames = fc.array(hostileFrames(encoding), { minLength: PEERS, maxLength: PEERS });
      await fc.assert(
        fc.asyncProperty(frames, async (hostile) => {
          await Promise.all(
            hostile.map(async (one, index) => {
              if (peers[index]!.ending !== null) peers[index] = await arrive();
              await provoke(peers[index]!, one);
            }),
          );
        }),
        RUNS,
      );
      for (const peer of peers) peer.cut();
      await bystander.isUndisturbed('news');
      expectQuiet(log);
    });

    test('a peer that is cut off at any byte of its upgrade and its commands', async () => {
      const { port, bystander } = await scene(transport, {
        hooks: { rpc: ({ data }) => data, message: () => {} },
      });
      const commands: readonly Message[] = [
        { id: 1, connect: {} },
        { id: 2, subscribe: { channel: 'news', recoverable: true } },
        { id: 3, publish: { channel: 'news', data: 'x' } },
        { id: 4, history: { channel: 'news', limit: -1 } },
        { id: 5, rpc: { method: 'echo', data: 'x' } },
        { send: { data: 'x' } },
      ];
      const opcode = encoding === 'json' ? 0x81 : 0x82;
      const protocol = encoding === 'json' ? 'centrifuge-json' : 'sluice-msgpack';
      const conversation = Buffer.concat([
        Buffer.from(upgrade(PATH, [`Sec-WebSocket-Protocol: ${protocol}`])),
        ...commands.map((command) => frame(opcode, frameOf(encoding, [command]))),
      ]);
      const cuts = Array.from({ length: conversation.length + 1 }, (_, length) => length);
      while (cuts.length > 0) {
        const peers = await Promise.all(cuts.splice(0, 50).map((to) => begin(to)));
        // Every other goes without a word, the rest with an end of its own.
        for (const [index, peer] of peers.entries()) {
          if (index % 2 === 0) peer.drop();
          else peer.socket.end();
        }
        for (const peer of peers) await peer.ended();
      }
      await bystander.isUndisturbed('news');

      async function begin(to: number): Promise<RawPeer> {
        const peer = await RawPeer.saying(port, conversation.subarray(0, to));
        peer.socket.on('end', () => peer.drop());
        return peer;
      }
    });
  });

  const deep = (levels: number, [open, close]: readonly [string, string]): string =>
    open.repeat(levels) + close.repeat(levels);

  test.each<readonly [string, Encoding, Uint8Array, string]>([
    ['an empty frame', 'json', bytes(''), 'close 3501'],
    ['an empty line', 'json', bytes('\n'), 'close 3501'],
    ['spaces', 'json', bytes('   '), 'close 3501'],
    ['no JSON', 'json', bytes('hello'), 'close 3501'],
    ['half of a command', 'json', bytes('{"id":9,"ping":{'), 'close 3501'],
    ['an array', 'json', bytes('[{"id":9,"ping":{}}]'), 'close 3501'],
    ['null', 'json', bytes('null'), 'close 3501'],
    ['a string', 'json', bytes('"ping"'), 'close 3501'],
    ['a byte order mark', 'json', bytes('\uFEFF{"id":9,"ping":{}}'), 'close 3501'],
    ['bytes that are no UTF-8', 'json', hex('7b ff fe 7d'), 'close 3501'],
    ['an id that is no number', 'json', bytes('{"id":"9","ping":{}}'), 'close 3501'],
    ['a negative id', 'json', bytes('{"id":-9,"ping":{}}'), 'close 3501'],
    ['an id of 2^32', 'json', bytes('{"id":4294967296,"ping":{}}'), 'close 3501'],
    ['an infinite id', 'json', bytes('{"id":1e999,"ping":{}}'), 'close 3501'],
    ['a command without an id', 'json', bytes('{"ping":{}}'), 'close 3501'],
    ['an unknown command', 'json', bytes('{"id":9,"explode":{}}'), 'error 107'],
    ['the name of a method', 'json', bytes('{"id":9,"constructor":{}}'), 'error 107'],
    ['a prototype', 'json', bytes('{"id":9,"__proto__":{"ping":{}}}'), 'error 107'],
    [
      'a prototype for fields',
      'json',
      bytes('{"id":9,"subscribe":{"__proto__":{"channel":"news"}}}'),
      'error 107',
    ],
    ['no fields', 'json', bytes('{"id":9,"subscribe":[]}'), 'error 107'],
    [
      'half of a character',
      'json',
      bytes(String.raw`{"id":9,"subscribe":{"channel":"\ud800"}}`),
      'error 107',
    ],
    [
      'a control character',
      'json',
      bytes(String.raw`{"id":9,"subscribe":{"channel":"a\u0000b"}}`),
      'error 107',
    ],
    [
      'an offset beyond 2^53',
      'json',
      bytes('{"id":9,"subscribe":{"channel":"news","recover":true,"offset":9007199254740993}}'),
      'error 107',
    ],
    ['an unknown namespace', 'json', bytes('{"id":9,"subscribe":{"channel":"a:b"}}'), 'error 102'],
    ['a pong that nobody asked for', 'json', bytes('{}'), 'close 3501'],
    ['a connect again', 'json', bytes('{"id":9,"connect":{}}'), 'close 3501'],
    ['an array of great depth', 'json', bytes(deep(30_000, ['[', ']'])), 'close 3501'],
    ['objects of great depth', 'json', bytes(deep(8000, ['{"a":', '}'])), 'close 3501'],
    [
      'data of great depth',
      'json',
      bytes(`{"id":9,"publish":{"channel":"news","data":${deep(30_000, ['[', ']'])}}}`),
      'close 3501',
    ],
    [
      'many commands of which one is wrong',
      'json',
      bytes('{"id":9,"ping":{}}\n{"id":10,"ping":{}}\n{'),
      'close 3501',
    ],

    ['an empty frame', 'msgpack', hex(''), 'close 3501'],
    ['nil', 'msgpack', hex('c0'), 'close 3501'],
    ['the byte that is never used', 'msgpack', hex('c1'), 'close 3501'],
    ['a number', 'msgpack', hex('2a'), 'close 3501'],
    ['an array of all commands', 'msgpack', hex('91 82 a2 6964 09 a4 70696e67 80'), 'close 3501'],
    ['a map that breaks off', 'msgpack', hex('82 a2 6964 09 a4 7069'), 'close 3501'],
    ['an array of 2^32-1', 'msgpack', hex('dd ffffffff'), 'close 3501'],
    ['a map of 2^32-1', 'msgpack', hex('df ffffffff'), 'close 3501'],
    ['a string of 2^32-1', 'msgpack', hex('81 db ffffffff 61'), 'close 3501'],
    ['bytes of 2^32-1', 'msgpack', hex('81 a1 61 c6 ffffffff 61'), 'close 3501'],
    ['an extension', 'msgpack', hex('81 a1 61 d4 01 00'), 'close 3501'],
    ['an extension of 2^32-1', 'msgpack', hex('81 a1 61 c9 ffffffff 01'), 'close 3501'],
    ['a time', 'msgpack', hex('81 a1 61 d6 ff 00000000'), 'close 3501'],
    ['a record of msgpackr', 'msgpack', hex('d4 72 40 91 a2 6964 09'), 'close 3501'],
    ['a set of msgpackr', 'msgpack', hex('d4 73 00 91 01'), 'close 3501'],
    ['a key that is a number', 'msgpack', hex('81 01 02'), 'close 3501'],
    ['a key that is nil', 'msgpack', hex('81 c0 02'), 'close 3501'],
    ['a string that is no UTF-8', 'msgpack', hex('82 a2 6964 09 a2 fffe 80'), 'close 3501'],
    [
      'an id of 64 bits',
      'msgpack',
      hex('82 a2 6964 cf ffffffffffffffff a4 70696e67 80'),
      'close 3501',
    ],
    [
      'an id that is not whole',
      'msgpack',
      hex('82 a2 6964 cb 3ff8000000000000 a4 70696e67 80'),
      'close 3501',
    ],
    ['a pong that nobody asked for', 'msgpack', hex('80'), 'close 3501'],
    ['arrays of great depth', 'msgpack', Buffer.alloc(60_000, 0x91), 'close 3501'],
    ['maps of great depth', 'msgpack', Buffer.alloc(60_000, hex('81 a1 61')), 'close 3501'],
    [
      'a prototype',
      'msgpack',
      hex('82 a2 6964 09 a9 5f5f70726f746f5f5f 81 a4 70696e67 80'),
      'error 107',
    ],
    ['a command in JSON', 'msgpack', bytes('{"id":9,"ping":{}}'), 'close 3501'],
    ['a command in MessagePack', 'json', hex('82 a2 6964 09 a4 70696e67 80'), 'close 3501'],
  ])('%s in %s', async (_, encoding, hostile, outcome) => {
    const { url, http, log, bystander } = await scene(transport);
    const peer = await Peer.connected(url, { encoding });
    peer.socket.send(hostile, { binary: true });
    if (outcome.startsWith('error')) {
      expect(`error ${(await peer.answer(9)).error?.code}`).toBe(outcome);
      await peer.ask({ ping: {} });
      await peer.leave();
    } else {
      expect(`close ${(await peer.ended()).code}`).toBe(outcome);
    }
    await bystander.isUndisturbed('news');
    const [meterName, code] = outcome.startsWith('error')
      ? ['errors', outcome.slice(6)]
      : ['closes', outcome.slice(6)];
    expect((await meter(http, meterName)).get(code)).toBe(1);
    expectQuiet(log);
  });

  test.each([
    ['integers beyond 2^53', '[9007199254740993,-9007199254740995,18446744073709551616]'],
    ['numbers that are too large', '[1e999,-1e999,1e-999]'],
    ['zeros', '[-0,0.0,0e5,-0.0]'],
    ['more digits than a double has', '0.1000000000000000055511151231257827021181583404541015625'],
    ['keys of all objects', '{"__proto__":{"polluted":true},"constructor":{"prototype":{}}}'],
    ['a key that comes twice', '{"a":1,"a":2}'],
    ['halves of characters', String.raw`["\ud800","\udc00\ud800"]`],
    ['separators of lines', '"a\u2028b\u2029c"'],
    ['spaces', '{ "a" :\t[ 1 , 2 ] }'],
    ['escapes', String.raw`"\u0041\/\b\f\n\r\t\"\\"`],
    ['null', 'null'],
    ['a field called data', '{"data":{"data":"]}"}}'],
    ['characters of all planes', '"é☕🚪\u{10FFFF}"'],
  ])('%s as data, which arrives byte for byte', async (_, data) => {
    const { url, bystander } = await scene(transport);
    const [author, reader] = [await Peer.connected(url), await Peer.connected(url)];
    await reader.subscribe('news');
    author.socket.send(`{"id":9,"publish":{"channel":"news","data":${data}}}`);
    expect((await author.answer(9)).error).toBe(undefined);
    await reader.until(() => reader.publications('news').length === 1, 'the publication');
    expect(reader.lines.at(-1)).toContain(`"data":${data},`);
    await reader.ask({ history: { channel: 'news', limit: 1 } });
    expect(reader.lines.at(-1)).toContain(`"data":${data},`);
    expect({}).not.toHaveProperty('polluted');
    for (const peer of [author, reader]) await peer.leave();
    await bystander.isUndisturbed('news');
  });

  describe('a peer that', () => {
    test.each<readonly [string, readonly Message[]]>([
      ['subscribes', [{ id: 1, subscribe: { channel: 'news' } }]],
      ['publishes', [{ id: 1, publish: { channel: 'news', data: 1 } }]],
      ['asks for the history', [{ id: 1, history: { channel: 'news' } }]],
      ['pings', [{ id: 1, ping: {} }]],
      ['sends', [{ send: { data: 1 } }]],
      ['calls', [{ id: 1, rpc: { method: 'm' } }]],
      ['refreshes', [{ id: 1, refresh: { token: 't' } }]],
      ['says a pong', [{}]],
    ])('%s before it connects', async (_, messages) => {
      const { url, bystander } = await scene(transport);
      const peer = await Peer.open(url);
      peer.say(...messages, { id: 2, connect: {} });
      expect(await peer.ended()).toEqual({ code: 3501, reason: 'bad request' });
      expect(peer.heard).toEqual([]);
      await bystander.isUndisturbed('news');
    });

    test('connects twice, at once or later', async () => {
      const { url, bystander } = await scene(transport);
      const hasty = await Peer.open(url);
      hasty.command({ connect: {} }, { connect: {} });
      expect(await hasty.ended()).toMatchObject({ code: 3501 });
      const later = await Peer.connected(url);
      await later.subscribe('news');
      later.command({ connect: {} });
      expect(await later.ended()).toMatchObject({ code: 3501 });
      await bystander.isUndisturbed('news');
    });

    test('goes on after its connect was refused', async () => {
      const { url, bystander } = await scene(transport, {
        hooks: {
          connect({ data }) {
            if (data === 'me') throw new Refusal('permissionDenied');
          },
        },
      });
      const peer = await Peer.open(url);
      const subscribe = { subscribe: { channel: 'news' } };
      const [id = 0] = peer.command({ connect: { data: 'me' } }, subscribe);
      expect((await peer.answer(id)).error).toMatchObject({ code: 103 });
      peer.command({ ping: {} });
      expect(await peer.ended()).toMatchObject({ code: 3501 });
      expect(peer.heard).toHaveLength(1);
      const again = await Peer.open(url);
      await again.ask({ connect: { data: 'me' } });
      again.command({ connect: {} });
      expect(await again.ended()).toMatchObject({ code: 3501 });
      await bystander.isUndisturbed('news');
    });

    test('writes the log full: it gets one line per second, and the number of those held back', async () => {
      const clock = new ManualClock();
      const { url, log, bystander } = await scene(transport, { clock });
      const malformed = async (secret: string): Promise<void> => {
        const peer = await Peer.open(url);
        peer.socket.send(`{"id":1,"connect":{"token":"${secret}`);
        await peer.ended();
      };
      for (let count = 0; count < 20; count += 1) await malformed('s3cret');
      const lines = (): unknown[] => log.of('warn').map(({ fields }) => fields);
      const line = { kind: 'malformed', client: expect.any(String), bytes: 34 };
      expect(lines()).toEqual([line]);
      clock.advance(1000);
      await malformed('s3cret');
      expect(lines()).toEqual([line, { ...line, suppressed: 19 }]);
      await bystander.isUndisturbed();
    });

    test('sends a frame in fragments that never end', async () => {
      const clock = new ManualClock();
      const { port, bystander, gateway } = await scene(transport, { clock });
      const silent = await RawPeer.saying(port, upgrade(PATH));
      await silent.heard('101 Switching');
      silent.say(frame(0x01, bytes('{"id":1,')));
      for (let count = 0; count < 100; count += 1) silent.say(frame(0x00, bytes(' ')));
      const connected = await RawPeer.saying(port, upgrade(PATH));
      await connected.heard('101 Switching');
      connected.say(frame(0x81, bytes('{"id":1,"connect":{}}')));
      await connected.heard('"ping":25');
      connected.say(frame(0x01, bytes('{"id":2,')));
      await bystander.isServed();
      expect(gateway.connections).toBe(3);
      // The time to connect, and the time to answer a ping, run out: a data frame cannot come between.
      for (let second = 0; second < 40; second += 1) {
        clock.advance(1000);
        await bystander.peer.ask({ ping: {} });
      }
      // They do not answer a close frame, and need not be waited for.
      for (const [peer, code] of [
        [silent, 3502],
        [connected, 3012],
      ] as const) {
        await until(() => peer.gone || peer.text.includes('\x88'), 'the end');
        expectClose(transport, peer, code);
        peer.drop();
      }
      await bystander.isUndisturbed();
    });

    test('sends fragments of one byte until it is too much', async () => {
      const { port, bystander } = await scene(transport, { limits: { messageBytes: '1KiB' } });
      const peer = await RawPeer.saying(port, upgrade(PATH));
      await peer.heard('101 Switching');
      peer.say(frame(0x01, bytes('[')));
      const fragments = Buffer.concat(Array.from({ length: 500 }, () => frame(0x00, bytes('['))));
      for (let count = 0; count < 20 && !peer.gone; count += 1) peer.say(fragments);
      await peer.ended();
      await bystander.isUndisturbed();
    });
  });

  test.each<readonly [string, readonly Uint8Array[], number]>([
    ['an opcode that is not known', [frame(0x83, bytes('{}'))], 1002],
    ['a control opcode that is not known', [frame(0x8b, bytes('{}'))], 1002],
    ['reserved bits', [frame(0xc1, bytes('{}'))], 1002],
    ['all reserved bits', [frame(0xf1, bytes('{}'))], 1002],
    ['a ping that is too large', [frame(0x89, Buffer.alloc(126))], 1002],
    ['a close frame that is too large', [frame(0x88, Buffer.alloc(126))], 1002],
    ['a ping in fragments', [frame(0x09, bytes('a'))], 1002],
    ['a continuation of nothing', [frame(0x80, bytes('{}'))], 1002],
    ['a message within another', [frame(0x01, bytes('{')), frame(0x81, bytes('}'))], 1002],
    ['text that is no UTF-8', [frame(0x81, hex('7bff7d'))], 1007],
    [
      'text that is no UTF-8 in fragments',
      [frame(0x01, hex('7be2')), frame(0x80, hex('28a1'))],
      1007,
    ],
    ['half of a character at the end', [frame(0x81, hex('7be298'))], 1007],
    ['a close frame of one byte', [frame(0x88, hex('03'))], 1002],
    ['a close frame with a code that may not be sent', [frame(0x88, hex('03ed'))], 1002],
    ['a close frame with a reason that is no UTF-8', [frame(0x88, hex('03e8ff'))], 1007],
    ['a length of 2^63', [hex('81 ff 8000000000000000 00000000')], 1009],
    ['a length of 2^62', [hex('81 ff 4000000000000000 00000000')], 1009],
    ['a length of 2^32', [hex('82 ff 0000000100000000 00000000')], 1009],
  ])('a frame with %s', async (_, frames, code) => {
    const { port, http, log, bystander } = await scene(transport);
    const peer = await RawPeer.saying(port, upgrade(PATH));
    await peer.heard('101 Switching');
    peer.say(frame(0x81, bytes('{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"news"}}')));
    await peer.heard('"subscribe":{}');
    for (const one of frames) peer.say(one);
    await peer.ended();
    expectClose(transport, peer, code);
    await bystander.isUndisturbed('news');
    // What is wrong in a close frame uWS takes for no code at all.
    const lenient = transport === 'uws' && frames[0]?.[0] === 0x88 && frames[0].length < 100;
    const [[counted, times] = [], ...more] = await meter(http, 'closes');
    expect(lenient ? ['1005', '1006'] : [String(code)]).toContain(counted);
    expect([times, more]).toEqual([1, []]);
    expectQuiet(log);
  });

  // RFC 6455 §5.1: a client that does not mask is closed. uWS takes what follows for the mask.
  test('a frame without a mask', async () => {
    const { port, bystander } = await scene(transport);
    const peer = await RawPeer.saying(port, upgrade(PATH));
    await peer.heard('101 Switching');
    peer.say(Buffer.concat([hex('81 16'), bytes('{"id":1,"connect":{}}\n')]));
    await bystander.isServed();
    if (transport === 'ws') {
      await peer.ended();
      expectClose(transport, peer, 1002);
    }
    expect(peer.text).not.toContain('connect');
    peer.drop();
    await bystander.isUndisturbed();
  });

  test.each([
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['binary zeros', '\0'.repeat(10_000)],
    ['a method that is none', request('B\x00OM /')],
    ['a request for the WebSocket that is a POST', upgrade(PATH).replace('GET', 'POST')],
    ['no key', upgrade(PATH).replace(/Sec-WebSocket-Key.*\r\n/, '')],
    ['a wrong version', upgrade(PATH).replace('Version: 13', 'Version: 8')],
    ['two lengths', request('POST /api/publish', ['Content-Length: 1', 'Content-Length: 2'], '{}')],
    [
      'chunks that are none',
      request('POST /api/publish', ['Transfer-Encoding: chunked'], 'zz\r\n'),
    ],
    [
      'a flood of headers',
      request(
        'GET /',
        Array.from({ length: 500 }, (_, n) => `x-${n}: ${n}`),
      ),
    ],
    ['a path of escapes', request('GET /%00%ff%2e%2e/%zz/..;/')],
    ['half of a head', 'GET / HTTP/1.1\r\nHost: te'],
    ['half of a body', request('POST /api/publish', ['Content-Length: 100'], '{"channel":')],
  ])('a request with %s', async (_, text) => {
    const { port, http, log, bystander } = await scene(transport);
    const peer = await RawPeer.saying(port, text);
    await bystander.isServed();
    expect((await ask(`${http}/health`)).status).toBe(200);
    expect(peer.text).toMatch(/^$|^HTTP\/1\.1 (4\d\d|505) /);
    peer.drop();
    await bystander.isUndisturbed();
    expectQuiet(log);
  });
});
