import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Timed } from '../../src/kernel/wheel.ts';
import { TICK_MS, Wheel } from '../../src/kernel/wheel.ts';
import { ManualClock } from '../support/clock.ts';
import { Entry, WheelModel } from './wheel-model.ts';

/** As long as the wheel takes to come to the same slot again. */
const ROUND_MS = 512 * TICK_MS;

let clock: ManualClock;
let wheel: Wheel;

beforeEach(() => {
  clock = new ManualClock();
  wheel = new Wheel(clock);
});

function added(dueMs: number, then?: (nowMs: number) => void): Entry {
  const entry = new Entry(dueMs, then);
  wheel.add(entry);
  return entry;
}

describe('an entry', () => {
  test.each([1, TICK_MS - 1, TICK_MS, TICK_MS + 1, 25_000, ROUND_MS, ROUND_MS * 3 + 7])(
    'due in %i ms expires once, not before, and within a tick',
    (delayMs) => {
      clock.advance(83);
      const dueMs = clock.now() + delayMs;
      const entry = added(dueMs);
      clock.advance(delayMs - 1);
      expect(entry.expired).toEqual([]);
      clock.advance(TICK_MS);
      expect(entry.expired).toHaveLength(1);
      expect(entry.expired[0]).toBeGreaterThanOrEqual(dueMs);
      clock.advance(ROUND_MS * 4);
      expect(entry.expired).toHaveLength(1);
      expect(wheel.size).toBe(0);
    },
  );

  test('of the past expires at the next tick', () => {
    const entry = added(clock.now() - 10_000);
    clock.advance(TICK_MS);
    expect(entry.expired).toHaveLength(1);
  });

  test('that is never due waits until it is removed', () => {
    const entry = added(Infinity);
    clock.advance(ROUND_MS * 3);
    expect(entry.expired).toEqual([]);
    expect(wheel.size).toBe(1);
    wheel.remove(entry);
    expect(wheel.size).toBe(0);
  });

  test('that is removed does not expire, and may be added again', () => {
    const entry = added(clock.now() + 1000);
    wheel.remove(entry);
    wheel.remove(entry);
    clock.advance(5000);
    expect(entry.expired).toEqual([]);
    entry.dueMs = clock.now() + 1000;
    wheel.add(entry);
    clock.advance(1250);
    expect(entry.expired).toHaveLength(1);
  });

  test('is on one wheel at most', () => {
    const entry = added(clock.now() + 1000);
    expect(() => wheel.add(entry)).toThrow('one wheel');
    expect(wheel.size).toBe(1);
  });

  test('is looked at when its slot comes, once in a round', () => {
    let looks = 0;
    let expired = 0;
    const dueMs = clock.now() + ROUND_MS + 25_000;
    const entry: Timed = {
      get dueMs() {
        looks += 1;
        return dueMs;
      },
      next: null,
      previous: null,
      expire: () => void (expired += 1),
    };
    wheel.add(entry);
    const before = looks;
    // Something of every tick.
    const each: Entry = added(clock.now(), (nowMs) => {
      each.dueMs = nowMs + 1;
      wheel.add(each);
    });
    clock.advance(24_000);
    expect(looks).toBe(before);
    clock.advance(ROUND_MS);
    expect(looks).toBe(before + 1);
    clock.advance(1250);
    expect(expired).toBe(1);
  });

  test('of the same tick expires in the order it was added', () => {
    const order: string[] = [];
    for (const name of ['a', 'b', 'c']) added(clock.now() + 100, () => order.push(name));
    clock.advance(TICK_MS);
    expect(order).toEqual(['a', 'b', 'c']);
  });
});

describe('an entry that expires', () => {
  test('may be added again', () => {
    const entry: Entry = added(clock.now() + 1000, (nowMs) => {
      entry.dueMs = nowMs + 1000;
      wheel.add(entry);
    });
    clock.advance(10_000);
    expect(entry.expired).toHaveLength(10);
  });

  test('and is added again for the past expires once per tick', () => {
    const entry: Entry = added(clock.now(), () => wheel.add(entry));
    clock.stall(TICK_MS * 100);
    expect(entry.expired).toHaveLength(1);
    clock.advance(TICK_MS * 3);
    expect(entry.expired).toHaveLength(4);
  });

  test('may remove another of the same tick', () => {
    added(clock.now() + 100, () => wheel.remove(other));
    const other = added(clock.now() + 100);
    clock.advance(TICK_MS);
    expect(other.expired).toEqual([]);
    expect(wheel.size).toBe(0);
  });

  test('may put off another of the same tick', () => {
    added(clock.now() + 100, (nowMs) => {
      wheel.remove(other);
      other.dueMs = nowMs + 1000;
      wheel.add(other);
    });
    const other = added(clock.now() + 100);
    clock.advance(TICK_MS);
    expect(other.expired).toEqual([]);
    clock.advance(1000);
    expect(other.expired).toHaveLength(1);
  });

  test('and throws costs the others nothing, and is heard of', () => {
    added(clock.now() + 100, () => {
      throw new Error('mine');
    });
    const other = added(clock.now() + 100);
    const later = added(clock.now() + 1000);
    expect(() => clock.advance(TICK_MS)).toThrow(AggregateError);
    expect(other.expired).toHaveLength(1);
    clock.advance(2000);
    expect(later.expired).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });
});

