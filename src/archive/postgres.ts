/** A server of Postgres, through a pool of connections. */
import type { PoolClient } from 'pg';
import { Client, DatabaseError, Pool } from 'pg';
import type { Ask, Param, Sql, SqlRow } from './sql.ts';
import { SqlError, troubleOf } from './sql.ts';

export interface PostgresOptions {
  /** `postgres://…` */
  readonly url: string;
  readonly pool: { readonly min: number; readonly max: number };
  readonly statementTimeoutMs: number;
}

const CONNECT_MS = 2000;
/** The server ends a statement at its limit; that it does not even do that is known a little later. */
const GRACE_MS = 500;
const TRANSACTION_MS = 60_000;

type Asked = Pool | PoolClient;

export class Postgres implements Sql {
  readonly name: string;
  readonly width: number;
  readonly maintain = null;
  readonly #pool: Pool;

  constructor({ url, pool, statementTimeoutMs }: PostgresOptions) {
    this.name = nameOf(url);
    this.width = pool.max;
    this.#pool = new Pool({
      connectionString: url,
      ...pool,
      connectionTimeoutMillis: CONNECT_MS,
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + GRACE_MS,
      keepAlive: true,
      application_name: 'sluice',
    });
    // A connection that nothing was asked over is gone; the pool has let go of it.
    this.#pool.on('error', () => {});
  }

  readonly ask: Ask = (text, params) => send(this.#pool, { text }, params);

  async transaction<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch(refuse);
    try {
      const result = await within(client, work);
      client.release();
      return result;
    } catch (error) {
      // What was begun ends with the connection.
      client.release(true);
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#pool.ending ? Promise.resolve() : this.#pool.end();
  }
}

async function within<T>(client: Asked, work: (ask: Ask) => Promise<T>): Promise<T> {
  const ask: Ask = (text, params) =>
    send(client, { text, query_timeout: TRANSACTION_MS + GRACE_MS }, params);
  await ask('begin');
  await ask(`set local statement_timeout = ${TRANSACTION_MS}`);
  const result = await work(ask);
  await ask('commit');
  return result;
}

async function send(
  client: Asked,
  query: { readonly text: string; readonly query_timeout?: number },
  params?: readonly Param[],
): Promise<readonly SqlRow[]> {
  // Several statements may only be sent together where none has a parameter.
  const asked = params === undefined ? query : { ...query, values: [...params] };
  const result = await client.query<SqlRow>(asked).catch(refuse);
  return result.rows;
}

/** What is no error of the server is one of the connection to it. */
function refuse(error: unknown): never {
  if (error instanceof DatabaseError) {
    throw new SqlError(troubleOf(error.code), error.message, { cause: error });
  }
  throw new SqlError('away', reasonOf(error), { cause: error });
}

/** Where several addresses were tried, each failed for itself, and the whole says nothing. */
function reasonOf(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first.message : String(first);
}

/** Host, port and database. */
function nameOf(url: string): string {
  const { host, port, database } = new Client({ connectionString: url });
  return `postgres://${host}:${port}/${database ?? ''}`;
}
