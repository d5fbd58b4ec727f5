/** A circuit breaker: who does not answer is left alone for a while, and then asked once. */

export interface BreakerSettings {
  /** So many calls in a row must fail before it opens. */
  readonly failures: number;
  /** How long it stays open the first time; twice as long after each probe that fails. */
  readonly pauseMs: number;
  readonly pauseMsMax: number;
}

export const BREAKER: BreakerSettings = { failures: 5, pauseMs: 1000, pauseMsMax: 30_000 };

export interface BreakerContext {
  readonly settings: BreakerSettings;
  readonly now: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Told when it opens, and each time a probe failed. */
  readonly opened: (pauseMs: number) => void;
  readonly closed: () => void;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

/** What became of a call; of one that was given up nothing is learnt. */
export type Outcome = 'answered' | 'failed' | 'abandoned';

/** A call that was let through. It must end, once. */
export interface Pass {
  end(outcome: Outcome): void;
}

/**
 *     closed --failures in a row--> open --after the pause--> half-open
 *        ^                            ^                          |
 *        |                            '------- probe failed -----|
 *        '---------------------------------- probe answered -----'
 *
 * It has no timer: the pause is over for the call that comes after it. Half of the pause is by
 * chance, so that many gateways do not come back in step.
 */
export class Breaker {
  readonly #context: BreakerContext;
  #state: BreakerState = 'closed';
  #failuresInRow = 0;
  /** The pause of this time; it grows while probes fail. */
  #pauseMs: number;
  #openedAtMs = 0;
  #openForMs = 0;
  /** Of the passes that count: one that was given before the breaker opened says nothing new. */
  #era = 0;

  constructor(context: BreakerContext) {
    this.#context = context;
    this.#pauseMs = context.settings.pauseMs;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Whether a call that came now would be refused. */
  get refuses(): boolean {
    if (this.#state === 'closed') return false;
    return this.#state === 'half-open' || !this.#isPauseOver();
  }

  /** Null: the call is refused. */
  admit(): Pass | null {
    if (this.refuses) return null;
    if (this.#state === 'open') this.#change('half-open');
    const era = this.#era;
    return { end: (outcome) => void (era === this.#era && this.#learn(outcome)) };
  }

  #learn(outcome: Outcome): void {
    if (this.#state === 'half-open') this.#endProbe(outcome);
    else if (outcome === 'answered') this.#failuresInRow = 0;
    else if (outcome === 'failed') {
      this.#failuresInRow += 1;
      if (this.#failuresInRow >= this.#context.settings.failures) this.#open();
    }
  }

  #endProbe(outcome: Outcome): void {
    const { pauseMs, pauseMsMax } = this.#context.settings;
    if (outcome === 'answered') {
      this.#failuresInRow = 0;
      this.#pauseMs = pauseMs;
      this.#change('closed');
      this.#context.closed();
    } else if (outcome === 'failed') {
      this.#pauseMs = Math.min(this.#pauseMs * 2, pauseMsMax);
      this.#open();
    } else {
      // The next call is the probe.
      this.#change('open');
    }
  }

  #open(): void {
    this.#openedAtMs = this.#context.now();
    this.#openForMs = this.#pauseMs * (0.5 + this.#context.random() / 2);
    this.#change('open');
    this.#context.opened(this.#openForMs);
  }

  #change(state: BreakerState): void {
    this.#state = state;
    this.#era += 1;
  }

  #isPauseOver(): boolean {
    const elapsedMs = this.#context.now() - this.#openedAtMs;
    // Below 0 the clock was set back.
    return elapsedMs < 0 || elapsedMs >= this.#openForMs;
  }
}
