import { Centrifuge } from 'centrifuge';
import * as fc from 'fast-check';
import { applyDelta, createDelta } from 'fossil-delta';
import { describe, expect, test } from 'vitest';
import { deltaOf, opaque } from '../../src/channel/delta.ts';
import { fossilDelta } from '../../src/channel/fossil.ts';
import { Json } from '../../src/kernel/data.ts';

const encoder = new TextEncoder();

/** How the official SDK reads the publications of a channel with deltas. */
interface SdkCodec {
  applyDeltaIfNeeded(
    publication: { data: unknown; delta?: boolean },
    previous: Uint8Array | undefined,
  ): { newData: unknown; newPrevValue: Uint8Array };
}

const sdk = new Centrifuge('ws://localhost') as unknown as { _codec: SdkCodec };

/** What a reader with the official SDK has, of the first whole and the second as a delta. */
function read(first: Json, second: Json): { data: unknown; isDelta: boolean } {
  const whole = opaque(first) as Json;
  const before = sdk._codec.applyDeltaIfNeeded({ data: whole.value() }, undefined);
  const delta = deltaOf(first, second);
  if (delta === null) {
    const next = { data: (opaque(second) as Json).value() };
    return {
      data: sdk._codec.applyDeltaIfNeeded(next, before.newPrevValue).newData,
      isDelta: false,
    };
  }
  const next = { data: (delta as Json).value(), delta: true };
  const { newData } = sdk._codec.applyDeltaIfNeeded(next, before.newPrevValue);
  return { data: newData, isDelta: true };
}

function roundTrips(source: Uint8Array, target: Uint8Array): number | null {
  const delta = fossilDelta(source, target);
  if (delta === null) return null;
  expect(delta.length).toBeLessThan(target.length);
  expect(Buffer.from(applyDelta(source, delta)).equals(Buffer.from(target))).toBe(true);
  return delta.length;
}

/** A document with many parts, in a version. */
function documentOf(length: number, version: number): string {
  const players = [];
  for (let id = 0; JSON.stringify(players).length < length; id += 1) {
    const seed = (id * 2654435761 + (id % 5 === 0 ? version : 0)) >>> 0;
    players.push({ id, name: `player ${id}`, x: seed % 1000, y: (seed >>> 8) % 1000 });
  }
  return JSON.stringify(players);
}

