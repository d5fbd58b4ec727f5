/** Bytes written and read in order: whole numbers, texts, and what is either JSON or bytes. */
import type { Data } from '../kernel/data.ts';
import { Json } from '../kernel/data.ts';

/** What was read is not what a gateway writes. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

/** How data is told apart; 0 is none at all. */
const DATA = { none: 0, json: 1, bytes: 2 } as const;

export class Writer {
  #buffer = Buffer.allocUnsafe(256);
  #length = 0;

  byte(value: number): void {
    this.#room(1);
    this.#buffer[this.#length] = value;
    this.#length += 1;
  }

  /** Seven bits in each byte, the lowest first; the last has no high bit. */
  number(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  text(value: string): void {
    this.bytes(Buffer.from(value));
  }

  bytes(value: Uint8Array): void {
    this.number(value.length);
    this.rest(value);
  }

  /** Without its length, so it is the last that is written. */
  rest(value: Uint8Array): void {
    this.#room(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  data(value: Data | null): void {
    if (value === null) {
      this.byte(DATA.none);
    } else if (value instanceof Json) {
      this.byte(DATA.json);
      this.text(value.text);
    } else {
      this.byte(DATA.bytes);
      this.bytes(value);
    }
  }

  /** What was written; the writer begins anew with another buffer. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#length);
    this.#buffer = Buffer.allocUnsafe(256);
    this.#length = 0;
    return taken;
  }

  #room(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

/** @throws {Malformed} from each of its methods, where there is no such thing to read. */
export class Reader {
  readonly #buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, at = 0) {
    this.#buffer = buffer;
    this.#at = at;
  }

  byte(): number {
    const value = this.#buffer[this.#at];
    if (value === undefined) throw new Malformed('it ends too early');
    this.#at += 1;
    return value;
  }

  number(): number {
    let value = 0;
    for (let shift = 0; shift <= 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte <= 0x7f) return value >>> 0;
    }
    throw new Malformed('a number is too large');
  }

  text(): string {
    const length = this.number();
    const from = this.#skip(length);
    return this.#buffer.toString('utf8', from, from + length);
  }

  bytes(): Buffer {
    const length = this.number();
    const from = this.#skip(length);
    return this.#buffer.subarray(from, from + length);
  }

  data(): Data | null {
    const kind = this.byte();
    if (kind === DATA.none) return null;
    if (kind === DATA.json) return new Json(this.text());
    if (kind === DATA.bytes) return this.bytes();
    throw new Malformed(`there is no data of kind ${kind}`);
  }

  restText(): string {
    return this.#buffer.toString('utf8', this.#at);
  }

  rest(): Buffer {
    return this.#buffer.subarray(this.#at);
  }

  #skip(length: number): number {
    const from = this.#at;
    if (from + length > this.#buffer.length) throw new Malformed('it ends too early');
    this.#at = from + length;
    return from;
  }
}
