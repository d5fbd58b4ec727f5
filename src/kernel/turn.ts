/** Work gathered until the end of the event-loop turn. */

/** What can be put off to the end of the turn. It is run once for each time it was put off. */
export interface Deferred {
  /** Must not throw: the others still have their turn, but the process learns of it as a fault. */
  endTurn(): void;
}

/**
 * Two waves at the end of each turn: first the channels join what was published in it, then the
 * connections send what was written to them. So all that one turn has for a socket leaves in one
 * frame. Whoever puts itself off does so once per turn and keeps that in a flag of its own.
 */
export class Turn {
  readonly #schedule: (run: () => void) => void;
  readonly #run = (): void => this.flush();
  #gathering: Deferred[] = [];
  #sending: Deferred[] = [];
  #scheduled = false;

  /** `schedule` calls back after the current turn: `setImmediate` in a process. */
  constructor(schedule: (run: () => void) => void) {
    this.#schedule = schedule;
  }

  gather(channel: Deferred): void {
    this.#gathering.push(channel);
    this.#wake();
  }

  send(connection: Deferred): void {
    this.#sending.push(connection);
    this.#wake();
  }

  /**
   * Ends the turn now. What is put off meanwhile by the first wave for the second is in this turn;
   * all else waits for the next. @throws {AggregateError} after both waves, what they threw.
   */
  flush(): void {
    const faults: unknown[] = [];
    const gathering = this.#gathering;
    const authors = this.#sending;
    this.#gathering = [];
    this.#sending = [];
    endAll(gathering, faults);
    // Not before: who was put off for the second wave is in this turn, and needs no other.
    this.#scheduled = false;
    if (this.#gathering.length > 0) this.#wake();
    const readers = this.#sending;
    this.#sending = [];
    // Who published hears of it after the readers have it: were it before, the next publications
    // would come in small pieces while this turn still sends (x 1.04 to 1.45, bench/NOTES.md).
    endAll(readers, faults);
    endAll(authors, faults);
    if (faults.length > 0) throw new AggregateError(faults, 'the end of a turn failed');
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(this.#run);
  }
}

/** One channel's fault must not cost the others their turn, so it is kept until all had theirs. */
function endAll(wave: readonly Deferred[], faults: unknown[]): void {
  for (const deferred of wave) {
    try {
      deferred.endTurn();
    } catch (fault) {
      faults.push(fault);
    }
  }
}
