/** How long to wait before the next attempt. */
import { describe, expect, test } from 'vitest';
import { backoffMs } from '../../src/kernel/backoff.ts';

const BACKOFF = { firstMs: 100, longestMs: 5000 };
const most = (failures: number): number => backoffMs(BACKOFF, failures, 1 - Number.EPSILON);

describe('the next attempt', () => {
  test('waits twice as long after each that failed, up to the longest', () => {
    expect([1, 2, 3, 6, 7, 1000].map(most)).toEqual([100, 200, 400, 3200, 5000, 5000]);
  });

  test('waits at least half of that, whatever the chance', () => {
    expect([1, 2, 7].map((failures) => backoffMs(BACKOFF, failures, 0))).toEqual([50, 100, 2500]);
  });

  test('never waits longer than the longest, even where the first is longer', () => {
    expect(backoffMs({ firstMs: 9000, longestMs: 5000 }, 1, 0.999)).toBeLessThanOrEqual(5000);
  });
});
