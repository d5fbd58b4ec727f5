/** How a gateway is left by its clients: not all at once, so that others take them in without a rush. */
import type { DrainConfig } from './config/process.ts';
import type { Roster } from './hub/roster.ts';
import type { Clock } from './kernel/clock.ts';
import { pause } from './kernel/pause.ts';
import { CLOSES } from './protocol/close.ts';

export interface DrainOptions extends DrainConfig {
  readonly clock: Clock;
  readonly roster: Pick<Roster, 'size' | 'all'>;
  /** After it nobody may come any more. */
  readonly stopAccepting: () => void;
  /** After it there is no new request. Resolves when those that there were are answered. */
  readonly lastRequests: () => Promise<void>;
  /** Ends it early, wherever it is. */
  readonly signal: AbortSignal;
}

const SLICE_MS = 50;
/** Who is closed in one slice: some 10 ms in which nobody else is served. */
const SLICE_PEERS_MAX = 500;

/**
 * Done when nobody is there any more and no request waits for its answer, when its time is over, or
 * when it was ended early.
 */
export async function drain(options: DrainOptions): Promise<void> {
  const { clock, delayMs, stopAccepting, lastRequests, signal } = options;
  await pause(clock, delayMs, signal);
  stopAccepting();
  const leftMs = await closeEvenly(options);
  const answered = new AbortController();
  void lastRequests().then(() => answered.abort());
  await pause(clock, leftMs, AbortSignal.any([signal, answered.signal]));
}

/**
 * Of n clients the first is closed at once, and each other an n-th of the time after the one before.
 * Returns what is left of the time.
 */
async function closeEvenly({ clock, roster, timeoutMs, signal }: DrainOptions): Promise<number> {
  const endMs = clock.now() + timeoutMs;
  let leftMs = timeoutMs;
  while (roster.size > 0 && !signal.aborted) {
    const share = sliceOf(roster.size, leftMs);
    const waitMs = (leftMs * share) / roster.size;
    closeSome(roster, share);
    if (roster.size > 0) await pause(clock, waitMs, signal);
    // By the clock, as timers are late; and by what was waited, as a clock may be set back.
    leftMs = Math.max(0, Math.min(leftMs - waitMs, endMs - clock.now()));
  }
  return leftMs;
}

function sliceOf(size: number, leftMs: number): number {
  const even = Math.max(1, Math.round((size * SLICE_MS) / leftMs));
  return Math.min(even, size, SLICE_PEERS_MAX);
}

function closeSome(roster: DrainOptions['roster'], count: number): void {
  let left = count;
  for (const peer of roster.all()) {
    if (left === 0) return;
    peer.close(CLOSES.shutdown);
    left -= 1;
  }
}
