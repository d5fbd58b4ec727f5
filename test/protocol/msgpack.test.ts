import { describe, expect, test } from 'vitest';
import { Json } from '../../src/kernel/data.ts';
import type { Command } from '../../src/protocol/frames.ts';
import { msgpackCodec } from '../../src/protocol/msgpack.ts';
import { expectRefused, hex, hexOf, json, msgpack, only, pack, unpack } from './peer.ts';
import { PLAIN, PUBLICATIONS } from './samples.ts';

/** A publish command whose data are these bytes of MessagePack. */
function publishing(data: string): Uint8Array {
  // {id: 1, publish: {channel: 'x', data: …}}
  return hex(`82 a26964 01 a77075626c697368 82 a76368616e6e656c a178 a464617461 ${data}`);
}

function published(data: string): Json | Uint8Array {
  const command = only(msgpack.decode(publishing(data)));
  if (command.type !== 'publish') throw new Error(`got ${command.type}`);
  return command.data;
}

describe('a frame of MessagePack', () => {
  test('has commands one after the other, and tells how long each of them is', () => {
    const messages = [{ id: 1, connect: {} }, { id: 2, rpc: { data: 'né' } }, {}].map(pack);
    const commands = msgpack.decode(msgpack.join(messages));
    expect(commands.map(({ type }) => type)).toEqual(['connect', 'rpc', 'pong']);
    expect(commands.map(({ bytes }) => bytes)).toEqual(messages.map(({ length }) => length));
  });

  test('may be a part of a larger buffer, and nothing of it is kept', () => {
    const frame = publishing(`c410 ${'ab'.repeat(16)}`);
    const buffer = Uint8Array.from([1, 2, 3, ...frame, 4, 5]);
    const [command] = msgpack.decode(buffer.subarray(3, buffer.length - 2));
    buffer.fill(0);
    expect(command).toMatchObject({ channel: 'x', data: hex('ab'.repeat(16)) });
    if (command?.type !== 'publish' || !(command.data instanceof Uint8Array)) throw new Error();
    expect(command.data.buffer.byteLength).toBe(16);
  });

  test.each([
    ['nothing', ''],
    ['no map', '01'],
    ['an array', '9180'],
    ['bytes', 'c40180'],
    ['a map with a number for a key', '810101'],
    ['a map with nil for a key', '81c001'],
    ['a map with bytes for a key', '81c4016101'],
    ['a good message and half of another', '80 81'],
  ])('is refused when it is %s', (_, frame) => {
    expectRefused(() => msgpack.decode(hex(frame)));
  });

  test('is refused when it has a byte that nothing starts with', () => {
    expectRefused(() => msgpack.decode(publishing('c1')));
    expectRefused(() => msgpack.decode(publishing('91c1')));
    expectRefused(() => msgpack.decode(hex('82 a26964 01 a178 c1')));
  });

  test('is refused wherever it breaks off', () => {
    const frame = pack({
      id: 70_000,
      connect: {
        data: [1.5, -1, -200, 2 ** 40, 'x'.repeat(40), new Uint8Array(300), { a: null }],
        subs: { x: { offset: 2 ** 40, recover: true } },
        headers: { a: 'y'.repeat(300) },
      },
    });
    expect(msgpack.decode(frame)).toHaveLength(1);
    for (let length = 0; length < frame.length; length += 1) {
      expectRefused(() => msgpack.decode(frame.slice(0, length)));
    }
  });

  test.each([
    ['a map', 'dfffffffff'],
    ['a map of 16 bits', 'deffff'],
    ['an array', 'ddffffffff'],
    ['an array of 16 bits', 'dcffff'],
    ['a string', 'dbffffffff'],
    ['bytes', 'c6ffffffff'],
    ['arrays in arrays', 'ddffffffff'.repeat(20)],
  ])('is refused when the length of %s is made up, at no cost', (_, value) => {
    expectRefused(() => msgpack.decode(hex(value)));
    expectRefused(() => msgpack.decode(publishing(value)));
    expectRefused(() => msgpack.decode(hex(`81 a178 ${value}`)));
  });

  test('may be nested as deep as the limit, and no deeper', () => {
    const shallow = msgpackCodec({ depthMax: 5 });
    expect(shallow.decode(publishing('919191 01'))).toHaveLength(1);
    expect(shallow.decode(publishing('81a161 91 81a16201'))).toHaveLength(1);
    expectRefused(() => shallow.decode(publishing('91919191 01')));
    expectRefused(() => shallow.decode(publishing('81a161 81a161 81a161 80')));
    expectRefused(() => shallow.decode(hex('82 a26964 01 a178 9191919190')));
  });

  test('that nests as deep as it is long is refused', () => {
    for (const one of ['91', '81a161']) {
      expectRefused(() => msgpack.decode(hex(one.repeat(30_000))));
      expectRefused(() => msgpack.decode(publishing(one.repeat(30_000))));
    }
  });

  describe('is refused when it has an extension', () => {
    const EXTENSIONS: readonly (readonly [string, string])[] = [
      ['a date', 'd6ff 00000000'],
      ['a date of 64 bits', 'd7ff 0000000000000000'],
      ['undefined', 'd40000'],
      ['a record of msgpackr', 'd472 40 91a161 01'],
      ['an error of msgpackr', 'd465 00 93a54572726f72a178c0'],
      ['a set of msgpackr', 'd473 00 9101'],
      ['a regular expression of msgpackr', 'd478 00 92a12ea0'],
      ['a reference of msgpackr', 'd670 00000001'],
      ['an object with references of msgpackr', 'd669 00000001 80'],
      ['strings in a bundle of msgpackr', 'd662 00000001 a0a0'],
      ['a typed array of msgpackr', 'c702 74 00 01'],
      ['a large integer of msgpackr', 'c709 42 010000000000000000'],
      ['one of 16 bits', 'c80001 05 00'],
      ['one of 32 bits', 'c900000001 05 00'],
    ];

    test.each(EXTENSIONS)('%s', (_, value) => {
      expectRefused(() => msgpack.decode(hex(value)));
      expectRefused(() => msgpack.decode(publishing(value)));
      expectRefused(() => msgpack.decode(publishing(`91 ${value}`)));
      expectRefused(() => msgpack.decode(publishing(`81 a161 ${value}`)));
      expectRefused(() => msgpack.decode(publishing(`81 ${value} 01`)));
      expectRefused(() => msgpack.decode(hex(`81 a26964 ${value}`)));
      expectRefused(() => msgpack.decode(hex(`82 a26964 01 a478787878 ${value}`)));
    });
  });

  test.each([
    ['a byte that UTF-8 has not', 'a1ff'],
    ['a sequence that breaks off', 'a2e298'],
    ['an overlong sequence', 'a2c080'],
    ['a surrogate', 'a3eda080'],
    ['a long text with a bad byte', `d928 ${'61'.repeat(39)}ff`],
  ])('is refused when its text has %s', (_, text) => {
    expectRefused(() => msgpack.decode(publishing(text)));
    expectRefused(() => msgpack.decode(publishing(`81 ${text} 01`)));
    expectRefused(() => msgpack.decode(hex(`82 a26964 01 ${text} 80`)));
  });

  test('has keys that come twice, of which the last counts', () => {
    const frame = hex('83 a26964 01 a26964 02 a470696e67 80');
    expect(msgpack.decode(frame)).toMatchObject([{ type: 'ping', id: 2 }]);
  });
});

