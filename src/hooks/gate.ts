/** A gate: so many may be inside, so many more may wait, in the order they came. */
import { Deferred } from '../kernel/deferred.ts';
import type { Maybe } from '../kernel/maybe.ts';

export interface GateBounds {
  readonly inside: number;
  readonly waiting: number;
}

interface Waiter {
  readonly admit: () => void;
}

export class Gate {
  readonly #bounds: GateBounds;
  readonly #waiters = new Set<Waiter>();
  #inside = 0;

  constructor(bounds: GateBounds) {
    this.#bounds = bounds;
  }

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * False when too many wait. Whoever got in must `leave`.
   * @throws the reason of `signal` when it aborts before the turn came.
   */
  enter(signal: AbortSignal): Maybe<boolean> {
    signal.throwIfAborted();
    if (this.#inside < this.#bounds.inside) {
      this.#inside += 1;
      return true;
    }
    if (this.#waiters.size >= this.#bounds.waiting) return false;
    return this.#wait(signal);
  }

  leave(): void {
    const [next] = this.#waiters;
    // The place goes from one to the other.
    if (next === undefined) this.#inside -= 1;
    else next.admit();
  }

  #wait(signal: AbortSignal): Promise<true> {
    const turn = new Deferred<true>();
    const giveUp = (): void => {
      this.#waiters.delete(waiter);
      turn.reject(signal.reason);
    };
    const waiter: Waiter = {
      admit: () => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', giveUp);
        turn.resolve(true);
      },
    };
    this.#waiters.add(waiter);
    signal.addEventListener('abort', giveUp, { once: true });
    return turn.promise;
  }
}
