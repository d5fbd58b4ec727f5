/** Work gathered until the end of the event-loop turn. */

/** What can be put off to the end of the turn. It is run once for each time it was put off. */
export interface Deferred {
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

  /** Ends the turn now. What is put off meanwhile by the second wave waits for the next. */
  flush(): void {
    this.#scheduled = false;
    const gathering = this.#gathering;
    this.#gathering = [];
    for (const channel of gathering) channel.endTurn();
    const sending = this.#sending;
    this.#sending = [];
    for (const connection of sending) connection.endTurn();
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(this.#run);
  }
}
