/** How the wire tells a client when to refresh. */
import type { Expiry } from '../protocol/frames.ts';

const NO_EXPIRY: Expiry = { expires: false, ttl: 0 };

/** At least one second: a `ttl` of 0 would be left out. */
export function expiryOf(expireAtMs: number | null, nowMs: number): Expiry {
  if (expireAtMs === null) return NO_EXPIRY;
  return { expires: true, ttl: Math.max(1, Math.ceil((expireAtMs - nowMs) / 1000)) };
}