describe('data in MessagePack', () => {
  test('of bytes arrives as bytes', () => {
    expect(published('c400')).toEqual(new Uint8Array(0));
    expect(published('c403 0001ff')).toEqual(Uint8Array.of(0, 1, 0xff));
    expect(published(`c50100 ${'07'.repeat(256)}`)).toEqual(new Uint8Array(256).fill(7));
  });

  test.each([
    ['c0', 'null'],
    ['c3', 'true'],
    ['c2', 'false'],
    ['7f', '127'],
    ['e0', '-32'],
    ['cc80', '128'],
    ['cdffff', '65535'],
    ['ceffffffff', '4294967295'],
    ['cf001fffffffffffff', '9007199254740991'],
    ['cf0020000000000001', '9007199254740993'],
    ['cfffffffffffffffff', '18446744073709551615'],
    ['d080', '-128'],
    ['d18000', '-32768'],
    ['d280000000', '-2147483648'],
    ['d3ffdfffffffffffff', '-9007199254740993'],
    ['d38000000000000000', '-9223372036854775808'],
    ['ca3fc00000', '1.5'],
    ['cb3ff8000000000000', '1.5'],
    ['cb7ff8000000000000', 'null'],
    ['cb7ff0000000000000', 'null'],
    ['caff800000', 'null'],
    ['a0', '""'],
    ['a3c3a90a', '"é\\n"'],
    ['92c403000102a2c3a9', '["AAEC","é"]'],
    ['90', '[]'],
    ['80', '{}'],
    ['82a16202a16101', '{"b":2,"a":1}'],
    ['82a13202a13101', '{"2":2,"1":1}'],
    ['81a95f5f70726f746f5f5f81a16101', '{"__proto__":{"a":1}}'],
    ['81a12293c0c3a178', '{"\\"":[null,true,"x"]}'],
  ])('%s arrives as JSON: %s', (data, text) => {
    expect(published(data)).toEqual(new Json(text));
  });

  test('of bytes is data for every command that has some', () => {
    for (const name of ['connect', 'subscribe', 'publish', 'send', 'rpc']) {
      const frame = pack({ id: 1, [name]: { channel: 'x', data: Uint8Array.of(7) } });
      expect(only(msgpack.decode(frame))).toMatchObject({ type: name, data: Uint8Array.of(7) });
    }
  });

  test('of bytes is no text where a text belongs', () => {
    const command: Command = only(msgpack.decode(pack({ id: 1, refresh: { token: hex('61') } })));
    expect(command).toMatchObject({ detail: 'refresh.token must be a string' });
    const body = only(msgpack.decode(pack({ id: 1, refresh: hex('61') })));
    expect(body).toMatchObject({ detail: 'refresh must be an object' });
  });

  test('integers are integers however they are written', () => {
    const frame = hex('82 a26964 cf0000000000000007 a470696e67 80');
    expect(msgpack.decode(frame)).toMatchObject([{ type: 'ping', id: 7 }]);
    const double = hex('82 a26964 cb401c000000000000 a470696e67 80');
    expect(msgpack.decode(double)).toMatchObject([{ type: 'ping', id: 7 }]);
    const large = pack({ id: 1, history: { channel: 'x', since: { offset: 2n ** 53n } } });
    expect(msgpack.decode(large)).toMatchObject([{ type: 'invalid' }]);
  });
});

