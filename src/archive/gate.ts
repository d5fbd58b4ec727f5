/** Lets so many in at once, has some more wait for a while, and turns away the rest. */
import type { Clock } from '../kernel/clock.ts';
import { Deferred } from '../kernel/deferred.ts';

export interface GateOptions {
  readonly insideMax: number;
  /** With those who wait. */
  readonly allMax: number;
  readonly waitMs: number;
  readonly clock: Pick<Clock, 'after'>;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #waiting = new Set<Deferred<boolean>>();
  #inside = 0;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Whether one is in, and must leave; false: turned away, at once or after the wait. */
  async enter(): Promise<boolean> {
    const { insideMax, allMax, waitMs, clock } = this.#options;
    if (this.#inside < insideMax) {
      this.#inside += 1;
      return true;
    }
    if (this.#inside + this.#waiting.size >= allMax) return false;
    const turn = new Deferred<boolean>();
    this.#waiting.add(turn);
    const alarm = clock.after(waitMs, () => {
      this.#waiting.delete(turn);
      turn.resolve(false);
    });
    const isIn = await turn.promise;
    alarm.cancel();
    return isIn;
  }

  /** Hands the place on to whoever waits longest. */
  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#inside -= 1;
      return;
    }
    this.#waiting.delete(next);
    next.resolve(true);
  }
}
