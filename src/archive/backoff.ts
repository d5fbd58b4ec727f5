/** How long to wait before the next attempt: longer each time, and not all gateways at once. */

const FIRST_MS = 100;
const LONGEST_MS = 5000;

/** `attempt` counts from 0; `random` is from 0 to below 1. */
export function backoffMs(attempt: number, random: number): number {
  const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 20));
  return Math.round(most * (0.5 + random / 2));
}
