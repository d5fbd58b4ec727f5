/** A wheel beside a table of what is due; every difference is a fault. */
import type { Timed } from '../../src/kernel/wheel.ts';
import { TICK_MS, Wheel } from '../../src/kernel/wheel.ts';
import { ManualClock } from '../support/clock.ts';

/** Something on a wheel, which remembers when it expired. */
export class Entry implements Timed {
  readonly expired: number[] = [];
  readonly #then: (nowMs: number) => void;
  dueMs: number;
  next: Timed | null = null;
  previous: Timed | null = null;

  constructor(dueMs: number, then: (nowMs: number) => void = () => {}) {
    this.dueMs = dueMs;
    this.#then = then;
  }

  expire(nowMs: number): void {
    this.expired.push(nowMs);
    this.#then(nowMs);
  }
}

export interface Change {
  readonly do: 'add' | 'remove';
  readonly entry: number;
  readonly ms: number;
}

export type Step = Change | { readonly do: 'advance' | 'stall'; readonly ms: number };

interface Waiting {
  readonly dueMs: number;
  /** The beginning of the tick in which it has to expire. */
  readonly atMs: number;
}

export class WheelModel {
  readonly faults: string[] = [];
  readonly #clock = new ManualClock();
  readonly #wheel = new Wheel(this.#clock);
  readonly #waiting = new Map<number, Waiting>();
  readonly #entries: readonly Entry[];

  /** As many entries as there are lists of what one does when it expires. */
  constructor(reactions: readonly (readonly Change[])[]) {
    this.#entries = reactions.map(
      (reaction, index) => new Entry(0, (nowMs) => this.#expire(index, nowMs, reaction)),
    );
  }

  do(step: Step): void {
    switch (step.do) {
      case 'add':
        this.#add(step.entry, this.#clock.now() + step.ms);
        return;
      case 'remove':
        this.#waiting.delete(step.entry);
        this.#wheel.remove(this.#entries[step.entry]!);
        return;
      case 'advance':
        this.#clock.advance(step.ms);
        return;
      case 'stall':
        this.#clock.stall(step.ms);
    }
  }

  /** Sets the time of day. What is due by the new time has until the tick after the next. */
  jump(ms: number): void {
    this.#clock.set(this.#clock.now() + ms);
    const soonMs = (Math.floor(this.#clock.now() / TICK_MS) + 2) * TICK_MS;
    for (const [entry, { dueMs }] of this.#waiting) {
      this.#waiting.set(entry, { dueMs, atMs: Math.max(beginOfTick(dueMs), soonMs) });
    }
  }

  check(): void {
    for (const [entry, { atMs }] of this.#waiting) {
      if (this.#clock.now() >= atMs) this.faults.push(`${entry} is late`);
    }
    if (this.#wheel.size !== this.#waiting.size) this.faults.push('size');
    if (this.#clock.pending > 1) this.faults.push('two timers');
    if (this.#clock.pending === 0 && this.#waiting.size > 0) this.faults.push('no timer');
  }

  #add(index: number, dueMs: number): void {
    const entry = this.#entries[index]!;
    if (this.#waiting.has(index)) return;
    const nextMs = beginOfTick(this.#clock.now() + 1);
    this.#waiting.set(index, { dueMs, atMs: Math.max(beginOfTick(dueMs), nextMs) });
    entry.dueMs = dueMs;
    this.#wheel.add(entry);
  }

  #expire(index: number, nowMs: number, reaction: readonly Change[]): void {
    const waiting = this.#waiting.get(index);
    if (waiting === undefined) this.faults.push(`${index} expires though it does not wait`);
    else if (waiting.dueMs > nowMs) this.faults.push(`${index} is early`);
    this.#waiting.delete(index);
    for (const change of reaction) this.do(change);
  }
}

/** Of the first tick that begins at `ms` or after it. */
function beginOfTick(ms: number): number {
  return Math.ceil(ms / TICK_MS) * TICK_MS;
}
