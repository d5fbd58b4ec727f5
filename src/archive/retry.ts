/** How long the archive waits for its database to be back. */
import type { Backoff } from '../kernel/backoff.ts';

export const RETRY: Backoff = { firstMs: 100, longestMs: 5000 };
