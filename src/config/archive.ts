/** The archive, from what was given for it. */
import type { Rules } from '../channel/rules.ts';
import { ARCHIVE_OPTIONS as OPTIONS } from './archive-options.ts';
import type { Values } from './option.ts';

export interface ArchiveConfig {
  /** `postgres://…`, or `pglite:` and a folder or nothing. */
  readonly url: string;
  /** Null: forever. */
  readonly retentionMs: number | null;
  readonly delayMs: number;
  readonly pool: { readonly min: number; readonly max: number };
  readonly statementTimeoutMs: number;
}

/** Null: there is none. */
export function archiveOf(values: Values, workers: number | 'auto'): ArchiveConfig | null {
  const url = values.read(OPTIONS.archiveUrl);
  if (url?.startsWith('pglite:') === true && workers !== 1) {
    const instead = 'set workers to 1, or take a server of Postgres';
    values.refuse(OPTIONS.archiveUrl, `PGlite is for one process; ${instead}`);
  }
  const pool = {
    min: values.read(OPTIONS.archivePoolMin),
    max: values.read(OPTIONS.archivePoolMax),
  };
  if (values.sound(OPTIONS.archivePoolMin, OPTIONS.archivePoolMax) && pool.min > pool.max) {
    const given = values.isGiven(OPTIONS.archivePoolMin)
      ? OPTIONS.archivePoolMin
      : OPTIONS.archivePoolMax;
    values.refuse(
      given,
      `archive.pool.min (${pool.min}) is more than archive.pool.max (${pool.max})`,
    );
  }
  const rest = {
    retentionMs: values.read(OPTIONS.archiveRetention) ?? null,
    delayMs: values.read(OPTIONS.archiveDelay),
    statementTimeoutMs: values.read(OPTIONS.archiveStatementTimeout),
  };
  return url === undefined ? null : { url, pool, ...rest };
}

/** Whoever has a namespace archived wants it kept somewhere. */
export function refuseNoArchive(namespaces: ReadonlyMap<string, Rules>, values: Values): void {
  if (values.isGiven(OPTIONS.archiveUrl)) return;
  const archived = [...namespaces.values()].find(({ archive }) => archive);
  if (archived === undefined) return;
  values.refuse(
    OPTIONS.archiveUrl,
    `is missing: namespaces.${archived.namespace}.archive wants one, such as pglite:./archive`,
  );
}
