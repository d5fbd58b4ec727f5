/** Reads MessagePack from a gateway: the types that JSON has, and bytes. */

// Without it a text would lose U+FEFF at its beginning.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Values one after the other. Nothing that it gives points into the frame. */
export class Unpacker {
  readonly #view: DataView<ArrayBuffer>;
  #at = 0;

  constructor(frame: ArrayBuffer) {
    this.#view = new DataView(frame);
  }

  get isDone(): boolean {
    return this.#at === this.#view.byteLength;
  }

  /** @throws RangeError where the frame ends too soon, TypeError for what is not of these types. */
  value(): unknown {
    const first = this.#unsigned(0);
    if (first < 0x80) return first;
    if (first < 0x90) return this.#map(first & 15);
    if (first < 0xa0) return this.#array(first & 15);
    if (first < 0xc0) return this.#text(first & 31);
    return first < 0xe0 ? this.#typed(first) : first - 0x100;
  }

  #typed(type: number): unknown {
    if (type === 0xc0) return null;
    if (type === 0xc2 || type === 0xc3) return type === 0xc3;
    return type >= 0xca && type <= 0xd3 ? this.#number(type) : this.#sized(type);
  }

  #number(type: number): number {
    if (type === 0xca) return this.#view.getFloat32(this.#take(4));
    if (type === 0xcb) return this.#view.getFloat64(this.#take(8));
    return type < 0xd0 ? this.#unsigned(type - 0xcc) : this.#signed(type - 0xd0);
  }

  /** What has its length before it. */
  #sized(type: number): unknown {
    if (type >= 0xc4 && type <= 0xc6) return this.#bytes(this.#unsigned(type - 0xc4)).slice();
    if (type >= 0xd9 && type <= 0xdb) return this.#text(this.#unsigned(type - 0xd9));
    if (type === 0xdc || type === 0xdd) return this.#array(this.#unsigned(type - 0xdb));
    if (type === 0xde || type === 0xdf) return this.#map(this.#unsigned(type - 0xdd));
    throw new TypeError(`MessagePack of type ${type}`);
  }

  #array(length: number): unknown[] {
    const items: unknown[] = [];
    for (let left = length; left > 0; left -= 1) items.push(this.value());
    return items;
  }

  #map(length: number): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    for (let left = length; left > 0; left -= 1) entries.push([String(this.value()), this.value()]);
    // Not by assignment: that of `__proto__` would set the prototype.
    return Object.fromEntries(entries);
  }

  #text(length: number): string {
    return decoder.decode(this.#bytes(length));
  }

  #bytes(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#view.buffer, this.#take(length), length);
  }

  /** Of 2^`power` bytes. An integer that a number cannot hold comes as one that is near. */
  #unsigned(power: number): number {
    const at = this.#take(1 << power);
    if (power === 0) return this.#view.getUint8(at);
    if (power === 1) return this.#view.getUint16(at);
    return power === 2 ? this.#view.getUint32(at) : Number(this.#view.getBigUint64(at));
  }

  #signed(power: number): number {
    const at = this.#take(1 << power);
    if (power === 0) return this.#view.getInt8(at);
    if (power === 1) return this.#view.getInt16(at);
    return power === 2 ? this.#view.getInt32(at) : Number(this.#view.getBigInt64(at));
  }

  /** Where the next `count` bytes start, which are all there. */
  #take(count: number): number {
    const start = this.#at;
    if (count > this.#view.byteLength - start) throw new RangeError('the frame ends too soon');
    this.#at = start + count;
    return start;
  }
}
