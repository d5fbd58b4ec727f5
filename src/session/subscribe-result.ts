/** What a new subscriber is told about its subscription. */
import type { Joined } from '../hub/feed.ts';
import type { Position } from '../channel/recovery.ts';
import type { SubscribeResult } from '../protocol/frames.ts';
import { expiryOf } from './expiry.ts';
import type { Terms } from './terms.ts';

interface Outcome {
  readonly since: Position | null;
  readonly joined: Joined;
  readonly nowMs: number;
}

const NOWHERE: Position = { offset: 0, epoch: '' };

export function subscribeResult(terms: Terms, outcome: Outcome): SubscribeResult {
  const { since, joined, nowMs } = outcome;
  const { recoverable, positioned, delta, data } = terms;
  const recovered = since !== null && joined.missed !== null;
  const position = recoverable || positioned ? (joined.position ?? NOWHERE) : NOWHERE;
  const missed = joined.missed ?? [];
  // A client that recovered goes on from where it was, and moves with each publication.
  const from = recovered && terms.rules.recovery !== 'cache' ? since.offset : position.offset;
  return {
    ...expiryOf(terms.renewable ? terms.expireAtMs : null, nowMs),
    recoverable,
    positioned,
    epoch: position.epoch,
    offset: from,
    recovered,
    wasRecovering: since !== null,
    publications: missed,
    delta,
    data,
  };
}
