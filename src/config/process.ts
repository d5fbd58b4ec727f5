/** How many processes there are and how they end, read from the options. */
import { envOf } from './option.ts';
import type { Option, Values } from './option.ts';
import { PROCESS_OPTIONS } from './process-options.ts';

export interface DrainConfig {
  /** How long it is not ready, and serves on. */
  readonly delayMs: number;
  /** Over how long the clients are closed. */
  readonly timeoutMs: number;
}

export function drainOf(values: Values): DrainConfig {
  return {
    delayMs: values.read(PROCESS_OPTIONS.drainDelay),
    timeoutMs: values.read(PROCESS_OPTIONS.drainTimeout),
  };
}

/** Without Redis, each of several would have channels of its own. */
export function workersOf(values: Values, redisUrl: Option<unknown>): number | 'auto' {
  const { workers } = PROCESS_OPTIONS;
  const count = values.read(workers);
  if (count !== 'auto' && count > 1 && !values.isGiven(redisUrl)) {
    const { path } = redisUrl;
    values.refuse(workers, `several share channels through Redis: set ${path} (${envOf(path)})`);
  }
  return count;
}
