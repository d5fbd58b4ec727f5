/** The publications of a channel as something to wait for: what `for await` reads. */
import { FAILURES, SluiceError } from './errors.ts';
import type { Publication } from './events.ts';

interface Waiter {
  readonly resolve: (result: IteratorResult<Publication<never>>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Holds what nobody has read yet, up to `max`. One more ends it: the reader gets all that is held,
 * in order, and then the error `bufferFull`.
 */
export class Publications implements AsyncIterableIterator<Publication<never>> {
  readonly #held: Publication<never>[] = [];
  readonly #waiters: Waiter[] = [];
  readonly #max: number;
  readonly #left: (publications: Publications) => void;
  /** How it ends when what is held was read; undefined: it goes on. */
  #end: SluiceError | null | undefined;

  /** `left` is called when nothing more is wanted. */
  constructor(max: number, left: (publications: Publications) => void) {
    this.#max = max;
    this.#left = left;
  }

  push(publication: Publication<never>): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter.resolve({ done: false, value: publication });
    else if (this.#held.length < this.#max) this.#held.push(publication);
    else this.end(new SluiceError(FAILURES.bufferFull));
  }

  /** Null: in good order. */
  end(error: SluiceError | null): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#left(this);
    for (const waiter of this.#waiters) this.#finish(waiter);
    this.#waiters.length = 0;
  }

  next(): Promise<IteratorResult<Publication<never>>> {
    const value = this.#held.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      if (this.#end === undefined) this.#waiters.push(waiter);
      else this.#finish(waiter);
    });
  }

  return(): Promise<IteratorResult<Publication<never>>> {
    this.#held.length = 0;
    this.end(null);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The error is for one reader; whoever reads on finds the end. */
  #finish({ resolve, reject }: Waiter): void {
    const error = this.#end;
    this.#end = null;
    if (error instanceof SluiceError) reject(error);
    else resolve({ done: true, value: undefined });
  }
}
