/**
 * Deltas in the format of Fossil, made in bounded time.
 * https://fossil-scm.org/home/doc/trunk/www/delta_format.wiki
 */

/** What is copied is found by windows of this length. */
const WINDOW = 16;

/**
 * Places of the source that are looked at for one window of the target. Fossil's own encoder looks
 * at 250 and never gives up, and who publishes can choose data where all of them are in vain: that
 * took 46 ms for 64 KB, and takes 3 ms within these bounds (Node 22, 2026-11-22).
 */
const CANDIDATES_MAX = 16;
/** Places that had the hash of a window and not its bytes: so many, and one for each 2 bytes. */
const MISSES_MAX = 1024;
const BYTES_PER_MISS = 2;

const NONE = -1;

/** The delta that makes `target` of `source`; null when it would not be shorter than the target. */
export function fossilDelta(source: Uint8Array, target: Uint8Array): Uint8Array | null {
  const writer = new Writer(target.length - 1);
  writer.number(target.length, '\n');
  const matcher = new Matcher(source, target);
  let written = 0;
  while (!writer.isFull && matcher.next(written)) {
    if (matcher.start > written) writer.insert(target.subarray(written, matcher.start));
    writer.number(matcher.length, '@');
    writer.number(matcher.from, ',');
    written = matcher.start + matcher.length;
  }
  if (written < target.length) writer.insert(target.subarray(written));
  writer.number(checksum(target), ';');
  return writer.isFull ? null : writer.bytes();
}

/** Finds what the target has in common with the source, from its beginning to its end. */
class Matcher {
  /** The last that was found: `length` bytes, at `from` in the source and at `start` in the target. */
  from = 0;
  start = 0;
  length = 0;
  readonly #source: Uint8Array;
  readonly #target: Uint8Array;
  readonly #shift: number;
  /** By the hash of a window the first block of the source with it, and by block the next such. */
  readonly #first: Int32Array;
  readonly #other: Int32Array;
  #missesLeft: number;

  constructor(source: Uint8Array, target: Uint8Array) {
    this.#source = source;
    this.#target = target;
    this.#missesLeft = MISSES_MAX + target.length / BYTES_PER_MISS;
    const blocks = Math.floor(source.length / WINDOW);
    const bits = Math.max(4, 32 - Math.clz32(blocks));
    this.#shift = 32 - bits;
    this.#first = new Int32Array(2 ** bits).fill(NONE);
    this.#other = new Int32Array(blocks);
    // From the last to the first, so that of equal blocks the first is looked at first.
    for (let block = blocks - 1; block >= 0; block -= 1) {
      const slot = this.#slotOf(hashAt(source, block * WINDOW));
      this.#other[block] = this.#first[slot]!;
      this.#first[slot] = block;
    }
  }

  /** False when there is nothing more to copy after `base`. */
  next(base: number): boolean {
    const target = this.#target;
    const end = target.length - WINDOW;
    if (this.#other.length === 0 || base > end) return false;
    let hash = hashAt(target, base);
    for (let at = base; ; at += 1) {
      if (this.#match(hash, at, base)) return true;
      if (at === end || this.#missesLeft <= 0) return false;
      hash = roll(hash, target[at]!, target[at + WINDOW]!);
    }
  }

  /** The longest match that begins with the window at `at`, and as far before it as it goes. */
  #match(hash: number, at: number, base: number): boolean {
    this.length = 0;
    let block = this.#first[this.#slotOf(hash)]!;
    for (let left = CANDIDATES_MAX; block !== NONE && left > 0; left -= 1) {
      const from = block * WINDOW;
      block = this.#other[block]!;
      const ahead = this.#ahead(from, at);
      if (ahead < WINDOW) {
        this.#missesLeft -= 1;
        continue;
      }
      const behind = this.#behind(from, at, at - base);
      if (ahead + behind <= this.length) continue;
      this.from = from - behind;
      this.start = at - behind;
      this.length = ahead + behind;
    }
    return this.length > 0;
  }

  #ahead(from: number, at: number): number {
    const source = this.#source;
    const target = this.#target;
    const max = Math.min(source.length - from, target.length - at);
    let length = 0;
    while (length < max && source[from + length] === target[at + length]) length += 1;
    return length;
  }

  #behind(from: number, at: number, room: number): number {
    const source = this.#source;
    const target = this.#target;
    const max = Math.min(from, room);
    let length = 0;
    while (length < max && source[from - length - 1] === target[at - length - 1]) length += 1;
    return length;
  }

  #slotOf(hash: number): number {
    return Math.imul(hash, 0x9e3779b1) >>> this.#shift;
  }
}

/** Two sums of a window in one number: of its bytes, and of these sums as it moved along. */
function hashAt(bytes: Uint8Array, at: number): number {
  let low = 0;
  let high = 0;
  for (let index = 0; index < WINDOW; index += 1) {
    low += bytes[at + index]!;
    high += low;
  }
  return (low & 0xffff) | (high << 16);
}

/** The hash of the window one byte further. */
function roll(hash: number, gone: number, come: number): number {
  const low = ((hash & 0xffff) - gone + come) & 0xffff;
  const high = ((hash >>> 16) - WINDOW * gone + low) & 0xffff;
  return low | (high << 16);
}

const encoder = new TextEncoder();
const DIGITS = encoder.encode('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~');

class Writer {
  readonly #buffer: Uint8Array;
  #length = 0;
  /** More was written than there is room for. */
  isFull = false;

  constructor(lengthMax: number) {
    this.#buffer = new Uint8Array(Math.max(0, lengthMax));
  }

  /** An unsigned number of 32 bits in base 64, and the letter that says what it is. */
  number(value: number, letter: string): void {
    let shift = 0;
    while (shift < 30 && value >>> (shift + 6) > 0) shift += 6;
    for (; shift >= 0; shift -= 6) this.#byte(DIGITS[(value >>> shift) & 63]!);
    this.#byte(letter.charCodeAt(0));
  }

  insert(bytes: Uint8Array): void {
    this.number(bytes.length, ':');
    this.isFull ||= this.#length + bytes.length > this.#buffer.length;
    if (this.isFull) return;
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  #byte(byte: number): void {
    this.isFull ||= this.#length === this.#buffer.length;
    if (this.isFull) return;
    this.#buffer[this.#length] = byte;
    this.#length += 1;
  }
}

/** The sum of the words of four bytes, the first being the highest. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 1)
    sum = (sum + (bytes[at]! << (24 - 8 * (at & 3)))) | 0;
  return sum >>> 0;
}
