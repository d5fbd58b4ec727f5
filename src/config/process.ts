/** How the process ends, read from its options. */
import type { Values } from './option.ts';
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
