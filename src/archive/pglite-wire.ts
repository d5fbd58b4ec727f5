/** What is said between the gateway and the thread in which its embedded database runs. */
import type { Param, SqlRow } from './sql.ts';

/** What the thread is started with. */
export interface Place {
  /** Null: in memory, for as long as the thread runs. */
  readonly folder: string | null;
}

/** One statement, or several without parameters. Each is answered before the next is sent. */
export interface Question {
  readonly text: string;
  readonly params: readonly Param[] | null;
}

/** To the thread. `close`: write what is left, and end. */
export type Order = Question | 'close';

/** From the thread: `open` once, before all answers, where the database could be opened. */
export type Answer =
  | 'open'
  | { readonly rows: readonly SqlRow[] }
  /** `state` is a SQLSTATE; null where it is the engine or the folder that failed. */
  | { readonly rows: null; readonly message: string; readonly state: string | null };
