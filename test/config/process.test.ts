import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config/config.ts';
import { parse, problemsOf, readOpen } from './reading.ts';

const REDIS = { redis: { url: 'redis://127.0.0.1:6379' } };

describe('the workers', () => {
  test('are one, unless more are asked for', () => {
    expect(parse({}).workers).toBe(1);
    expect(parse({ workers: 1 }).workers).toBe(1);
    expect(parse({ ...REDIS, workers: 4 }).workers).toBe(4);
    expect(readOpen({ env: { SLUICE_WORKERS: 'auto' } }).workers).toBe('auto');
    const argv = ['--workers=3', '--redis-url=redis://127.0.0.1:6379'];
    expect(readOpen({ argv }).workers).toBe(3);
  });

  test('are one, where there is no Redis through which several would share channels', () => {
    expect(problemsOf(() => parse({ workers: 2 }))).toEqual([
      'workers: several share channels through Redis: set redis.url (SLUICE_REDIS_URL)',
    ]);
    // One problem is enough.
    expect(problemsOf(() => parse({ workers: 2, redis: { url: 'x' } }))).toHaveLength(1);
  });

  test.each([0, -1, 1.5, 257, '2', 'all', true])('are not %j', (workers) => {
    expect(problemsOf(() => parse({ ...REDIS, workers: workers as number }))).toEqual([
      `workers: ${JSON.stringify(workers)} is not a whole number from 1 to 256, or auto`,
    ]);
  });
});

describe('the drain', () => {
  test('takes less than the 30 s that Kubernetes gives it, and no time with dev', () => {
    const { delayMs, timeoutMs } = parse({}).drain;
    expect([delayMs, timeoutMs]).toEqual([5000, 20_000]);
    expect(parse({ dev: true }).drain).toEqual({ delayMs: 0, timeoutMs: 0 });
  });

  test('can be set', () => {
    const drain = { delay: '0s', timeout: '2m' };
    expect(parse({ drain }).drain).toEqual({ delayMs: 0, timeoutMs: 120_000 });
    expect(readOpen({ env: { SLUICE_DRAIN_DELAY: '1s' } }).drain.delayMs).toBe(1000);
  });
});

test('what a configuration was read from gives the same to another process', () => {
  const text = 'anonymous: true\nport: 1234\nnamespaces: { chat: { schema: { type: object } } }';
  const argv = ['--config=its.yaml', '--host=127.0.0.1'];
  const first = readConfig({ argv, env: {}, readFile: () => text });
  if (first.config === null) throw new Error('nothing to start');
  expect(first.source).toEqual({ argv, text });
  const { source } = first;
  const again = readConfig({ argv: source.argv, env: {}, readFile: () => source.text });
  expect(again).toMatchObject({ config: { port: 1234, host: '127.0.0.1' }, file: 'its.yaml' });
  const without = readConfig({ argv: ['--dev'], env: {}, readFile: () => null });
  expect(without).toMatchObject({ source: { argv: ['--dev'], text: null } });
});
