/** The archive in a Postgres within the process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { takeFolder } from '../../src/archive/folder.ts';
import { Pglite } from '../../src/archive/pglite.ts';
import type { Sql } from '../../src/archive/sql.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { archiveSuite } from './archive-suite.ts';
import { sqlSuite, STATEMENT_MS } from './sql-suite.ts';

let sql: Sql;

beforeAll(async () => {
  sql = new Pglite({ url: 'pglite:', clock: systemClock, statementTimeoutMs: STATEMENT_MS });
  // To make a database takes its time.
  await sql.ask('select 1');
}, 60_000);

afterAll(() => sql.close());

sqlSuite('PGlite', () => sql);
archiveSuite('PGlite', () => sql);

test('PGlite: a folder that another has open is asked for again with each question', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const lock = await takeFolder(folder);
  onTestFinished(() => void lock.close());
  const url = `pglite:${folder}`;
  const locked = new Pglite({ url, clock: systemClock, statementTimeoutMs: STATEMENT_MS });
  for (const _ of [1, 2]) {
    const asked = locked.ask('select 1');
    await expect(asked).rejects.toThrow(`another process has the folder open: ${folder}`);
    await expect(asked).rejects.toMatchObject({ trouble: 'away' });
  }
  const transaction = locked.transaction((ask) => ask('select 1'));
  await expect(transaction).rejects.toThrow('another process');
  await locked.close();
  await expect(locked.ask('select 1')).rejects.toThrow('the archive is closed');
});
