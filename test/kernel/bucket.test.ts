import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Bucket } from '../../src/kernel/bucket.ts';

const START_MS = 1_700_000_000_000;

function takes(bucket: Bucket, perSecond: number, nowMs: number): number {
  let count = 0;
  while (count < 10_000 && bucket.take(perSecond, nowMs)) count += 1;
  return count;
}

describe('a bucket', () => {
  test('allows twice its rate at once, and then its rate', () => {
    const bucket = new Bucket(10, START_MS);
    expect(takes(bucket, 10, START_MS)).toBe(20);
    expect(takes(bucket, 10, START_MS + 99)).toBe(0);
    expect(takes(bucket, 10, START_MS + 100)).toBe(1);
    expect(takes(bucket, 10, START_MS + 1100)).toBe(10);
  });

  test('holds no more than twice its rate, however long it rests', () => {
    const bucket = new Bucket(10, START_MS);
    expect(takes(bucket, 10, START_MS + 3_600_000)).toBe(20);
  });

  test('gives several or none', () => {
    const bucket = new Bucket(10, START_MS);
    expect(bucket.take(10, START_MS, 15)).toBe(true);
    expect(bucket.take(10, START_MS, 6)).toBe(false);
    expect(bucket.take(10, START_MS, 5)).toBe(true);
    expect(bucket.take(10, START_MS)).toBe(false);
    expect(bucket.take(10, START_MS, 0)).toBe(true);
  });

  test('of rate 0 has no limit', () => {
    const bucket = new Bucket(0, START_MS);
    expect(takes(bucket, 0, START_MS)).toBe(10_000);
  });

  test('goes by the rate it is given, which may change', () => {
    const bucket = new Bucket(100, START_MS);
    expect(takes(bucket, 10, START_MS)).toBe(20);
    expect(takes(bucket, 100, START_MS + 100)).toBe(10);
  });

  test('neither fills nor blocks when the clock is set back', () => {
    const bucket = new Bucket(10, START_MS);
    expect(takes(bucket, 10, START_MS)).toBe(20);
    expect(takes(bucket, 10, START_MS - 3_600_000)).toBe(0);
    expect(takes(bucket, 10, START_MS - 3_600_000 + 1000)).toBe(10);
  });
});

test('over any stretch of time a bucket gives its burst and its rate, and is no stricter', () => {
  const takings = fc.array(
    fc.record({
      afterMs: fc.oneof(fc.nat(50), fc.nat(5000)),
      count: fc.integer({ min: 1, max: 30 }),
    }),
    { minLength: 1, maxLength: 60 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), takings, (perSecond, list) => {
      const bucket = new Bucket(perSecond, START_MS);
      const given: { atMs: number; count: number }[] = [];
      /** Thousandths of a token, so that the account is exact. */
      let account = perSecond * 2 * 1000;
      let nowMs = START_MS;
      for (const { afterMs, count } of list) {
        nowMs += afterMs;
        account = Math.min(perSecond * 2 * 1000, account + afterMs * perSecond);
        const taken = bucket.take(perSecond, nowMs, count);
        // Within what floating point may lose, both are right.
        if (Math.abs(account - count * 1000) > 1) expect(taken).toBe(account > count * 1000);
        if (!taken) continue;
        account -= count * 1000;
        given.push({ atMs: nowMs, count });
      }
      for (const [from, first] of given.entries()) {
        let sum = 0;
        for (const { atMs, count } of given.slice(from)) {
          sum += count;
          const allowed = perSecond * 2 + ((atMs - first.atMs) / 1000) * perSecond;
          expect(sum).toBeLessThanOrEqual(allowed + 0.001);
        }
      }
    }),
    { numRuns: 300 },
  );
});
