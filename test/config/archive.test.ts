import { describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/input.ts';
import { redacted } from '../../src/config/config.ts';
import { parse, problemsOf, read } from './reading.ts';

function wrong(input: ConfigInput): readonly string[] {
  return problemsOf(() => parse(input));
}

const url = 'postgres://sluice:s3cr3t@db.example:5432/sluice';

describe('the archive', () => {
  test('is none until it has a URL', () => {
    expect(parse({}).archive).toBe(null);
    expect(parse({ archive: { retention: '30d' } }).archive).toBe(null);
    expect(parse({ archive: { url } }).archive).toEqual({
      url,
      retentionMs: null,
      delayMs: 100,
      pool: { min: 1, max: 8 },
      statementTimeoutMs: 2000,
    });
  });

  test('is what is said', () => {
    const archive = {
      url: 'pglite:./folder',
      retention: '30d',
      delay: '20ms',
      pool: { min: 2, max: 2 },
      statementTimeout: '5s',
    };
    const expected = {
      url: 'pglite:./folder',
      retentionMs: 30 * 86_400_000,
      delayMs: 20,
      pool: { min: 2, max: 2 },
      statementTimeoutMs: 5000,
    };
    expect(parse({ archive }).archive).toEqual(expected);
    const env = {
      SLUICE_ANONYMOUS: 'true',
      SLUICE_ARCHIVE_URL: 'pglite:./folder',
      SLUICE_ARCHIVE_RETENTION: '30d',
      SLUICE_ARCHIVE_DELAY: '20ms',
    };
    const argv = [
      '--archive-pool-min=2',
      '--archive-pool-max=2',
      '--archive-statement-timeout=5s',
      '--namespaces={"chat":{"archive":true}}',
    ];
    const config = read({ env, argv });
    expect(config.archive).toEqual(expected);
    expect(config.namespaces.get('chat')?.archive).toBe(true);
    expect(config.namespaces.get('default')?.archive).toBe(false);
  });

  test.each(['postgres://h/d', 'postgresql://u:p@h:1/d?sslmode=require', 'pglite:', 'pglite:/a/b'])(
    'may be at %s',
    (place) => {
      expect(parse({ archive: { url: place } }).archive?.url).toBe(place);
    },
  );

  test.each([
    '',
    'postgres:',
    'mysql://h/d',
    'pglite',
    './folder',
    'pglite:a b',
    'postgres://h:x/d',
  ])('is not at %j', (place) => {
    expect(wrong({ archive: { url: place } })).toEqual([
      expect.stringMatching(/^archive\.url: the value is not a URL such as postgres:\/\/user/),
    ]);
  });

  test('has as many connections as it may, or fewer', () => {
    const pool = { min: 9 };
    expect(wrong({ archive: { url, pool } })).toEqual([
      'archive.pool.min: archive.pool.min (9) is more than archive.pool.max (8)',
    ]);
  });

  test('is wanted by a namespace that is archived', () => {
    expect(wrong({ namespaces: { chat: { archive: true } } })).toEqual([
      'archive.url: is missing: namespaces.chat.archive wants one, such as pglite:./archive',
    ]);
    const namespaces = { chat: { archive: true } };
    expect(parse({ archive: { url }, namespaces }).namespaces.get('chat')?.archive).toBe(true);
    // What is wrong is not missing.
    expect(wrong({ archive: { url: 'x' }, namespaces })).toHaveLength(1);
  });

  test.each([2, 'auto'] as const)('is no PGlite for workers: %j', (workers) => {
    const redis = { url: 'redis://h' };
    const archive = { url: 'pglite:./a' };
    expect(wrong({ archive, redis, workers })).toEqual([
      'archive.url: PGlite is for one process; set workers to 1, or take a server of Postgres',
    ]);
    expect(parse({ archive, redis }).archive?.url).toBe('pglite:./a');
    expect(parse({ archive: { url }, redis, workers }).archive?.url).toBe(url);
  });

  test('is not told with its password', () => {
    const told = JSON.stringify(redacted(parse({ archive: { url } })));
    expect(told).not.toContain('s3cr3t');
    expect(told).toContain('"delayMs":100');
  });
});
