/** The closes of one edge that wait for their peers to read what was sent before. */
import { systemClock } from '../kernel/clock.ts';
import { Deferred } from '../kernel/deferred.ts';
import type { Timed } from '../kernel/wheel.ts';
import { Wheel } from '../kernel/wheel.ts';
import type { Close } from '../protocol/close.ts';

/** A close that waits. */
export class Farewell implements Timed {
  readonly close: Close;
  readonly dueMs: number;
  readonly #cut: () => void;
  next: Timed | null = null;
  previous: Timed | null = null;

  /** `cut` is called when the peer has not read all within the grace. */
  constructor(close: Close, graceMs: number, cut: () => void) {
    this.close = close;
    this.dueMs = systemClock.now() + graceMs;
    this.#cut = cut;
  }

  expire(): void {
    this.#cut();
  }
}

export class Farewells {
  readonly #wheel = new Wheel(systemClock);
  #over = new Deferred();

  add(farewell: Farewell): void {
    this.#wheel.add(farewell);
  }

  /** To be called for each in the end, also after it was cut. */
  remove(farewell: Farewell): void {
    this.#wheel.remove(farewell);
    if (this.#wheel.size > 0) return;
    this.#over.resolve();
    this.#over = new Deferred();
  }

  /** Done as soon as none waits. */
  async over(): Promise<void> {
    if (this.#wheel.size > 0) await this.#over.promise;
  }
}
