/** What all parts of one client share. */
import type { Settings } from './options.ts';

export interface Context extends Settings {
  /** Of a command; no two of one connection have the same. */
  nextId(): number;
  /** What a listener threw. */
  report(error: unknown): void;
}
