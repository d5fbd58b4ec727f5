/** What the archive asks of a database, whichever engine answers: one dialect of SQL, and its errors. */

export type Param = string | number | null;

/** A row by the names of its columns. Numbers are asked for as `float8`, which all engines tell alike. */
export type SqlRow = Readonly<Record<string, unknown>>;

/** One statement; or several without parameters, as one step. @throws {SqlError} */
export type Ask = (text: string, params?: readonly Param[]) => Promise<readonly SqlRow[]>;

/**
 * A database. Nothing is opened before it is asked, and what is lost is opened again by the next
 * question: whoever asks may try again at any time. Each question is answered within the limit of
 * a statement and a little, or fails.
 */
export interface Sql {
  /** For logs, without a password. */
  readonly name: string;
  /** Questions that are answered at once; more of them wait. */
  readonly width: number;
  /** Vacuums and analyzes, which may take longer; null where the engine does that by itself. */
  readonly maintain: ((statement: string) => Promise<void>) | null;
  readonly ask: Ask;
  /** `work` may take longer than a statement otherwise; what it throws undoes what it did. */
  transaction<T>(work: (ask: Ask) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * - `away`: the database cannot be reached, or does not answer. Later it may.
 * - `slow`: it took longer than a statement may. With less to do, or later, it may not.
 * - `refused`: it does not take what it was given, now or later.
 * - `fault`: it cannot do what it was asked, until somebody puts that right.
 */
export type SqlTrouble = 'away' | 'slow' | 'refused' | 'fault';

export class SqlError extends Error {
  override readonly name = 'SqlError';
  readonly trouble: SqlTrouble;

  constructor(trouble: SqlTrouble, message: string, options?: ErrorOptions) {
    super(message, options);
    this.trouble = trouble;
  }
}

/** Classes of SQLSTATE, and single states where their class does not tell. */
const TROUBLES: readonly (readonly [start: string, trouble: SqlTrouble])[] = [
  ['57014', 'slow'],
  ['55P03', 'slow'],
  // Connections, resources, operators: a server that starts, stops or is full.
  ['08', 'away'],
  ['53', 'away'],
  ['57', 'away'],
  // Data, constraints, and limits such as the size of an entry of an index.
  ['22', 'refused'],
  ['23', 'refused'],
  ['54', 'refused'],
];

/** `state` is the SQLSTATE that the server gave; undefined where the connection failed. */
export function troubleOf(state: string | undefined): SqlTrouble {
  if (state === undefined) return 'away';
  return TROUBLES.find(([start]) => state.startsWith(start))?.[1] ?? 'fault';
}

export function textIn(row: SqlRow, column: string): string | null {
  const value = row[column];
  if (value === null || typeof value === 'string') return value;
  throw new SqlError('fault', `${column} is a ${typeof value}, not a text`);
}

export function numberIn(row: SqlRow, column: string): number {
  const value = row[column];
  if (typeof value === 'number') return value;
  throw new SqlError('fault', `${column} is a ${typeof value}, not a number`);
}
