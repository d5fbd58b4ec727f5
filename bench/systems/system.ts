/** A system under test, as its own process starts it. */
import type { DialectName } from '../dialects/dialects.ts';

export interface SystemOptions {
  /** The secret that client tokens are signed with. */
  readonly secret: string;
  readonly apiKey: string;
  /** The checkout the gateway comes from, for comparisons of commits. */
  readonly root: string;
  /** Publications kept for each channel, where the system has a history. */
  readonly history: number;
  readonly presence: boolean;
  /** What becomes of a reader that is too slow, where the system knows one. */
  readonly slowConsumer: 'disconnect' | 'skip' | 'latest';
  /** Bytes that may wait for one socket, where the system has no rule of its own. */
  readonly backlogBytes: number;
  /** What instances share; null where there is one alone. */
  readonly redis: string | null;
  /** Clients are to be silent, so all that is there by default may stay: pings, and bounds of one client. */
  readonly idle: boolean;
}

export interface Started {
  readonly port: number;
  /** Of the process that does the work, where that is not ours. */
  readonly pid?: number;
}

export interface System {
  readonly dialect: DialectName;
  /** Listens on 127.0.0.1. @throws {Absent} */
  start(options: SystemOptions): Promise<Started>;
}

/** Something is not installed, or not what this system can do: it is left out, with this word. */
export class Absent extends Error {
  override readonly name = 'Absent';
}

/** For what cannot share channels between instances. */
export function alone({ redis }: SystemOptions): void {
  if (redis !== null) throw new Absent('it is not joined through Redis here');
}
