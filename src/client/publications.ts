/** The publications of a channel as something to wait for: what `for await` reads. */
import type { Deferred } from '../kernel/deferred.ts';
import { unawaited } from './deferred.ts';
import { FAILURES, SluiceError } from './errors.ts';
import type { Publication } from './events.ts';

type Result = IteratorResult<Publication<never>, undefined>;

const DONE: Result = { done: true, value: undefined };

/**
 * Holds what nobody has read yet, up to `max`. One more ends it: the reader gets all that is held,
 * in order, and then the error `bufferFull`.
 */
export class Publications implements AsyncIterableIterator<Publication<never>, undefined> {
  readonly #held: Publication<never>[] = [];
  readonly #readers: Deferred<Result>[] = [];
  readonly #max: number;
  readonly #left: () => void;
  /** How it ends when what is held was read; undefined: it goes on. */
  #end: SluiceError | null | undefined;

  /** `left` is called when nothing more is wanted. */
  constructor(max: number, left: () => void) {
    this.#max = max;
    this.#left = left;
  }

  push(publication: Publication<never>): void {
    if (this.#held.length === this.#max) this.end(new SluiceError(FAILURES.bufferFull));
    else this.#held.push(publication);
    this.#serve();
  }

  /** Null: in good order. */
  end(error: SluiceError | null): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#left();
    this.#serve();
  }

  next(): Promise<Result> {
    const reader = unawaited<Result>();
    this.#readers.push(reader);
    this.#serve();
    return reader.promise;
  }

  return(): Promise<Result> {
    this.#held.length = 0;
    this.end(null);
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #serve(): void {
    while (this.#held.length > 0 || this.#end !== undefined) {
      const reader = this.#readers.shift();
      if (reader === undefined) return;
      const value = this.#held.shift();
      if (value !== undefined) {
        reader.resolve({ done: false, value });
      } else if (this.#end instanceof SluiceError) {
        reader.reject(this.#end);
        // The error is for one reader; whoever reads on finds the end.
        this.#end = null;
      } else {
        reader.resolve(DONE);
      }
    }
  }
}
