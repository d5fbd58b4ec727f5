/** The requests that an edge has not answered yet. */
import { Deferred } from '../kernel/deferred.ts';

export class Unanswered {
  #count = 0;
  #none: Deferred | null = null;

  get size(): number {
    return this.#count;
  }

  came(): void {
    this.#count += 1;
  }

  /** Its answer is out, or whoever asked is gone. */
  went(): void {
    this.#count -= 1;
    if (this.#count > 0) return;
    this.#none?.resolve();
    this.#none = null;
  }

  /** Resolves when there is none. */
  none(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    this.#none ??= new Deferred();
    return this.#none.promise;
  }
}
