/** What every engine does that the archive may be kept in. */
import { describe, expect, test } from 'vitest';
import { migrate, NewerSchema, readMigrations } from '../../src/archive/schema.ts';
import type { Sql } from '../../src/archive/sql.ts';
import { SqlError } from '../../src/archive/sql.ts';

/** How long a statement may take in the suite. */
export const STATEMENT_MS = 500;

async function troubleOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (error instanceof SqlError) return error.trouble;
    throw error;
  }
  return expect.fail('it did not fail');
}

/** `sql` is of one database, which has no tables of the archive yet. */
export function sqlSuite(name: string, sql: () => Sql): void {
  const ask: Sql['ask'] = (...asked) => sql().ask(...asked);

  describe(`${name}: the database`, () => {
    test('is told texts, numbers and null, and tells them again', async () => {
      const rows = await ask('select $1::text as a, $2::float8 as b, $3::text as c, true as d', [
        'é "x" \\ \n 🚀',
        2 ** 53 - 1,
        null,
      ]);
      expect(rows).toEqual([{ a: 'é "x" \\ \n 🚀', b: 2 ** 53 - 1, c: null, d: true }]);
    });

    test('carries out several statements as one', async () => {
      await ask('create table s (n int); insert into s values (1); insert into s values (2)');
      const both = 'insert into s values (3); insert into s values (1 / 0)';
      expect(await troubleOf(() => ask(both))).toBe('refused');
      expect(await ask('select n::float8 as n from s order by n')).toEqual([{ n: 1 }, { n: 2 }]);
      await ask('drop table s');
    });

    test('answers many questions that are asked at once', async () => {
      const asked = Array.from({ length: 40 }, (_, n) => ask('select $1::float8 as n', [n]));
      const answers = await Promise.all(asked);
      expect(answers.map(([row]) => row?.['n'])).toEqual(asked.map((_, n) => n));
    });

    test('undoes a transaction that fails, and passes on why', async () => {
      await ask('create table t (n int)');
      const failing = sql().transaction(async (within) => {
        await within('insert into t values (1)');
        throw new RangeError('of the test');
      });
      await expect(failing).rejects.toThrow(RangeError);
      expect(await ask('select n from t')).toEqual([]);
      const done = await sql().transaction(async (within) => {
        await within('insert into t values ($1::float8::int)', [7]);
        return within('select n::float8 as n from t');
      });
      expect(done).toEqual([{ n: 7 }]);
      await ask('drop table t');
    });

    test('lets nobody into a transaction', async () => {
      await ask('create table u (n int)');
      const inserted = Promise.withResolvers<void>();
      const transaction = sql().transaction(async (within) => {
        await within('insert into u values (1)');
        inserted.resolve();
        await within('select pg_sleep(0.05)');
        await within('insert into u values (2)');
      });
      await inserted.promise;
      const [row] = await ask('select count(*)::float8 as count from u');
      expect(row?.['count']).not.toBe(1);
      await transaction;
      await ask('drop table u');
    });

    test.each([
      ['refused', `select 'x'::text::int`],
      ['refused', `select E'\\\\000'::bytea::text::int`],
      ['fault', 'select nothing from nowhere'],
      ['fault', 'selec'],
    ])('tells what is %s: %s', async (trouble, text) => {
      expect(await troubleOf(() => ask(text))).toBe(trouble);
      expect(await ask('select 1::float8 as one')).toEqual([{ one: 1 }]);
    });

    test('answers in time, whatever it does', async () => {
      const beganMs = performance.now();
      expect(await troubleOf(() => ask('select pg_sleep(1.2)'))).toBe('slow');
      expect(performance.now() - beganMs).toBeLessThan(STATEMENT_MS + 700);
      // What it was asked before may still hold it up.
      await expect
        .poll(() => ask('select 1::float8 as one').catch(() => null), {
          timeout: 5000,
        })
        .toEqual([{ one: 1 }]);
    });
  });

  describe(`${name}: the tables`, () => {
    test('are made once, however many begin at once, and are then left alone', async () => {
      const versions = await Promise.all([migrate(sql()), migrate(sql()), migrate(sql())]);
      expect(new Set(versions).size).toBe(1);
      expect(await migrate(sql())).toBe(versions[0]);
      const [row] = await ask('select count(*)::float8 as count from sluice_migrations');
      expect(row).toEqual({ count: readMigrations().length });
    });

    test('are brought from one version to the next', async () => {
      const next = (readMigrations().at(-1)?.version ?? 0) + 1;
      const text = `create table sluice_next (n int);
        insert into sluice_next values (${next})`;
      const migrations = [...readMigrations(), { version: next, text }];
      expect(await migrate(sql(), migrations)).toBe(next);
      expect(await migrate(sql(), migrations)).toBe(next);
      expect(await ask('select n::float8 as n from sluice_next')).toEqual([{ n: next }]);
    });

    test('of a later release are not touched, and it is said which that is', async () => {
      const failing = migrate(sql());
      await expect(failing).rejects.toThrow(NewerSchema);
      const known = readMigrations().at(-1)?.version ?? 0;
      await expect(failing).rejects.toThrow(
        `of version ${known + 1}, and this release knows ${known}`,
      );
      await ask(`drop table sluice_next; delete from sluice_migrations where version > ${known}`);
      expect(await migrate(sql())).toBe(known);
    });

    test('are left as they were where a migration fails', async () => {
      const next = (readMigrations().at(-1)?.version ?? 0) + 1;
      const text = 'create table sluice_half (n int); select 1 / 0';
      const migrations = [...readMigrations(), { version: next, text }];
      await expect(migrate(sql(), migrations)).rejects.toThrow('division by zero');
      const [row] = await ask(`select to_regclass('sluice_half') is null as gone`);
      expect(row).toEqual({ gone: true });
      expect(await migrate(sql())).toBe(next - 1);
    });
  });
}
