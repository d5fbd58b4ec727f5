/** What became of publications, by their idempotency keys, for as long as they may be repeated. */
import type { Clock } from '../kernel/clock.ts';
import type { Count } from '../kernel/meters.ts';
import type { Timed, Wheel } from '../kernel/wheel.ts';
import type { Published } from './broker.ts';
import { IDEMPOTENCY_TTL_MS } from './broker.ts';

export interface IdempotencyOptions {
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly keysMax: number;
  /** A key was forgotten before its time. */
  readonly countForgotten: Count;
}

export interface Outcome {
  readonly published: Published;
  /** Of what was published. */
  readonly digest: string;
}

interface Remembered extends Outcome {
  readonly untilMs: number;
}

export class Idempotency implements Timed {
  dueMs = 0;
  next: Timed | null = null;
  previous: Timed | null = null;
  readonly #options: IdempotencyOptions;
  /** In the order of their expiry, as all live equally long. */
  readonly #outcomes = new Map<string, Remembered>();

  constructor(options: IdempotencyOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#outcomes.size;
  }

  recall(key: string): Outcome | null {
    const known = this.#outcomes.get(key);
    // The wheel may be a tick late.
    return known === undefined || known.untilMs <= this.#options.clock.now() ? null : known;
  }

  remember(key: string, outcome: Outcome): void {
    const { clock, wheel, keysMax, countForgotten } = this.#options;
    const now = clock.now();
    this.#forgetExpired(now);
    // Set anew, so that the order of the map stays that of expiry.
    this.#outcomes.delete(key);
    for (const oldest of this.#outcomes.keys()) {
      if (this.#outcomes.size < keysMax) break;
      this.#outcomes.delete(oldest);
      countForgotten();
    }
    this.#outcomes.set(key, { ...outcome, untilMs: now + IDEMPOTENCY_TTL_MS });
    if (this.next !== null) return;
    this.dueMs = now + IDEMPOTENCY_TTL_MS;
    wheel.add(this);
  }

  expire(nowMs: number): void {
    this.#forgetExpired(nowMs);
    const [oldest] = this.#outcomes.values();
    if (oldest === undefined) return;
    this.dueMs = oldest.untilMs;
    this.#options.wheel.add(this);
  }

  close(): void {
    this.#options.wheel.remove(this);
    this.#outcomes.clear();
  }

  #forgetExpired(nowMs: number): void {
    for (const [key, { untilMs }] of this.#outcomes) {
      if (untilMs > nowMs) return;
      this.#outcomes.delete(key);
    }
  }
}
