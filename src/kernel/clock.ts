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

/** What `setTimeout` can wait: 24.8 days. Over it, it would call at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, fire) {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, TIMER_MS_MAX);
      timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : fire()), stepMs);
      timer.unref();
    };
    wait(delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