describe('the time', () => {
  test('that an entry takes to expire makes no other miss its tick', () => {
    let late: Entry | undefined;
    added(clock.now() + TICK_MS, () => {
      clock.stall(TICK_MS * 3);
      late = added(clock.now() + TICK_MS);
    });
    const next = added(clock.now() + TICK_MS * 2);
    const other = added(clock.now() + TICK_MS * 3);
    clock.advance(TICK_MS * 6);
    expect([next, other, late].map((entry) => entry?.expired.length)).toEqual([1, 1, 1]);
  });

  test('after a long stall all that is due expires, once, and nothing else', () => {
    const delays = [1, 1000, 60_000, ROUND_MS, ROUND_MS * 2, ROUND_MS * 5 - 1];
    const due = delays.map((delayMs) => added(clock.now() + delayMs));
    const later = added(clock.now() + ROUND_MS * 5 + 1000);
    clock.stall(ROUND_MS * 5);
    expect(due.map(({ expired }) => expired.length)).toEqual(delays.map(() => 1));
    expect(later.expired).toEqual([]);
    clock.advance(1000);
    expect(later.expired).toHaveLength(1);
  });

  test('set back delays nothing that is added then', () => {
    const before = added(clock.now() + 5000);
    clock.advance(1000);
    clock.set(clock.now() - 3_600_000);
    const at = added(clock.now() + 1000);
    clock.advance(TICK_MS);
    const after = added(clock.now() + 1000);
    clock.advance(1250);
    expect(at.expired).toHaveLength(1);
    expect(after.expired).toHaveLength(1);
    expect(before.expired).toEqual([]);
    clock.advance(3_600_000 + 4000);
    expect(before.expired).toHaveLength(1);
  });

  test('set forward has what is due by then expire within a tick', () => {
    const entry = added(clock.now() + 3_600_000);
    clock.set(clock.now() + 7_200_000);
    clock.advance(TICK_MS);
    expect(entry.expired).toHaveLength(1);
  });
});

describe('the timer', () => {
  test('runs only while something waits', () => {
    expect(clock.pending).toBe(0);
    const entry = added(clock.now() + 1000);
    added(clock.now() + 2000);
    expect(clock.pending).toBe(1);
    wheel.remove(entry);
    clock.advance(1999);
    expect(clock.pending).toBe(1);
    clock.advance(TICK_MS);
    expect(clock.pending).toBe(0);
    clock.advance(ROUND_MS + 3);
    const late = added(clock.now() + 1000);
    expect(clock.pending).toBe(1);
    clock.advance(1250);
    expect(late.expired).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  test('stops when all was removed', () => {
    wheel.remove(added(clock.now() + 1000));
    clock.advance(TICK_MS);
    expect(clock.pending).toBe(0);
  });

  test('is one, also when the wheel is closed and used again within an entry', () => {
    added(clock.now() + 100, (nowMs) => {
      wheel.close();
      added(nowMs + 1000);
    });
    clock.advance(TICK_MS);
    expect(clock.pending).toBe(1);
    clock.advance(2000);
    expect(clock.pending).toBe(0);
  });
});

describe('close', () => {
  test('forgets all that waits', () => {
    const entries = [1, 1000, ROUND_MS * 2].map((delayMs) => added(clock.now() + delayMs));
    wheel.close();
    wheel.close();
    expect(wheel.size).toBe(0);
    expect(clock.pending).toBe(0);
    clock.advance(ROUND_MS * 3);
    expect(entries.flatMap(({ expired }) => expired)).toEqual([]);
    const again = added(clock.now() + 1000);
    clock.advance(1250);
    expect(again.expired).toHaveLength(1);
  });

  test('from within an entry stops those that are due with it', () => {
    added(clock.now() + 100, () => wheel.close());
    const other = added(clock.now() + 100);
    clock.advance(TICK_MS);
    expect(other.expired).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});

const ENTRIES = 12;
const entryIndex = fc.nat(ENTRIES - 1);
/** Mostly soon, sometimes past, sometimes rounds ahead. */
const delay = fc.oneof(
  fc.integer({ min: 0, max: 4 * TICK_MS }),
  fc.integer({ min: -2 * TICK_MS, max: 30_000 }),
  fc.integer({ min: 0, max: 4 * ROUND_MS }),
);
const change = fc.record({
  do: fc.constantFrom('add' as const, 'add' as const, 'remove' as const),
  entry: entryIndex,
  ms: delay,
});
const passing = fc.record({
  do: fc.constantFrom('advance' as const, 'advance' as const, 'stall' as const),
  ms: delay.map(Math.abs),
});
const script = fc.array(fc.oneof(change, passing), { maxLength: 60 });
/** What entries do to each other when they expire. */
const reactions = fc.array(fc.array(change, { maxLength: 3 }), {
  minLength: ENTRIES,
  maxLength: ENTRIES,
});
/** By how much the time of day is set before some of the steps. */
const jumps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: -3 * ROUND_MS, max: 3 * ROUND_MS }) },
  ),
);

describe('whatever is added and removed, and however time passes', () => {
  test('each expires once, not early, and not later than its tick', () => {
    fc.assert(
      fc.property(script, reactions, (steps, each) => {
        const model = new WheelModel(each);
        for (const step of steps) {
          model.do(step);
          model.check();
        }
        expect(model.faults).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  test('the same while the time of day is set forward and back', () => {
    fc.assert(
      fc.property(script, reactions, jumps, (steps, each, sets) => {
        const model = new WheelModel(each);
        for (const [at, step] of steps.entries()) {
          const jumpMs = sets[at] ?? 0;
          if (jumpMs !== 0) model.jump(jumpMs);
          model.do(step);
        }
        // A tick for the wheel to learn of the last jump, and one for what is due by then.
        model.do({ do: 'advance', ms: 2 * TICK_MS });
        model.check();
        expect(model.faults).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});
