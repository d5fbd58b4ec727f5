/**
 * Reads MessagePack from peers: the types that JSON has, and `bin`. All else is refused, and no
 * length is believed before its bytes are there.
 *
 * It is our own because msgpackr, which the tests hold it against, takes too much: its extension
 * types (records, errors, regular expressions, whatever anyone in the process has registered) cannot
 * be turned off, it gives keys other names, and it lets invalid UTF-8 pass.
 */
import { unreachable } from '../kernel/assert.ts';
import { Json } from '../kernel/data.ts';
import type { Data } from '../kernel/data.ts';
import { base64 } from './base64.ts';
import type { Fields } from './body.ts';
import { Disconnection } from './close.ts';
import { textOf } from './utf8.ts';

/** A message is a map, the body of its command a map in it: there `data` is what peers are sent. */
const BODY_DEPTH = 2;

/**
 * Up to this length text is put together faster than `TextDecoder` is called, and V8 keeps what is
 * put together as one string rather than as the tree of its parts.
 */
const SHORT_TEXT = 12;

const ASCII: readonly string[] = Array.from({ length: 0x80 }, (_, code) =>
  String.fromCharCode(code),
);

/** What a first byte says. The length is `fixed`, or in the next `lengthBytes`. */
interface Form {
  readonly kind: 'string' | 'binary' | 'array' | 'map' | 'scalar';
  readonly fixed: number;
  readonly lengthBytes: number;
}

const RANGES: readonly (readonly [number, number, Form['kind'], number])[] = [
  [0x00, 0x7f, 'scalar', 0],
  [0x80, 0x8f, 'map', 0],
  [0x90, 0x9f, 'array', 0],
  [0xa0, 0xbf, 'string', 0],
  [0xc0, 0xc0, 'scalar', 0],
  [0xc2, 0xc3, 'scalar', 0],
  [0xc4, 0xc4, 'binary', 1],
  [0xc5, 0xc5, 'binary', 2],
  [0xc6, 0xc6, 'binary', 4],
  [0xca, 0xd3, 'scalar', 0],
  [0xd9, 0xd9, 'string', 1],
  [0xda, 0xda, 'string', 2],
  [0xdb, 0xdb, 'string', 4],
  [0xdc, 0xdc, 'array', 2],
  [0xdd, 0xdd, 'array', 4],
  [0xde, 0xde, 'map', 2],
  [0xdf, 0xdf, 'map', 4],
  [0xe0, 0xff, 'scalar', 0],
];

/** By first byte. What is not here are the extension types, and 0xc1, which nothing starts with. */
const FORMS: readonly (Form | undefined)[] = Array.from({ length: 0x100 }, (_, first) => {
  const range = RANGES.find(([from, to]) => from <= first && first <= to);
  if (range === undefined) return undefined;
  const [from, , kind, lengthBytes] = range;
  return { kind, fixed: first - from, lengthBytes };
});

type Scalar = null | boolean | number | bigint;

/** Reads the values of one frame, one after the other. Nothing that it gives points into the frame. */
export class Unpacker {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #depthMax: number;
  #at = 0;

  constructor(frame: Uint8Array, depthMax: number) {
    this.#bytes = frame;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    this.#depthMax = depthMax;
  }

  /** How far it has read. */
  get position(): number {
    return this.#at;
  }

  /**
   * The next message, with the field `data` of its bodies as it is to be handed on.
   * @throws {Disconnection} `badRequest` when there is none, or what there is is refused.
   */
  message(): unknown {
    return this.#value(1);
  }

