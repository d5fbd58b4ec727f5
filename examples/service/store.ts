/** The application's own table: in Postgres, or in PGlite within the process. */
import { PGlite } from '@electric-sql/pglite';
import { Pool } from 'pg';

export interface Reading {
  readonly id: number;
  readonly sensor: string;
  readonly value: number;
  readonly atMs: number;
}

/** A reading as it is handed in. */
export type Measured = Pick<Reading, 'sensor' | 'value'>;

export interface Summary {
  readonly count: number;
  /** Null where nothing was read yet, as the others are. */
  readonly mean: number | null;
  readonly least: number | null;
  readonly most: number | null;
}

/** Processes that start together migrate one after the other: the lock ends with the last statement. */
const MIGRATION = `
  select pg_advisory_xact_lock(20260101);
  create table if not exists readings (
    id bigint generated always as identity primary key,
    sensor text not null,
    value float8 not null,
    at timestamptz not null default now()
  );
  create index if not exists readings_by_sensor on readings (sensor, id);
`;

/** A bigint would come as text from one of the two, and JSON has no dates. */
const READING =
  'id::float8 as id, sensor, value, round(extract(epoch from at) * 1000)::float8 as "atMs"';

export class Store {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** `postgres://…`; `pglite:./folder`; or `pglite:` alone, which keeps nothing beyond the process. */
  static async open(url: string): Promise<Store> {
    const database = url.startsWith('pglite:') ? embedded(url) : pooled(url);
    await database.run(MIGRATION);
    return new Store(database);
  }

  /** All of them in one statement. */
  write(measured: readonly Measured[]): Promise<Reading[]> {
    return this.#database.query(
      `insert into readings (sensor, value)
       select * from unnest($1::text[], $2::float8[])
       returning ${READING}`,
      [measured.map(({ sensor }) => sensor), measured.map(({ value }) => value)],
    );
  }

  /** Those with a higher id, the oldest first. */
  after(id: number, limit: number): Promise<Reading[]> {
    const text = `select ${READING} from readings where id > $1 order by id limit $2`;
    return this.#database.query(text, [id, limit]);
  }

  async summary(sensor: string): Promise<Summary> {
    const text = `select count(*)::float8 as count, avg(value) as mean,
      min(value) as least, max(value) as most from readings where sensor = $1`;
    const [summary] = await this.#database.query<Summary>(text, [sensor]);
    return summary!;
  }

  /** Resolves when the database answers. */
  async check(): Promise<void> {
    await this.#database.query('select 1', []);
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}

interface Database {
  query<Row>(text: string, values: unknown[]): Promise<Row[]>;
  /** Several statements: all of them or none. */
  run(script: string): Promise<unknown>;
  close(): Promise<void>;
}

function embedded(url: string): Database {
  const database = new PGlite(url.slice('pglite:'.length));
  return {
    query: async <Row>(text: string, values: unknown[]) =>
      (await database.query<Row>(text, values)).rows,
    run: (script) => database.exec(script),
    close: () => database.close(),
  };
}

function pooled(url: string): Database {
  const pool = new Pool({ connectionString: url, max: 8, statement_timeout: 5000 });
  // An idle connection broke: the next query has another. Unheard it would end the process.
  pool.on('error', () => {});
  return {
    query: async (text, values) => (await pool.query(text, values)).rows,
    run: (script) => pool.query(script),
    close: () => pool.end(),
  };
}
