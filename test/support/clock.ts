/** Time that moves only when a test says so. */
import type { Alarm, Clock } from '../../src/kernel/clock.ts';

interface Pending {
  readonly dueMs: number;
  readonly fire: () => void;
}

export class ManualClock implements Clock {
  readonly #pending = new Set<Pending>();
  #nowMs: number;
  /** How far the time of day is from the one that alarms go by. */
  #skewMs = 0;

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs + this.#skewMs;
  }

  /** Alarms that are set and neither fired nor cancelled. */
  get pending(): number {
    return this.#pending.size;
  }

  after(delayMs: number, fire: () => void): Alarm {
    const alarm = { dueMs: this.#nowMs + delayMs, fire };
    this.#pending.add(alarm);
    return { cancel: () => void this.#pending.delete(alarm) };
  }

  /** Fires what becomes due, in the order of its times, each at its own time. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let next = this.#next(endMs); next !== null; next = this.#next(endMs)) {
      this.#pending.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.fire();
    }
    this.#nowMs = endMs;
  }

  /** Time passes, but nothing fires before the end: the event loop was held up. */
  stall(ms: number): void {
    this.#nowMs += ms;
    this.advance(0);
  }

  /** Sets the time of day, forward or back. What is pending takes no longer and no shorter. */
  set(nowMs: number): void {
    this.#skewMs = nowMs - this.#nowMs;
  }

  /** Of those due at the same time the one that was set first. */
  #next(endMs: number): Pending | null {
    let first: Pending | null = null;
    for (const alarm of this.#pending) {
      if (alarm.dueMs <= endMs && (first === null || alarm.dueMs < first.dueMs)) first = alarm;
    }
    return first;
  }
}
