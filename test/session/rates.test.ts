import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limits } from '../../src/kernel/limits.ts';
import { takeCommands, takeFrame, unspent } from '../../src/session/rates.ts';

const START_MS = 1_700_000_000_000;
const MANY = 10_000;

type Take = (nowMs: number) => boolean;

interface Kind {
  readonly kind: string;
  readonly taker: (perSecond: number) => Take;
}

const KINDS: readonly Kind[] = [
  {
    kind: 'frames',
    taker(framesPerSecond) {
      const bounds = limits({ framesPerSecond });
      const rated = unspent(bounds, START_MS);
      return (nowMs) => takeFrame(rated, bounds, nowMs);
    },
  },
  {
    kind: 'commands',
    taker(commandsPerSecond) {
      const bounds = limits({ commandsPerSecond });
      const rated = unspent(bounds, START_MS);
      return (nowMs) => takeCommands(rated, 1, { limits: bounds, nowMs });
    },
  },
];

describe.each(KINDS)('of $kind', ({ taker }) => {
  function takes(take: Take, nowMs: number): number {
    let count = 0;
    while (count < MANY && take(nowMs)) count += 1;
    return count;
  }

  test('twice the rate may come at once, and then the rate', () => {
    const take = taker(10);
    expect(takes(take, START_MS)).toBe(20);
    expect(takes(take, START_MS + 99)).toBe(0);
    expect(takes(take, START_MS + 100)).toBe(1);
    expect(takes(take, START_MS + 1100)).toBe(10);
  });

  test('no more than twice the rate may come, however long it was silent', () => {
    expect(takes(taker(10), START_MS + 3_600_000)).toBe(20);
  });

  test('any number may come where the rate is 0', () => {
    expect(takes(taker(0), START_MS)).toBe(MANY);
  });

  test('a clock that is set back neither fills nor blocks', () => {
    const take = taker(10);
    expect(takes(take, START_MS)).toBe(20);
    expect(takes(take, START_MS - 3_600_000)).toBe(0);
    expect(takes(take, START_MS - 3_600_000 + 1000)).toBe(10);
  });
});

test('several commands are taken or none', () => {
  const bounds = limits({ commandsPerSecond: 10 });
  const rated = unspent(bounds, START_MS);
  const counts = [15, 6, 5, 1, 0];
  expect(
    counts.map((count) => takeCommands(rated, count, { limits: bounds, nowMs: START_MS })),
  ).toEqual([true, false, true, false, true]);
});

test('over any stretch of time a burst and the rate may come, and it is no stricter', () => {
  const takings = fc.array(
    fc.record({
      afterMs: fc.oneof(fc.nat(50), fc.nat(5000)),
      count: fc.integer({ min: 1, max: 30 }),
    }),
    { minLength: 1, maxLength: 60 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), takings, (perSecond, list) => {
      const bounds = limits({ commandsPerSecond: perSecond });
      const rated = unspent(bounds, START_MS);
      const given: { atMs: number; count: number }[] = [];
      /** Thousandths of a token, so that the account is exact. */
      let account = perSecond * 2 * 1000;
      let nowMs = START_MS;
      for (const { afterMs, count } of list) {
        nowMs += afterMs;
        // Frames fill both, and take nothing of the commands.
        takeFrame(rated, bounds, nowMs);
        account = Math.min(perSecond * 2 * 1000, account + afterMs * perSecond);
        const taken = takeCommands(rated, count, { limits: bounds, nowMs });
        expect(taken).toBe(account >= count * 1000);
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

test('frames and commands are taken by themselves', () => {
  const both = limits({ framesPerSecond: 1, commandsPerSecond: 100 });
  const rated = unspent(both, 0);
  expect([1, 2, 3].map(() => takeFrame(rated, both, 0))).toEqual([true, true, false]);
  expect(takeCommands(rated, 150, { limits: both, nowMs: 0 })).toBe(true);
  expect(takeCommands(rated, 51, { limits: both, nowMs: 0 })).toBe(false);
});
