/** One timing wheel for all connections: no timer per connection. */
import type { Alarm, Clock } from './clock.ts';

/** What waits on a wheel: linked into one slot at a time, and its own only entry. */
export interface Timed {
  /** When to call, in milliseconds of the wheel's clock; late by at most one tick. */
  dueMs: number;
  /** The links are the wheel's; null while the entry is on none. */
  next: Timed | null;
  previous: Timed | null;
  /** Called once; by then the entry is off the wheel and may be added again. */
  expire(nowMs: number): void;
}

/** How exact the wheel is. Pings and expiries are in seconds; a quarter of one is near enough. */
export const TICK_MS = 250;
/** A round of 128 seconds: what is due in 25 is never visited before. */
const SLOTS = 512;

/**
 * Adding and removing cost a few assignments and no memory. The wheel's one timer runs only while
 * something waits.
 */
export class Wheel {
  readonly #clock: Clock;
  /** Each slot is a ring that begins and ends in a link of the wheel's own. */
  readonly #slots: Timed[] = Array.from({ length: SLOTS }, ring);
  readonly #turn = (): void => this.#advance();
  #size = 0;
  /** The last tick that was visited. */
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
    if (this.#alarm === null) this.#tick = Math.floor(this.#clock.now() / TICK_MS);
    const tick = Math.max(Math.ceil(entry.dueMs / TICK_MS), this.#tick + 1);
    const head = this.#slots[tick % SLOTS]!;
    entry.next = head.next;
    entry.previous = head;
    head.next!.previous = entry;
    head.next = entry;
    this.#size += 1;
    this.#alarm ??= this.#clock.after(TICK_MS, this.#turn);
  }

  /** Does nothing when `entry` is not on the wheel. */
  remove(entry: Timed): void {
    if (entry.next === null || entry.previous === null) return;
    entry.previous.next = entry.next;
    entry.next.previous = entry.previous;
    entry.next = null;
    entry.previous = null;
    this.#size -= 1;
  }

  /** Forgets all that waits. */
  close(): void {
    this.#alarm?.cancel();
    this.#alarm = null;
    for (const head of this.#slots) {
      for (let link = head.next!; link !== head; link = head.next!) this.remove(link);
    }
  }

  #advance(): void {
    const now = this.#clock.now();
    const last = Math.floor(now / TICK_MS);
    // After a long stall one round visits every slot there is.
    const first = Math.max(this.#tick + 1, last - SLOTS + 1);
    for (let tick = first; tick <= last; tick += 1) this.#visit(this.#slots[tick % SLOTS]!, now);
    this.#tick = Math.max(this.#tick, last);
    this.#alarm = this.#size > 0 ? this.#clock.after(TICK_MS, this.#turn) : null;
  }

  /** An expired entry may add or remove any other, so those due are taken out of the ring first. */
  #visit(head: Timed, now: number): void {
    const due: Timed[] = [];
    for (let entry = head.next!; entry !== head; entry = entry.next!) {
      if (entry.dueMs <= now) due.push(entry);
    }
    for (const entry of due) {
      // Whoever expired before may have taken it off the wheel.
      if (entry.next === null) continue;
      this.remove(entry);
      entry.expire(now);
    }
  }
}

function ring(): Timed {
  const head: Timed = { dueMs: Infinity, next: null, previous: null, expire() {} };
  head.next = head;
  head.previous = head;
  return head;
}