  /** `depth` is that of an array or a map that starts here. */
  #value(depth: number): unknown {
    const form = this.#form();
    switch (form.kind) {
      case 'string':
        return this.#string(form);
      case 'binary':
        return this.#binary(form);
      case 'array':
        return this.#array(form, depth);
      case 'map':
        return this.#map(form, depth);
      case 'scalar':
        return this.#scalar();
      default:
        return unreachable(form.kind);
    }
  }

  #array(form: Form, depth: number): unknown[] {
    const items: unknown[] = [];
    for (let left = this.#count(form, depth); left > 0; left -= 1) {
      items.push(this.#value(depth + 1));
    }
    return items;
  }

  #map(form: Form, depth: number): Fields {
    const fields: Fields = {};
    for (let left = this.#count(form, depth); left > 0; left -= 1) {
      const key = this.#key();
      const isData = depth === BODY_DEPTH && key === 'data';
      const value = isData ? this.#data(depth + 1) : this.#value(depth + 1);
      if (key === '__proto__') ownField(fields, key, value);
      else fields[key] = value;
    }
    return fields;
  }

  #data(depth: number): Data {
    const form = this.#form();
    return form.kind === 'binary' ? this.#binary(form) : new Json(this.#json(form, depth));
  }

  /** A value as JSON, made without the value: keys keep their order and integers all their digits. */
  #json(form: Form, depth: number): string {
    switch (form.kind) {
      case 'string':
        return JSON.stringify(this.#string(form));
      case 'binary':
        return `"${base64(this.#binary(form))}"`;
      case 'array':
        return this.#jsonArray(form, depth);
      case 'map':
        return this.#jsonMap(form, depth);
      case 'scalar':
        return jsonScalar(this.#scalar());
      default:
        return unreachable(form.kind);
    }
  }

  // Joined, and not added: a string made of additions takes many times its length until it is read.
  #jsonArray(form: Form, depth: number): string {
    const items: string[] = [];
    for (let left = this.#count(form, depth); left > 0; left -= 1) {
      items.push(this.#json(this.#form(), depth + 1));
    }
    return `[${items.join(',')}]`;
  }

  #jsonMap(form: Form, depth: number): string {
    const fields: string[] = [];
    for (let left = this.#count(form, depth); left > 0; left -= 1) {
      const key = JSON.stringify(this.#key());
      fields.push(`${key}:${this.#json(this.#form(), depth + 1)}`);
    }
    return `{${fields.join(',')}}`;
  }

  /** Moves on to what follows the first byte of a value; a scalar is in that byte, or follows it. */
  #form(): Form {
    const form = FORMS[this.#view.getUint8(this.#take(1))];
    if (form === undefined) throw new Disconnection('badRequest');
    return form;
  }

  #length(form: Form): number {
    switch (form.lengthBytes) {
      case 1:
        return this.#view.getUint8(this.#take(1));
      case 2:
        return this.#view.getUint16(this.#take(2));
      case 4:
        return this.#view.getUint32(this.#take(4));
      default:
        return form.fixed;
    }
  }

  /** How many items an array or map says that it has; no room is made for them before they come. */
  #count(form: Form, depth: number): number {
    if (depth > this.#depthMax) throw new Disconnection('badRequest');
    return this.#length(form);
  }

  #key(): string {
    const form = this.#form();
    if (form.kind !== 'string') throw new Disconnection('badRequest');
    return this.#string(form);
  }

  #string(form: Form): string {
    const length = this.#length(form);
    const start = this.#take(length);
    if (length > SHORT_TEXT) return textOf(this.#bytes.subarray(start, this.#at));
    let text = '';
    for (let at = start; at < this.#at; at += 1) {
      const character = ASCII[this.#view.getUint8(at)];
      if (character === undefined) return textOf(this.#bytes.subarray(start, this.#at));
      text += character;
    }
    return text;
  }

  #binary(form: Form): Uint8Array {
    const start = this.#take(this.#length(form));
    return this.#bytes.slice(start, this.#at);
  }

  /** Of the value whose first byte was just read. */
  #scalar(): Scalar {
    const first = this.#view.getUint8(this.#at - 1);
    if (first < 0x80) return first;
    if (first >= 0xe0) return first - 0x100;
    if (first === 0xc0) return null;
    if (first <= 0xc3) return first === 0xc3;
    if (first === 0xca) return this.#view.getFloat32(this.#take(4));
    if (first === 0xcb) return this.#view.getFloat64(this.#take(8));
    return first < 0xd0 ? this.#unsigned(first - 0xcc) : this.#signed(first - 0xd0);
  }

  /** Of 2^`power` bytes. */
  #unsigned(power: number): number | bigint {
    const at = this.#take(1 << power);
    if (power === 0) return this.#view.getUint8(at);
    if (power === 1) return this.#view.getUint16(at);
    if (power === 2) return this.#view.getUint32(at);
    return narrow(this.#view.getBigUint64(at));
  }

  #signed(power: number): number | bigint {
    const at = this.#take(1 << power);
    if (power === 0) return this.#view.getInt8(at);
    if (power === 1) return this.#view.getInt16(at);
    if (power === 2) return this.#view.getInt32(at);
    return narrow(this.#view.getBigInt64(at));
  }

  /** Where the next `count` bytes start, which are all there. */
  #take(count: number): number {
    const start = this.#at;
    if (count > this.#bytes.length - start) throw new Disconnection('badRequest');
    this.#at = start + count;
    return start;
  }
}

/** JSON has no NaN and no infinity. */
function jsonScalar(value: Scalar): string {
  return typeof value === 'number' && !Number.isFinite(value) ? 'null' : String(value);
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Assignment would set the prototype. */
function ownField(fields: Fields, key: string, value: unknown): void {
  Object.defineProperty(fields, key, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}
