/** How many connections each user has, on every gateway, where there is a limit to that. */
import type { Maybe } from '../kernel/maybe.ts';

/**
 * What became of a place that was asked for: it is taken; all are in use; or all are in use, but
 * not for certain: who holds some of them may have died, and its places are free within 15 s.
 */
export type Admission = 'taken' | 'full' | 'doubtful';

export interface Quota {
  /** Takes a place for a connection of the user, if there is one. Idempotent. */
  take(user: string, client: string): Maybe<Admission>;
  /** Gives it back. Idempotent, and nobody waits for it. */
  release(user: string, client: string): void;
}
