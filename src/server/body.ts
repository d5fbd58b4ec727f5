/** The body of a request while it comes in. */

const EMPTY = new Uint8Array(0);

/** `refused`: the body is too large, and its sender has finished or sent far too much. */
type BodyState = 'more' | 'whole' | 'refused';

/**
 * One block that grows, so that a body in tiny chunks costs no more than its bytes. A body over
 * the limit is read on and thrown away until twice the limit: a peer that is answered while it
 * still sends often sees a broken connection in place of the answer.
 */
export class BodyDraft {
  readonly #bytesMax: number;
  #block: Uint8Array = EMPTY;
  #size = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** `chunk` is copied. */
  add(chunk: Uint8Array, last: boolean): BodyState {
    const size = this.#size + chunk.byteLength;
    if (size <= this.#bytesMax) this.#append(chunk, size);
    else this.#block = EMPTY;
    this.#size = size;
    if (size > this.#bytesMax) return last || size > this.#bytesMax * 2 ? 'refused' : 'more';
    return last ? 'whole' : 'more';
  }

  whole(): Uint8Array {
    return this.#block.subarray(0, this.#size);
  }

  #append(chunk: Uint8Array, size: number): void {
    if (this.#size === 0) {
      // Of a pool, where it is small: memory of its own would cost more than the copy.
      this.#block = Buffer.from(chunk);
      return;
    }
    if (size > this.#block.byteLength) {
      const block = new Uint8Array(Math.min(this.#bytesMax, Math.max(size, this.#size * 2)));
      block.set(this.whole());
      this.#block = block;
    }
    this.#block.set(chunk, this.#size);
  }
}
