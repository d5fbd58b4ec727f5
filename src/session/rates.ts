/** How fast a connection may talk: two token buckets that are filled together, without an object. */
import type { Limits } from '../kernel/limits.ts';

type RateLimits = Pick<Limits, 'framesPerSecond' | 'commandsPerSecond'>;

/** Whole numbers that fit a small integer: any other weighs 16 bytes more on every idle connection. */
export interface Rated {
  /** What may still be said, in thousandths. */
  framesLeft: number;
  commandsLeft: number;
  /** When that was so, in milliseconds since this module was loaded. */
  filledAt: number;
}

/** What may be said at once, by a connection that was silent for as long. */
const BURST_SECONDS = 2;
const ONE = 1000;
const BORN_MS = Date.now();

/** Who has said nothing yet, or nothing for a while. A rate of 0 means no limit. */
export function unspent(limits: RateLimits, nowMs: number): Rated {
  return {
    framesLeft: burstOf(limits.framesPerSecond),
    commandsLeft: burstOf(limits.commandsPerSecond),
    filledAt: nowMs - BORN_MS,
  };
}

/** False when there is none left. */
export function takeFrame(rated: Rated, limits: RateLimits, nowMs: number): boolean {
  if (limits.framesPerSecond === 0) return true;
  fill(rated, limits, nowMs);
  if (rated.framesLeft < ONE) return false;
  rated.framesLeft -= ONE;
  return true;
}

/** Takes `count` or none. */
export function takeCommands(
  rated: Rated,
  count: number,
  { limits, nowMs }: { readonly limits: RateLimits; readonly nowMs: number },
): boolean {
  if (limits.commandsPerSecond === 0) return true;
  fill(rated, limits, nowMs);
  if (rated.commandsLeft < count * ONE) return false;
  rated.commandsLeft -= count * ONE;
  return true;
}

/** A clock that was set back neither fills nor blocks. */
function fill(rated: Rated, limits: RateLimits, nowMs: number): void {
  const { framesPerSecond, commandsPerSecond } = limits;
  const now = nowMs - BORN_MS;
  const elapsedMs = now - rated.filledAt;
  rated.filledAt = now;
  if (elapsedMs <= 0) return;
  // So many in a second are as many thousandths in a millisecond.
  rated.framesLeft = filled(rated.framesLeft, framesPerSecond, elapsedMs);
  rated.commandsLeft = filled(rated.commandsLeft, commandsPerSecond, elapsedMs);
}

function filled(left: number, perSecond: number, elapsedMs: number): number {
  return Math.min(burstOf(perSecond), left + elapsedMs * perSecond);
}

function burstOf(perSecond: number): number {
  return perSecond * BURST_SECONDS * ONE;
}
