/** A system under test, as its own process starts it. */
import type { DialectName } from '../drivers/dialect.ts';

export interface SystemOptions {
  /** The secret that client tokens are signed with. */
  readonly secret: string;
  /** The checkout the gateway comes from, for comparisons of commits. */
  readonly root: string;
  /** Publications kept for each channel, where the system has a history. */
  readonly history: number;
}

export interface System {
  readonly dialect: DialectName;
  /** Listens on 127.0.0.1 and tells the port. */
  start(options: SystemOptions): Promise<number>;
}

/** A package that is not installed: the system is left out of the run, with this word. */
export class Absent extends Error {
  override readonly name = 'Absent';
}
