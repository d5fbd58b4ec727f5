/** Frames that start well and end badly. */
import * as fc from 'fast-check';
import type { Encoding, Message } from './peer.ts';
import { frameOf } from './peer.ts';

const GOOD: readonly Message[] = [
  { id: 1, connect: { token: 't', data: { a: [1, 'x'] }, subs: { news: { offset: 5 } } } },
  { id: 2, subscribe: { channel: 'news', recover: true, offset: 7, epoch: 'a1', data: 'é' } },
  { id: 3, publish: { channel: 'news', data: { text: 'hello', n: [1.5, -1, 70_000, null] } } },
  { id: 4, history: { channel: 'news', limit: -1, since: { offset: 1, epoch: 'x' } } },
  { id: 5, rpc: { method: 'sum', data: [true, false] } },
  { id: 6, presence: { channel: 'news' } },
  { id: 7, unsubscribe: { channel: 'news' } },
  { id: 8, refresh: { token: 'a.b.c' } },
  { id: 9, sub_refresh: { channel: 'news', token: 'a.b.c' } },
  { send: { data: 1 } },
  {},
];

interface Wound {
  readonly at: number;
  readonly byte: number;
  readonly way: 'set' | 'cut' | 'insert' | 'repeat';
}

const WOUND: fc.Arbitrary<Wound> = fc.record({
  at: fc.nat(400),
  byte: fc.oneof(fc.nat(255), fc.constantFrom(0x22, 0x5c, 0x7b, 0x0a, 0xc1, 0xd4, 0xdd, 0xdf)),
  way: fc.constantFrom('set', 'cut', 'insert', 'repeat'),
});

/** The frame with these bytes of it changed. */
export function wounded(frame: Uint8Array, wounds: readonly Wound[]): Uint8Array {
  let bytes = Array.from(frame);
  for (const { at, byte, way } of wounds) {
    const place = at % (bytes.length + 1);
    if (way === 'set') bytes[Math.min(place, bytes.length - 1)] = byte;
    else if (way === 'insert') bytes.splice(place, 0, byte);
    else if (way === 'cut') bytes = bytes.slice(0, place + 1);
    else bytes.splice(place, 0, ...bytes.slice(place, place + 20));
  }
  return Uint8Array.from(bytes);
}

export const GOOD_MESSAGES = fc.array(fc.constantFrom(...GOOD), { minLength: 1, maxLength: 3 });
export const WOUNDS = fc.array(WOUND, { minLength: 1, maxLength: 6 });

/** Proper messages with a few bytes of them changed, and bytes that mean nothing. */
export function hostileFrames(encoding: Encoding): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    {
      weight: 5,
      arbitrary: fc
        .tuple(GOOD_MESSAGES, WOUNDS)
        .map(([messages, harm]) => wounded(frameOf(encoding, messages), harm)),
    },
  );
}
