/** How long to wait before the next attempt: twice as long after each that failed, half of it by chance. */

export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * After `failures` in a row, at least 1. `random` is from 0 to below 1, so that those who failed
 * together do not come back together.
 */
export function backoffMs(
  { firstMs, longestMs }: Backoff,
  failures: number,
  random: number,
): number {
  const most = Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.ceil(most / 2 + (most / 2) * random);
}