describe('the writer of MessagePack', () => {
  function packed(text: string): string {
    return hexOf(msgpack.encode({ type: 'message', data: new Json(text) })).slice(
      hexOf(hex('81 a470757368 81 a76d657373616765 81 a464617461')).length,
    );
  }

  test.each([
    ['null', 'c0'],
    ['true', 'c3'],
    ['0', '00'],
    ['-0', 'cb8000000000000000'],
    ['127', '7f'],
    ['128', 'cc80'],
    ['256', 'cd0100'],
    ['65536', 'ce00010000'],
    ['4294967296', 'cf0000000100000000'],
    ['9007199254740993', 'cf0020000000000001'],
    ['18446744073709551615', 'cfffffffffffffffff'],
    ['18446744073709551616', 'cb43f0000000000000'],
    ['1e3', 'cd03e8'],
    ['1e300', 'cb7e37e43c8800759c'],
    ['-1', 'ff'],
    ['-32', 'e0'],
    ['-33', 'd0df'],
    ['-129', 'd1ff7f'],
    ['-32769', 'd2ffff7fff'],
    ['-2147483649', 'd3ffffffff7fffffff'],
    ['-9007199254740993', 'd3ffdfffffffffffff'],
    ['-9223372036854775808', 'd38000000000000000'],
    ['-9223372036854775809', 'cbc3e0000000000000'],
    ['1.5', 'cb3ff8000000000000'],
    ['"é"', 'a2c3a9'],
    ['"\\ud800"', 'a3efbfbd'],
    ['{"a":[1,{}]}', '81a161920180'],
    ['[9007199254740993,1.5]', '92cf0020000000000001cb3ff8000000000000'],
    ['{"__proto__":1,"constructor":2}', '82a95f5f70726f746f5f5f01ab636f6e7374727563746f7202'],
    ['{"toJSON":1,"constructor":null}', '82a6746f4a534f4e01ab636f6e7374727563746f72c0'],
  ])('writes %s as %s', (text, bytes) => {
    expect(packed(text)).toBe(bytes);
  });

  test('writes lengths of every size', () => {
    for (const length of [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
      const data = new Uint8Array(length).fill(1);
      const text = 'é'.repeat(length / 2);
      const list = Array.from({ length }, () => 1);
      const map = Object.fromEntries(list.map((one, at) => [`k${at}`, one]));
      const sent = { text, list, map };
      const frames = [
        msgpack.encode({ type: 'message', data }),
        msgpack.encode({ type: 'message', data: Json.of(sent) }),
      ];
      expect(unpack(msgpack.join(frames))).toEqual([
        { push: { message: { data } } },
        { push: { message: { data: sent } } },
      ]);
    }
  });

  test('leaves nothing behind of a message that could not be written', () => {
    const broken = { ...PLAIN, data: new Json('{"a":') };
    expect(() => msgpack.publications('x', [PLAIN, broken])).toThrow(SyntaxError);
    expect(hexOf(msgpack.encode({ type: 'serverPing' }))).toBe('80');
  });

  test('gives bytes of their own', () => {
    const first = msgpack.encode({ type: 'publish', id: 1 });
    const copy = Uint8Array.from(first);
    msgpack.encode({ type: 'publish', id: 2 });
    expect(first).toEqual(copy);
    expect(first.buffer.byteLength).toBe(first.length);
  });

  test('writes a batch of publications as it writes each of them', () => {
    const all = Object.values(PUBLICATIONS);
    const each = all.map((one) => msgpack.publications('né"ws', [one]));
    expect(msgpack.publications('né"ws', all)).toEqual(msgpack.join(each));
    expect(msgpack.publications('news', [])).toHaveLength(0);
    expect(json.publications('news', [])).toHaveLength(0);
  });
});
