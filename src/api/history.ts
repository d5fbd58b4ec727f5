/** What may be asked of a channel's history. */
import type { HistoryQuery } from '../broker/broker.ts';
import type { Publication } from '../channel/publication.ts';
import type { Position } from '../channel/recovery.ts';

export interface HistoryOptions {
  /** 0, and without it: only the position. Below 0: as many as there may be in one answer. */
  readonly limit?: number | undefined;
  /** Publications after it, or before it with `reverse`. */
  readonly since?: Position | undefined;
  /** From the newest to the oldest. */
  readonly reverse?: boolean | undefined;
}

/** Publications, and the top of the stream at the same moment. */
export interface HistoryPage extends Position {
  readonly publications: readonly Publication[];
}

export function queryOf(options: HistoryOptions, publicationsMax: number): HistoryQuery {
  const { limit = 0, since = null, reverse = false } = options;
  const most = limit < 0 ? publicationsMax : Math.min(limit, publicationsMax);
  return { limit: most, since, reverse };
}
