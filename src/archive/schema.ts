/** The tables of the archive, made and changed by the migrations in migrations/, each once. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Ask, Sql } from './sql.ts';
import { numberIn, SqlError } from './sql.ts';

const FOLDER = new URL('migrations/', import.meta.url);

/** Ours among the advisory locks of a database that others may use, too: `slui` in ASCII. */
export const LOCK_CLASS = 0x736c7569;
const MIGRATING = 1;

interface Migration {
  readonly version: number;
  readonly text: string;
}

/** The database has tables of a later release, which this one cannot know. */
export class NewerSchema extends Error {
  override readonly name = 'NewerSchema';
}

/**
 * Brings the tables up to date, and tells their version. Several gateways may do it at once: one
 * does it, and the others find it done.
 * @throws {SqlError}, and {NewerSchema}; nothing is changed then.
 */
export async function migrate(sql: Sql, migrations = readMigrations()): Promise<number> {
  const newest = migrations.at(-1)?.version ?? 0;
  const version = await versionOf(sql.ask);
  if (version !== newest) await sql.transaction((ask) => bringUpToDate(ask, migrations));
  return newest;
}

async function bringUpToDate(ask: Ask, migrations: readonly Migration[]): Promise<void> {
  await ask(`select pg_advisory_xact_lock(${LOCK_CLASS}, ${MIGRATING})`);
  // First of all: it makes this connection see the tables that others made while it waited.
  await ask(`create table if not exists sluice_migrations (
    version integer primary key,
    at timestamptz not null default now()
  )`);
  const version = await newestIn(ask);
  const newest = migrations.at(-1)?.version ?? 0;
  if (version > newest) {
    throw new NewerSchema(
      `the tables of the archive are of version ${version}, and this release knows ${newest}: ` +
        'start a release that knows them',
    );
  }
  for (const migration of migrations) {
    if (migration.version <= version) continue;
    await ask(migration.text);
    await ask('insert into sluice_migrations (version) values ($1)', [migration.version]);
  }
}

/** 0: there are no tables yet. */
async function versionOf(ask: Ask): Promise<number> {
  const [table] = await ask(`select to_regclass('sluice_migrations') is not null as exists`);
  return table?.['exists'] === true ? newestIn(ask) : 0;
}

async function newestIn(ask: Ask): Promise<number> {
  const [row] = await ask(
    'select coalesce(max(version), 0)::float8 as version from sluice_migrations',
  );
  if (row === undefined) throw new SqlError('fault', 'an aggregate has no row');
  return numberIn(row, 'version');
}

/** In their order. */
export function readMigrations(): readonly Migration[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.sql'));
  return files
    .map((file) => ({
      version: Number.parseInt(file, 10),
      text: readFileSync(new URL(file, FOLDER), 'utf8'),
    }))
    .toSorted((one, other) => one.version - other.version);
}
