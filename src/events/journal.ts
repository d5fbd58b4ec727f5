/** The events that wait for the backend, in their order: in process, or in Redis for all gateways. */
import type { Maybe } from '../kernel/maybe.ts';
import type { WrittenBatch } from './event.ts';
import type { Happening } from './happening.ts';

/** The first events that wait. They stay where they are until they are `done`. */
export interface Page {
  readonly batch: WrittenBatch;
  /** Of its last event. */
  readonly lastId: number;
  /** There may be more behind it. */
  readonly isFull: boolean;
  /** Aborts when another gateway delivers them in place of this one. */
  readonly signal: AbortSignal;
}

/** There is nothing to deliver: when to look again, unless the journal calls before. */
export interface Rest {
  readonly restMs: number;
}

/**
 * What a journal promises:
 *
 * - it tells of a connection `connected` first and `disconnected` last, once each, and of a channel
 *   `channel_occupied` and `channel_vacated` in turn, from one `reset` to the next;
 * - an event stays until it is done, and those before it, too;
 * - what it cannot keep it counts, and the next page tells how many that were.
 */
export interface Journal {
  /** Never waits and never throws. */
  enter(happening: Happening): void;
  /** @throws what the store throws while it is away. */
  take(eventsMax: number): Maybe<Page | Rest>;
  /** The page was delivered, or given up: then its events are dropped. @throws as `take`. */
  done(page: Page, outcome: 'delivered' | 'dropped'): Maybe<void>;
  /** Events that wait, as far as this gateway knows; and since when the oldest of them does. */
  readonly size: number;
  readonly oldestMs: number | null;
  /** Done when what was entered is as safe as it can be. */
  flush(): Promise<void>;
  /** Leaves what waits to others, where there are any. */
  close(): Promise<void>;
}

/** What a journal needs of its surroundings. */
export interface JournalOptions {
  readonly source: string;
  /** The uid of this gateway. */
  readonly gateway: string;
  /** How many events may wait. */
  readonly eventsMax: number;
  /** How long a channel that nobody is in is kept before it is told vacated. */
  readonly vacateDelayMs: number;
  /** For each connection that is here now, what tells all of it. */
  readonly retell: () => Iterator<readonly Happening[]>;
  /** Called when there may be something to take. */
  readonly filled: () => void;
  readonly countDropped: (reason: DropReason, events: number) => void;
}

/**
 * Why an event was dropped: too many waited for the backend, or for Redis; Redis forgot it; the
 * backend did not take it; or the gateway ended, and there was nobody to leave it to.
 */
export const DROP_REASONS = ['backlog', 'pending', 'forgotten', 'refused', 'closed'] as const;
export type DropReason = (typeof DROP_REASONS)[number];
