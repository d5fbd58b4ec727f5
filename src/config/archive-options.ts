/** The options of the archive. */
import { kind } from './kinds.ts';
import { duration, integer } from './measures.ts';
import { option, optional } from './option.ts';

const ARCHIVE_URL = /^postgres(?:ql)?:\/\/[^\s]+$|^pglite:[^\s]*$/;

const archiveUrl = kind<string>({
  name: 'url',
  allowed:
    'a URL such as postgres://user:password@host:5432/database, pglite:./folder, or pglite: alone, ' +
    'which keeps nothing beyond the process',
  schema: { type: 'string', pattern: ARCHIVE_URL.source },
  parse(value) {
    if (typeof value !== 'string' || !ARCHIVE_URL.test(value)) return undefined;
    return URL.canParse(value) ? value : undefined;
  },
  // It may hold a password.
  secret: true,
});

export const ARCHIVE_OPTIONS = {
  archiveUrl: optional(
    'archive.url',
    archiveUrl,
    'the Postgres that keeps publications of namespaces with archive: postgres://… or, within the process, pglite:./folder',
  ),
  archiveRetention: optional(
    'archive.retention',
    duration(1000),
    'how long it keeps them; unless it is set, forever',
  ),
  archiveDelay: option('archive.delay', duration(1), {
    default: '100ms',
    means: 'how long a publication waits for others, to be written with them',
  }),
  archivePoolMin: option('archive.pool.min', integer(0, 1000), {
    default: 1,
    means: 'connections to Postgres that are kept open',
  }),
  archivePoolMax: option('archive.pool.max', integer(1, 1000), {
    default: 8,
    means: 'connections to Postgres at most',
  }),
  archiveStatementTimeout: option('archive.statementTimeout', duration(100), {
    default: '2s',
    means:
      'how long one statement may take; what took longer is tried again, or refused to a reader',
  }),
} as const;
