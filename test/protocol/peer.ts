/** The other end of the wire, for tests: it writes and reads frames without our codecs. */
import { Packr } from 'msgpackr';
import { expect } from 'vitest';
import { Disconnection } from '../../src/protocol/close.ts';
import type { Codec } from '../../src/protocol/codec.ts';
import type { Command } from '../../src/protocol/frames.ts';
import { jsonCodec } from '../../src/protocol/json.ts';
import { msgpackCodec } from '../../src/protocol/msgpack.ts';

const DEPTH_MAX = 64;

export const json = jsonCodec({ depthMax: DEPTH_MAX });
export const msgpack = msgpackCodec({ depthMax: DEPTH_MAX });

const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  // What `JSON.parse` gives may have a field of this name.
  useToJSON: false,
});

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

/** A copy in a buffer of its own: msgpackr gives parts of a large one. */
export function pack(value: unknown): Uint8Array {
  return Uint8Array.from(packr.pack(value));
}

export function unpack(frame: Uint8Array): readonly unknown[] {
  const values: unknown[] = [];
  packr.unpackMultiple(frame, (value) => {
    values.push(value);
  });
  return values;
}

export function hex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, '');
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function fromJson(text: string): readonly Command[] {
  return json.decode(bytesOf(text));
}

export function only(commands: readonly Command[]): Command {
  expect(commands).toHaveLength(1);
  return commands[0]!;
}

/** The message as each of the encodings brings it; `data` reads the same in all of them. */
export const ENCODINGS: readonly {
  readonly name: string;
  readonly decode: (message: unknown) => readonly Command[];
}[] = [
  { name: 'json', decode: (message) => json.decode(bytesOf(JSON.stringify(message))) },
  { name: 'msgpack', decode: (message) => msgpack.decode(pack(message)) },
];

export function expectRefused(decode: () => unknown): void {
  let thrown: unknown;
  try {
    decode();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(Disconnection);
  expect((thrown as Disconnection).close).toEqual({ code: 3501, reason: 'bad request' });
}

/** Decodes what may be anything: it is refused, or it is commands. Nothing else may happen. */
export function survive(codec: Codec, frame: Uint8Array): readonly Command[] | null {
  try {
    return codec.decode(frame);
  } catch (error) {
    if (error instanceof Disconnection) return null;
    throw error;
  }
}
