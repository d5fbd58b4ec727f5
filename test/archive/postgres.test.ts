/** The archive in a server of Postgres. */
import { afterAll, beforeAll } from 'vitest';
import { Postgres } from '../../src/archive/postgres.ts';
import type { Sql } from '../../src/archive/sql.ts';
import { PostgresServer } from '../support/postgres.ts';
import { archiveSuite } from './archive-suite.ts';
import { sqlSuite, STATEMENT_MS } from './sql-suite.ts';

let server: PostgresServer;
let sql: Sql;

beforeAll(async () => {
  server = await PostgresServer.shared();
  const pool = { min: 1, max: 4 };
  sql = new Postgres({ url: server.url, pool, statementTimeoutMs: STATEMENT_MS });
});

afterAll(async () => {
  await sql.close();
  await server.dispose();
});

sqlSuite('Postgres', () => sql);
archiveSuite('Postgres', () => sql);
