/** How long a task waits for its next attempt. */

const BACKOFF_MS_MAX = 300_000;

/** Twice as long after each attempt that failed; half of it by chance. `random` is from 0 to below 1. */
export function backoffMs(baseMs: number, attempts: number, random: number): number {
  const most = Math.min(BACKOFF_MS_MAX, baseMs * 2 ** Math.min(attempts - 1, 30));
  return Math.ceil(most / 2 + (most / 2) * random);
}
