/** How what is old is deleted, and how an engine is maintained that does not do it by itself. */
import { expect, test, vi } from 'vitest';
import type { Param, Sql } from '../../src/archive/sql.ts';
import { SqlError } from '../../src/archive/sql.ts';
import { Upkeep } from '../../src/archive/upkeep.ts';
import { Meters } from '../../src/kernel/meters.ts';
import { ManualClock } from '../support/clock.ts';

const QUICKLY = { timeout: 5000, interval: 1 };

interface Rig {
  readonly clock: ManualClock;
  readonly upkeep: Upkeep;
  readonly meters: Meters;
  /** How much each delete was for. */
  readonly deletes: Param[];
  readonly maintained: string[];
  readonly failures: unknown[];
  written: number;
}

/** `old` is how many rows are old: the deletes find as many as they may. */
function rig(
  set: {
    readonly old?: number;
    readonly retentionMs?: number | null;
    readonly slow?: boolean;
  } = {},
): Rig {
  const { old = 0, retentionMs = 3_600_000, slow = false } = set;
  const clock = new ManualClock();
  const meters = new Meters();
  const [deletes, maintained, failures]: [Param[], string[], unknown[]] = [[], [], []];
  let left = old;
  const sql: Sql = {
    name: 'scripted',
    width: 1,
    maintain: (statement) => Promise.resolve(void maintained.push(statement)),
    ask(text, [ms = 0, step = 0] = []) {
      if (text.includes('sluice_removals')) return Promise.resolve([]);
      expect(ms).toBeLessThanOrEqual(clock.now() - (retentionMs ?? 0));
      deletes.push(step);
      if (slow) return Promise.reject(new SqlError('slow', 'of the test'));
      const deleted = Math.min(left, Number(step));
      left -= deleted;
      return Promise.resolve([{ deleted }]);
    },
    transaction: () => expect.fail('nothing needs a transaction'),
    close: () => Promise.resolve(),
  };
  const made: Rig = {
    clock,
    meters,
    deletes,
    maintained,
    failures,
    written: 0,
    upkeep: new Upkeep({
      sql,
      clock,
      random: () => 0,
      retentionMs,
      written: () => made.written,
      opened: () => Promise.resolve(),
      failed: (error) => void failures.push(error),
      count: meters.counter('archive', 'Of the test.', 'outcome'),
    }),
  };
  return made;
}

/** Lets it do all that is due, with the pauses between its steps. */
async function run(made: Rig, times: number): Promise<void> {
  made.clock.advance(30_000);
  for (let step = 0; step < times; step += 1) {
    await vi.waitFor(() => expect(made.clock.pending).toBe(1), QUICKLY);
    made.clock.advance(20);
  }
  await vi.waitFor(() => expect(made.clock.pending).toBe(1), QUICKLY);
}

test('what is old is deleted in steps, with pauses, until there is no more', async () => {
  const made = rig({ old: 12_345 });
  await run(made, 3);
  expect(made.deletes).toEqual([5000, 5000, 5000]);
  expect(made.meters.count('archive', 'expired')).toBe(12_345);
  await run(made, 1);
  expect(made.deletes).toEqual([5000, 5000, 5000, 5000]);
});

test('steps that took too long are smaller the next time, and grow again', async () => {
  const made = rig({ slow: true });
  for (const _ of [1, 2, 3]) await run(made, 0);
  expect(made.deletes).toEqual([5000, 2500, 1250]);
  expect(made.failures).toHaveLength(3);
});

test('nothing is deleted without a retention', async () => {
  const made = rig({ old: 100, retentionMs: null });
  await run(made, 0);
  expect(made.deletes).toEqual([]);
});

test('an engine that does not do it by itself is told when to keep statistics and to clean up', async () => {
  const made = rig({ old: 20_000 });
  made.written = 999;
  await run(made, 5);
  expect(made.maintained).toEqual(['vacuum (analyze) sluice_publications']);
  made.written = 1998;
  await run(made, 1);
  expect(made.maintained).toHaveLength(1);
  made.written = 1999;
  await run(made, 1);
  expect(made.maintained.slice(1)).toEqual(['analyze sluice_publications']);
});

test('it ends with the archive', async () => {
  const made = rig({ old: 1 });
  made.upkeep.close();
  expect(made.clock.pending).toBe(0);
});
