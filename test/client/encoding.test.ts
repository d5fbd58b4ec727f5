/** MessagePack and differences, the entries of their own. */
import * as fc from 'fast-check';
import { createDelta } from 'fossil-delta';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { json } from '../../src/client/codec.ts';
import { applyDelta, fossil } from '../../src/client/delta.ts';
import { msgpack } from '../../src/client/msgpack.ts';
import type { WirePublication } from '../../src/client/wire.ts';
import { client, start, until, WebSocket } from './rig.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true });

function frameOf(...messages: unknown[]): ArrayBuffer {
  const chunks = messages.map((message) => Uint8Array.from(packr.pack(message)));
  const frame = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    frame.set(chunk, at);
    at += chunk.length;
  }
  return frame.buffer;
}

/** What JSON has, and bytes. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'binary' }),
    // MessagePack has no integer -0, and its writers take the shortest form.
    fc.double().map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 20 }),
  ),
}));

describe('MessagePack', () => {
  test('is read as others write it', () => {
    fc.assert(
      fc.property(fc.array(value), (values) => {
        expect(msgpack.decode(frameOf(...values))).toEqual(values);
      }),
    );
  });

  test('is read as it is written', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), (values) => {
        const frame = msgpack.join(values.map((data) => msgpack.encode({ data })));
        const bytes = Uint8Array.from(frame as Uint8Array).buffer;
        expect(msgpack.decode(bytes)).toEqual(values.map((data) => ({ data })));
      }),
    );
  });

  test('keeps every character of a text, also a byte order mark at its beginning', () => {
    const values = ['\uFEFF', '\uFEFFtext', '\u0000', '\u{1F600}'];
    expect(msgpack.decode(frameOf(...values))).toEqual(values);
  });

  test.each([0, 31, 32, 255, 256, 65_535, 65_536])('of %d items, characters or bytes', (length) => {
    const items = Array.from({ length }, (_, index) => index);
    const map = Object.fromEntries(items.map((index) => [String(index), index]));
    const values = [items, map, 'x'.repeat(length), new Uint8Array(length).fill(7)];
    expect(msgpack.decode(frameOf(...values))).toEqual(values);
  });

  test('gives bytes that do not keep the frame', () => {
    const [bytes] = msgpack.decode(frameOf(new Uint8Array(10))) as unknown as [Uint8Array];
    expect(bytes.buffer.byteLength).toBe(10);
  });

  test('of a map whose keys are dangerous is a map', () => {
    const [map] = msgpack.decode(frameOf(new Map([['__proto__', { polluted: true }]])));
    expect(Object.getPrototypeOf(map)).toBe(Object.prototype);
    expect(Object.hasOwn(map ?? {}, '__proto__')).toBe(true);
  });

  test('that is broken throws, whatever is wrong with it', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          msgpack.decode(bytes.buffer);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
    expect(() => msgpack.decode(Uint8Array.of(0xc1).buffer)).toThrow(TypeError);
    expect(() => msgpack.decode(Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff).buffer)).toThrow();
    expect(() => msgpack.decode('text')).toThrow(TypeError);
  });

  test('refuses what it cannot carry', () => {
    expect(() => msgpack.encode({ data: () => undefined })).toThrow(TypeError);
    expect(() => json.encode({ data: 1n })).toThrow(TypeError);
  });
});

test.each([
  ['the WebSocket of Node', {}],
  ['ws', { WebSocket }],
])('bytes go from client to client as they are, over %s', async (_, options) => {
  const { url } = await start();
  const [a, b, c] = [
    client(url, { codec: msgpack, ...options }),
    client(url, { codec: msgpack }),
    client(url),
  ];
  const got: Record<string, unknown[]> = { a: [], b: [], c: [] };
  for (const [name, one] of Object.entries({ a, b, c })) {
    void one.connect();
    const channel = one.channel('kept:1');
    channel.on('publication', ({ data }) => got[name]?.push(data));
    await channel.subscribe();
  }
  const bytes = Uint8Array.from({ length: 256 }, (_byte, index) => index);
  await a.publish('kept:1', bytes);
  await c.publish('kept:1', { text: 'ü' });
  await a.publish('kept:1', { nested: bytes.subarray(0, 3), list: [1, -1, 1.5, null] });
  await until('all is there', () => Object.values(got).every(({ length }) => length === 3));
  const base64 = Buffer.from(bytes).toString('base64');
  const nested = { nested: 'AAEC', list: [1, -1, 1.5, null] };
  expect(got['a']).toEqual([bytes, { text: 'ü' }, nested]);
  expect(got['b']).toEqual(got['a']);
  expect(got['c']).toEqual([base64, { text: 'ü' }, nested]);
  const { publications } = await b.channel('kept:1').history({ limit: 1 });
  expect(publications[0]?.data).toEqual(bytes);
});

describe('differences', () => {
  test('make of one text the other, as the format has it', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    const pair = fc.oneof(
      fc.tuple(bytes, bytes),
      fc.tuple(bytes, bytes, bytes).map(([head, middle, tail]) => {
        const source = Uint8Array.from([...head, ...middle, ...tail]);
        return [source, Uint8Array.from([...tail, ...head, ...middle])] as const;
      }),
    );
    fc.assert(
      fc.property(pair, ([source, target]) => {
        const delta = Uint8Array.from(createDelta(source, target));
        expect(applyDelta(source, delta)).toEqual(target);
      }),
    );
  });

  test('to another source are noticed', () => {
    const text = (words: string): Uint8Array => new TextEncoder().encode(words);
    const words = 'one two three four five six seven eight nine ten eleven twelve thirteen';
    const source = text(words);
    const delta = Uint8Array.from(createDelta(source, text(words.replace('six', 'SIX'))));
    expect(() => applyDelta(text('x'.repeat(words.length)), delta)).toThrow(RangeError);
    expect(() => applyDelta(source.subarray(0, 10), delta)).toThrow(RangeError);
  });

  test('that are broken throw', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3 }),
        fc.uint8Array({ maxLength: 17 }),
        (size, rest) => {
          // A first number that is large would be memory: the gateway is believed so far.
          const bytes = Uint8Array.of(...size, 0x0a, ...rest);
          try {
            applyDelta(new Uint8Array(10), bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        },
      ),
    );
  });

  test('follow each other, and begin anew with what is whole', () => {
    const undo = fossil.undo();
    const texts = [
      '{"n":1,"text":"the quick brown fox"}',
      '{"n":2,"text":"the quick brown fox"}',
      '[3]',
    ];
    const [first = '', second = '', third = ''] = texts;
    const encoder = new TextEncoder();
    const delta = new TextDecoder().decode(
      Uint8Array.from(createDelta(encoder.encode(first), encoder.encode(second))),
    );
    const publications = [{ data: first }, { data: delta, delta: true }, { data: third }];
    const got = publications.map((publication) => undo(publication as WirePublication));
    expect(got).toEqual(texts.map((text): unknown => JSON.parse(text)));
  });
});
