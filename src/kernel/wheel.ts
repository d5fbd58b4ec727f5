/** One timing wheel for all connections: no timer per connection. */
import { assert } from './assert.ts';
import type { Alarm, Clock } from './clock.ts';

/** What waits on a wheel: linked into one slot at a time, and its own only entry. */
export interface Timed {
  /**
   * When to call, in milliseconds of the wheel's clock; late by at most one tick, or until the
   * second tick when it was past already. It must not change while the entry is on a wheel.
   */
  readonly dueMs: number;
  /** The links are the wheel's; null while the entry is on none. */
  next: Timed | null;
  previous: Timed | null;
  /**
   * Called once; by then the entry is off the wheel and may be added again. Must not throw: the
   * others still expire, but the process learns of it as a fault.
   */
  expire(nowMs: number): void;
}

/** How exact the wheel is. Pings and expiries are in seconds; a quarter of one is near enough. */
export const TICK_MS = 250;
/** A round of 128 seconds: what is due in 25 is never visited before. */
const SLOTS = 512;

/**
 * Adding and removing cost a few assignments and no memory. The wheel's one timer runs only while
 * something waits. When the clock is set back, what waits goes by the new time.
 */
export class Wheel {
  readonly #clock: Clock;
  /** Each slot is a ring that begins and ends in a link of the wheel's own. */
  readonly #slots: Timed[] = Array.from({ length: SLOTS }, ring);
  readonly #turn = (): void => this.#advance();
  #size = 0;
  /** The last tick that was visited. Nothing waits for it or for one before it. */
  #tick = 0;
  #alarm: Alarm | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#size;
  }

  /** `entry` must not be on a wheel. */
  add(entry: Timed): void {
    assert(entry.next === null, 'an entry is on one wheel at most');
    if (this.#size === 0) this.#tick = Math.floor(this.#clock.now() / TICK_MS);
    this.#link(entry);
    this.#size += 1;
    this.#wake();
  }

  /** Does nothing when `entry` is not on the wheel. */
  remove(entry: Timed): void {
    if (entry.next === null) return;
    unlink(entry);
    this.#size -= 1;
  }

  /** Forgets all that waits. */
  close(): void {
    this.#alarm?.cancel();
    this.#alarm = null;
    for (const entry of this.#entries()) this.remove(entry);
  }

  #advance(): void {
    this.#alarm = null;
    const now = this.#clock.now();
    const last = Math.floor(now / TICK_MS);
    if (last < this.#tick) this.#rewind(last);
    const passed = this.#passed(last);
    // What expires and is added again is for a later tick, so this loop has an end.
    this.#tick = last;
    const faults: unknown[] = [];
    for (const entry of passed) {
      // It is for a later round; or whoever expired before took it off the wheel, or put it off.
      if (entry.next === null || entry.dueMs > now) continue;
      this.remove(entry);
      try {
        entry.expire(now);
      } catch (fault) {
        faults.push(fault);
      }
    }
    if (this.#size > 0) this.#wake();
    if (faults.length > 0) throw new AggregateError(faults, 'the turn of a wheel failed');
  }

  /** What is in the slots of the ticks after the last that was visited, up to `last`. */
  #passed(last: number): Timed[] {
    // After a long stall one round visits every slot there is.
    const first = Math.max(this.#tick + 1, last - SLOTS + 1);
    const entries: Timed[] = [];
    for (let tick = first; tick <= last; tick += 1) collect(this.#slots[tick % SLOTS]!, entries);
    return entries;
  }

  /** Goes on from a tick that was visited before, for the clock was set back to it. */
  #rewind(tick: number): void {
    this.#tick = tick;
    for (const entry of this.#entries()) {
      unlink(entry);
      this.#link(entry);
    }
  }

  #entries(): Timed[] {
    const entries: Timed[] = [];
    for (const head of this.#slots) collect(head, entries);
    return entries;
  }

  /** Adds at the end of its slot: in one tick, first come is first called. */
  #link(entry: Timed): void {
    const due = Math.max(Math.ceil(entry.dueMs / TICK_MS), this.#tick + 1);
    // What is never due, at Infinity, still has a slot.
    const head = this.#slots[Math.min(due, Number.MAX_SAFE_INTEGER) % SLOTS]!;
    entry.next = head;
    entry.previous = head.previous;
    head.previous!.next = entry;
    head.previous = entry;
  }

  /** The timer rings where a tick begins, so what is due in it is not late by a second one. */
  #wake(): void {
    if (this.#alarm !== null) return;
    const delayMs = TICK_MS - (this.#clock.now() % TICK_MS);
    this.#alarm = this.#clock.after(delayMs, this.#turn);
  }
}

function collect(head: Timed, entries: Timed[]): void {
  for (let entry = head.next!; entry !== head; entry = entry.next!) entries.push(entry);
}

function unlink(entry: Timed): void {
  entry.previous!.next = entry.next;
  entry.next!.previous = entry.previous;
  entry.next = null;
  entry.previous = null;
}

function ring(): Timed {
  const head: Timed = { dueMs: Infinity, next: null, previous: null, expire() {} };
  head.next = head;
  head.previous = head;
  return head;
}
