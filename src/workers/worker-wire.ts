/** What a primary and its workers say to each other. */
import type { Source } from '../config/config.ts';
import type { Address } from '../listening.ts';
import type { Readings } from '../server/metrics.ts';

/** The first message: what to serve. */
export interface Begin {
  readonly type: 'begin';
  /** 1, 2, 3, … */
  readonly worker: number;
  readonly source: Source;
  /** Where all of them listen; the configuration may say any free port. */
  readonly address: Address;
}

export type ToWorker =
  | Begin
  | { readonly type: 'drain' }
  /** Asks for `readings`. */
  | { readonly type: 'read' }
  /** Answers `gather`. */
  | { readonly type: 'gathered'; readonly all: readonly Readings[] };

/** How often a worker says that it is well, once it listens. */
export const BEAT_MS = 1000;

export type ToPrimary =
  | { readonly type: 'listening' }
  | { readonly type: 'beat' }
  /** Why it ends before it listened. */
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'readings'; readonly readings: Readings }
  /** Asks for the readings of all workers. */
  | { readonly type: 'gather' };

/** Each only hears the other, which is of the same version. */
export function isFromPrimary(message: unknown): message is ToWorker {
  return hasType(message);
}

export function isFromWorker(message: unknown): message is ToPrimary {
  return hasType(message);
}

function hasType(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'type' in message;
}
