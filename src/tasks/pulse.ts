/** Lets the newest of many values through, every so often. */
import type { Alarm, Clock } from '../kernel/clock.ts';

export class Pulse<T> {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #act: (value: T) => Promise<void>;
  #alarm: Alarm | null = null;
  #newest: { readonly value: T } | null = null;
  #acting = false;
  #closed = false;

  /** The first value waits, too. `act` does not reject; while it goes on nothing else is let through. */
  constructor(clock: Clock, everyMs: number, act: (value: T) => Promise<void>) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#act = act;
  }

  push(value: T): void {
    if (this.#closed) return;
    this.#newest = { value };
    this.#plan();
  }

  /** Drops what waits. */
  close(): void {
    this.#closed = true;
    this.#newest = null;
    this.#alarm?.cancel();
  }

  #plan(): void {
    if (this.#acting || this.#alarm !== null || this.#newest === null) return;
    this.#alarm = this.#clock.after(this.#everyMs, () => {
      this.#alarm = null;
      void this.#beat();
    });
  }

  async #beat(): Promise<void> {
    if (this.#newest === null) return;
    const { value } = this.#newest;
    this.#newest = null;
    this.#acting = true;
    await this.#act(value);
    this.#acting = false;
    this.#plan();
  }
}
