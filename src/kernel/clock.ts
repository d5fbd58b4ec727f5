/** Time as a parameter: every part that waits or dates something is given a clock. */

/** A pending call; `cancel` is idempotent. */
export interface Alarm {
  cancel(): void;
}

/** Milliseconds since the Unix epoch, and calls made later. */
export interface Clock {
  now(): number;
  /** Calls `fire` once after `delayMs`. A pending alarm does not keep the process alive. */
  after(delayMs: number, fire: () => void): Alarm;
}

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
