/**
 * Lists of channels, for tasks that are too large for one request: a million names are handed in in
 * parts, and taken out in parts.
 */
import type { Maybe } from '../kernel/maybe.ts';

/** A list that is not used is kept for so long after its last part. */
export const LIST_KEPT_MS = 3_600_000;
/** Parts of one list. */
export const PARTS_MAX = 10_000;

/** All of them @throw {Refusal} `internal` when they cannot be asked now. */
export interface ChannelLists {
  /**
   * Another part with the same number takes its place, so that a request may be repeated. Returns how
   * many channels the list has now. The names are names of channels.
   * @throws {Refusal} `badRequest` when the list becomes too large, `tooManyRequests` when there are
   * too many lists.
   */
  put(list: string, part: number, channels: readonly string[]): Maybe<number>;
  /** How many channels are in the first `parts`. @throws {Refusal} `badRequest` when one is missing. */
  count(list: string, parts: number): Maybe<number>;
  /** Null: it is not there, or not any more. */
  read(list: string, part: number): Maybe<readonly string[] | null>;
  /** From now on. */
  keep(list: string, forMs: number): Maybe<void>;
  remove(list: string): Maybe<void>;
}

/** What `limits.ts` says of them. */
export interface ListLimits {
  readonly broadcastChannels: number;
  readonly broadcastListBytes: number;
  readonly broadcastLists: number;
}

export function tooManyChannels({ broadcastChannels }: ListLimits): string {
  return `the list would have more than ${broadcastChannels} channels`;
}

export function tooLong({ broadcastListBytes }: ListLimits): string {
  return `the names in the list would have more than ${broadcastListBytes} bytes`;
}

export function tooManyLists({ broadcastLists }: ListLimits): string {
  return `${broadcastLists} lists of channels are kept already`;
}

export function missingPart(list: string, part: number): string {
  return `part ${part} of the list ${JSON.stringify(list)} is missing`;
}