describe('a delta', () => {
  test('makes the target of the source', () => {
    const source = encoder.encode(documentOf(5000, 1));
    const target = encoder.encode(documentOf(5000, 2));
    expect(roundTrips(source, target)).toBeLessThan(target.length / 2);
  });

  test('makes it whatever both are', () => {
    const block = fc.uint8Array({ minLength: 1, maxLength: 40, max: 3 });
    const blocks = fc.array(block, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        blocks,
        fc.array(fc.nat(100), { maxLength: 30 }),
        fc.array(fc.nat(100), { maxLength: 30 }),
        (parts, one, two) => {
          const join = (picks: number[]): Uint8Array =>
            Uint8Array.from(picks.flatMap((pick) => [...parts[pick % parts.length]!]));
          roundTrips(join(one), join(two));
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('of data that stays the same is a few bytes', () => {
    const bytes = encoder.encode(documentOf(20_000, 1));
    expect(roundTrips(bytes, bytes)).toBeLessThan(20);
    expect(roundTrips(new Uint8Array(70_000), new Uint8Array(70_000))).toBeLessThan(100);
  });

  test('is not made where it would not be shorter', () => {
    const some = encoder.encode('some text of a publication');
    expect(fossilDelta(some, encoder.encode('else'))).toBeNull();
    expect(fossilDelta(some, new Uint8Array(0))).toBeNull();
    expect(fossilDelta(new Uint8Array(0), some)).toBeNull();
    expect(fossilDelta(new Uint8Array(0), new Uint8Array(0))).toBeNull();
    expect(fossilDelta(some, some.slice(0, 5))).toBeNull();
  });

  test('copies from before and after, whatever moved', () => {
    const text = documentOf(3000, 1);
    const source = encoder.encode(text);
    const moved = encoder.encode(text.slice(1500) + text.slice(0, 1500));
    const inserted = encoder.encode(`${text.slice(0, 1000)}something new${text.slice(1000)}`);
    const removed = encoder.encode(text.slice(0, 1000) + text.slice(1200));
    const twice = encoder.encode(text + text);
    for (const target of [moved, inserted, removed, twice]) {
      expect(roundTrips(source, target)).toBeLessThan(100);
    }
  });

  test('is hardly longer than that of the encoder of Fossil', () => {
    for (const length of [1000, 10_000, 60_000]) {
      const source = encoder.encode(documentOf(length, 1));
      const target = encoder.encode(documentOf(length, 2));
      const theirs = createDelta(source, target).length;
      expect(roundTrips(source, target)).toBeLessThan(theirs * 1.1);
    }
  });

  test('is made in bounded time, also where a publisher has chosen the data', () => {
    // Every window has the hash of every block, and none has its bytes.
    const length = 65_536;
    const target = new Uint8Array(length).fill(97);
    const source = target.slice();
    for (let at = 0; at + 16 <= length; at += 16) source.set([98, 95, 98], at + 13);
    let work = 0;
    const counted = new Proxy(source, {
      get(bytes, key) {
        work += 1;
        const value: unknown = Reflect.get(bytes, key, bytes);
        return value;
      },
    });
    roundTrips(source, target);
    fossilDelta(counted, target);
    // The encoder of Fossil looks at some 250 million bytes here.
    expect(work).toBeLessThan(2_000_000);
  });
});

describe('to the official SDK', () => {
  test('a delta of JSON says what was published', () => {
    const [first, second] = [1, 2].map((version) => new Json(documentOf(2000, version)));
    const { data, isDelta } = read(first!, second!);
    expect(isDelta).toBe(true);
    expect(data).toEqual(second!.value());
  });

  test('text outside of ASCII arrives as it was, also where a cut would be within a character', () => {
    const units = fc.constantFrom(
      'é',
      'è',
      '\u{1f600}',
      '\u{1f601}',
      'a',
      '日',
      '旦',
      '\ufeff',
      '"',
    );
    const texts = fc.string({ unit: units, minLength: 20, maxLength: 60 });
    let deltas = 0;
    let wholes = 0;
    fc.assert(
      fc.property(texts, units, units, texts, (start, one, other, end) => {
        const first = Json.of(start + one + end);
        const second = Json.of(start + other + end);
        const { data, isDelta } = read(first, second);
        expect(data).toBe(second.value());
        if (isDelta) deltas += 1;
        else wholes += 1;
      }),
      { numRuns: 2000, seed: 1 },
    );
    expect(deltas).toBeGreaterThan(100);
    expect(wholes).toBeGreaterThan(100);
  });

  test('a character cut in two is no delta', () => {
    // Of the two emojis only the last byte is not the same.
    const filler = 'x'.repeat(40);
    const [first, second] = ['\u{1f600}', '\u{1f601}'].map((one) => Json.of(filler + one + filler));
    const bytes = [first, second].map((one) => encoder.encode(one!.text));
    expect(fossilDelta(bytes[0]!, bytes[1]!)).not.toBeNull();
    expect(deltaOf(first!, second!)).toBeNull();
    expect(read(first!, second!).data).toBe(second!.value());
  });

  test('any JSON text arrives as the value it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, two) => {
        const filler = 'the same again and again '.repeat(4);
        const first = new Json(`[ ${JSON.stringify(filler)},\n ${JSON.stringify(one)} ]`);
        const second = new Json(`[ ${JSON.stringify(filler)},\n ${JSON.stringify(two)} ]`);
        expect(read(first, second).data).toEqual(second.value());
      }),
      { numRuns: 1000 },
    );
  });
});

describe('data of two kinds', () => {
  const text = 'the same again and again and again';

  test('have no delta between them', () => {
    expect(deltaOf(Json.of(text), encoder.encode(JSON.stringify(text)))).toBeNull();
    expect(deltaOf(encoder.encode(JSON.stringify(text)), Json.of(text))).toBeNull();
  });

  test('are opaque to who takes deltas: JSON is a text, bytes are bytes', () => {
    expect((opaque(new Json('{ "a":1 }')) as Json).value()).toBe('{ "a":1 }');
    expect(opaque(Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 2));
  });

  test('bytes have deltas of bytes', () => {
    const source = new Uint8Array(300).map((_, at) => at);
    const target = source.map((byte, at) => (at === 150 ? 7 : byte));
    const delta = deltaOf(source, target);
    expect(delta).toBeInstanceOf(Uint8Array);
    expect(Buffer.from(applyDelta(source, delta as Uint8Array))).toEqual(Buffer.from(target));
  });
});
