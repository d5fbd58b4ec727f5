/** Writes MessagePack: what this protocol has of it, and no extension types. */
import { Json } from '../kernel/data.ts';
import { isFields } from './body.ts';
import type { Fields } from './body.ts';

const BUFFER_BYTES = 16 * 1024;

/** A buffer that one large frame made grow beyond this is not kept. */
const KEPT_BYTES_MAX = 1024 * 1024;

/** The longest start of a value: a type and eight bytes. */
const HEAD_BYTES = 9;

/** The longest start of a string. */
const STRING_HEAD_BYTES = 5;

/** Up to this length a loop writes ASCII faster than `encodeInto`, which needs a view of the buffer. */
const SHORT_TEXT = 31;

/** How the lengths of one type are written. `one` is 0 where there is no form with one byte. */
interface Format {
  readonly fixed: number;
  readonly fixedMax: number;
  readonly one: number;
  readonly two: number;
  readonly four: number;
}

const STRING: Format = { fixed: 0xa0, fixedMax: 31, one: 0xd9, two: 0xda, four: 0xdb };
const BINARY: Format = { fixed: 0, fixedMax: -1, one: 0xc4, two: 0xc5, four: 0xc6 };
const ARRAY: Format = { fixed: 0x90, fixedMax: 15, one: 0, two: 0xdc, four: 0xdd };
const MAP: Format = { fixed: 0x80, fixedMax: 15, one: 0, two: 0xde, four: 0xdf };

const encoder = new TextEncoder();

/**
 * Writes values one after the other. A `Json` is written as the value of its text, bytes as `bin`,
 * maps and plain objects as `map`, without the fields that are undefined.
 */
export class Packer {
  #bytes = new Uint8Array(BUFFER_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #end = 0;
  /** Whether an integer was written of which `JSON.parse` may have lost digits. */
  #inexact = false;

  pack(values: readonly unknown[]): Uint8Array {
    // Not at the end: a value that could not be written may have left something behind.
    this.#end = 0;
    for (const value of values) this.#value(value);
    const packed = this.#bytes.slice(0, this.#end);
    if (this.#bytes.length > KEPT_BYTES_MAX) this.#use(new Uint8Array(BUFFER_BYTES));
    return packed;
  }

  #value(value: unknown): void {
    if (typeof value === 'string') this.#string(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'boolean') this.#byte(value ? 0xc3 : 0xc2);
    else if (value === null) this.#byte(0xc0);
    else if (value instanceof Json) this.#json(value);
    else if (value instanceof Uint8Array) this.#binary(value);
    else if (Array.isArray(value)) this.#array(value);
    else if (value instanceof Map) this.#map(value);
    else if (typeof value === 'bigint') this.#bigint(value);
    else if (isFields(value)) this.#fields(value);
    else throw new TypeError(`MessagePack has no ${typeof value}`);
  }

  /** Parsed a second time, and more slowly, only when there is an integer beyond 2^53. */
  #json(json: Json): void {
    const start = this.#end;
    this.#inexact = false;
    this.#value(json.value());
    if (!this.#inexact) return;
    this.#end = start;
    this.#value(JSON.parse(json.text, exactly));
  }

  #array(items: readonly unknown[]): void {
    this.#head(ARRAY, items.length);
    for (const item of items) this.#value(item);
  }

  #map(map: ReadonlyMap<unknown, unknown>): void {
    this.#head(MAP, map.size);
    for (const [key, value] of map) {
      this.#value(key);
      this.#value(value);
    }
  }

  #fields(fields: Fields): void {
    const names = Object.keys(fields);
    let count = 0;
    for (const name of names) if (fields[name] !== undefined) count += 1;
    this.#head(MAP, count);
    for (const name of names) {
      const value = fields[name];
      if (value === undefined) continue;
      this.#string(name);
      this.#value(value);
    }
  }

  #binary(bytes: Uint8Array): void {
    this.#head(BINARY, bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #string(text: string): void {
    if (text.length <= SHORT_TEXT && this.#ascii(text)) return;
    // Characters take three bytes at most; those of a lone surrogate become U+FFFD.
    this.#room(STRING_HEAD_BYTES + text.length * 3);
    const from = this.#end + STRING_HEAD_BYTES;
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(from));
    this.#head(STRING, written);
    this.#bytes.copyWithin(this.#end, from, from + written);
    this.#end += written;
  }

  /** False, and nothing is written, when `text` is not ASCII. It must be short. */
  #ascii(text: string): boolean {
    this.#room(1 + SHORT_TEXT);
    const bytes = this.#bytes;
    const from = this.#end + 1;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code > 0x7f) return false;
      bytes[from + at] = code;
    }
    bytes[this.#end] = STRING.fixed | text.length;
    this.#end = from + text.length;
    return true;
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.#double(value);
    else if (value > 0xffff_ffff || value < -0x8000_0000) this.#bigint(BigInt(value));
    else if (value < 0) this.#negative(value);
    else if (value < 0x80) this.#byte(value);
    else if (value <= 0xff) this.#sized(0xcc, 1, value);
    else if (value <= 0xffff) this.#sized(0xcd, 2, value);
    else this.#sized(0xce, 4, value);
  }

  #negative(value: number): void {
    if (value >= -0x20) this.#byte(value & 0xff);
    else if (value >= -0x80) this.#sized(0xd0, 1, value & 0xff);
    else if (value >= -0x8000) this.#sized(0xd1, 2, value & 0xffff);
    else this.#sized(0xd2, 4, value >>> 0);
  }

  #bigint(value: bigint): void {
    const unsigned = value >= 0n;
    if (unsigned ? value !== BigInt.asUintN(64, value) : value !== BigInt.asIntN(64, value)) {
      this.#double(Number(value));
      return;
    }
    this.#room(HEAD_BYTES);
    this.#view.setUint8(this.#end, unsigned ? 0xcf : 0xd3);
    this.#view.setBigUint64(this.#end + 1, BigInt.asUintN(64, value));
    this.#end += 9;
  }

  #double(value: number): void {
    if (Number.isInteger(value)) this.#inexact = true;
    this.#room(HEAD_BYTES);
    this.#view.setUint8(this.#end, 0xcb);
    this.#view.setFloat64(this.#end + 1, value);
    this.#end += 9;
  }

  #head(format: Format, length: number): void {
    if (length <= format.fixedMax) this.#byte(format.fixed | length);
    else if (length <= 0xff && format.one !== 0) this.#sized(format.one, 1, length);
    else if (length <= 0xffff) this.#sized(format.two, 2, length);
    else this.#sized(format.four, 4, length);
  }

  /** A type and an unsigned number of one, two or four bytes. */
  #sized(type: number, size: 1 | 2 | 4, value: number): void {
    this.#room(HEAD_BYTES);
    const at = this.#end;
    this.#view.setUint8(at, type);
    if (size === 1) this.#view.setUint8(at + 1, value);
    else if (size === 2) this.#view.setUint16(at + 1, value);
    else this.#view.setUint32(at + 1, value);
    this.#end = at + 1 + size;
  }

  #byte(byte: number): void {
    this.#room(1);
    this.#bytes[this.#end] = byte;
    this.#end += 1;
  }

  #room(count: number): void {
    if (this.#end + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#end + count));
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#use(larger);
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** Longer ones do not fit 64 bits. */
const INTEGER = /^-?\d{1,20}$/;

/** For `JSON.parse`: gives integers that a double cannot hold with all their digits. */
function exactly(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  return source !== undefined && INTEGER.test(source) ? BigInt(source) : value;
}
