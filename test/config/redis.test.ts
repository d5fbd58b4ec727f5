/** The options of Redis, and the files that they name. */
import { writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import type { RedisInput } from '../../src/config/input.ts';
import { ConfigError } from '../../src/config/problems.ts';
import { Authority } from '../support/certificates.ts';

const authority = new Authority();
const own = authority.certify('own');
const other = authority.certify('other');
afterAll(() => authority.dispose());

function problemsOf(redis: RedisInput): readonly string[] {
  try {
    parseConfig({ anonymous: true, redis });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('redis.url', () => {
  test.each([
    'redis://localhost',
    'rediss://user:p%40ss@host:6380/1',
    'redis+sentinel://a,b:26380/main',
    'rediss+sentinel://a/main/2',
    'redis+cluster://a:7000,b:7001',
    'rediss+cluster://user:password@a',
  ])('may be %s', (url) => {
    expect(problemsOf({ url })).toEqual([]);
  });

  test.each(['http://localhost', 'redis+other://a', 'redis://', 'redis+cluster:a'])(
    'is not %s',
    (url) => {
      expect(problemsOf({ url })).toEqual([expect.stringContaining('redis.url')]);
    },
  );
});

describe('redis.tls', () => {
  const url = 'rediss://localhost';
  const { caFile } = authority;

  test('takes files that fit each other', () => {
    const tls = { caFile, ...own, serverName: 'redis.test' };
    expect(parseConfig({ anonymous: true, redis: { url, tls } }).redis).toEqual({
      url,
      prefix: 'sluice',
      tls: { ...tls, insecure: false },
    });
  });

  test('says why a file is of no use', () => {
    const broken = `${own.certFile}.broken`;
    writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nhalf of it');
    expect(problemsOf({ url, tls: { caFile: '/no/such/file' } })).toEqual([
      expect.stringMatching(/redis\.tls\.caFile.*certificates in PEM.*ENOENT/),
    ]);
    expect(problemsOf({ url, tls: { caFile: broken } })).toEqual([
      expect.stringContaining('redis.tls.caFile'),
    ]);
    expect(problemsOf({ url, tls: { certFile: own.certFile, keyFile: own.certFile } })).toEqual([
      expect.stringMatching(/redis\.tls\.keyFile.*a private key in PEM/),
    ]);
    expect(problemsOf({ url, tls: { certFile: own.certFile, keyFile: other.keyFile } })).toEqual([
      expect.stringMatching(/redis\.tls\.keyFile.*does not fit redis\.tls\.certFile/),
    ]);
  });

  test('is refused where it would do nothing', () => {
    expect(problemsOf({ url: 'redis://localhost', tls: { caFile, insecure: true } })).toEqual([
      expect.stringMatching(/redis\.tls\.caFile.*rediss/),
      expect.stringMatching(/redis\.tls\.insecure.*rediss/),
    ]);
    expect(problemsOf({ tls: { serverName: 'x' } })).toEqual([
      expect.stringMatching(/redis\.tls\.serverName.*rediss/),
    ]);
    expect(problemsOf({ url, tls: { certFile: own.certFile } })).toEqual([
      expect.stringMatching(/redis\.tls\.certFile.*without redis\.tls\.keyFile/),
    ]);
    expect(problemsOf({ url, tls: { keyFile: own.keyFile } })).toEqual([
      expect.stringMatching(/redis\.tls\.keyFile.*without redis\.tls\.certFile/),
    ]);
  });
});
