/** Logging as the parts see it: one line per fact, fields first. */

export type Fields = Readonly<Record<string, unknown>>;

/**
 * Four levels of what pino offers; `main.ts` and the library's caller decide where it goes. What was
 * thrown is in the field `err`: of that pino writes message and stack, of any other an empty object.
 */
export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** How often one kind of peer fault may write a line. */
const QUIET_MS = 1000;

/**
 * Lets one line per second and kind through, and says on the next how many were held back. For
 * facts whose number a peer controls. `kind` is one of ours, so the map stays small.
 */
export class ThrottledLog {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #kinds = new Map<string, { since: number; suppressed: number }>();

  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  warn(kind: string, fields: Fields, message: string): void {
    const now = this.#now();
    const last = this.#kinds.get(kind);
    // A clock that was set back must not keep it quiet until the old time comes again.
    if (last !== undefined && now >= last.since && now - last.since < QUIET_MS) {
      last.suppressed += 1;
      return;
    }
    const suppressed = last?.suppressed ?? 0;
    this.#kinds.set(kind, { since: now, suppressed: 0 });
    this.#log.warn(suppressed > 0 ? { kind, ...fields, suppressed } : { kind, ...fields }, message);
  }
}
