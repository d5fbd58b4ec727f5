/** How long to wait before trying again. */

export interface BackoffOptions {
  readonly minReconnectDelayMs: number;
  readonly maxReconnectDelayMs: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

const STEP_MAX = 31;

/** In milliseconds; full jitter, so that those who left together do not come back together. */
export function backoff(step: number, options: BackoffOptions): number {
  const { minReconnectDelayMs: min, maxReconnectDelayMs: max, random } = options;
  return Math.min(max, min + random() * Math.min(max, min * 2 ** Math.min(step, STEP_MAX)));
}
