/** How the writer batches, waits and tries again, with a database that does what the test says. */
import { describe, expect, test, vi } from 'vitest';
import { RETRY } from '../../src/archive/retry.ts';
import type { Sql, SqlRow } from '../../src/archive/sql.ts';
import { SqlError } from '../../src/archive/sql.ts';
import type { SqlTrouble } from '../../src/archive/sql.ts';
import { Writer } from '../../src/archive/writer.ts';
import { backoffMs } from '../../src/kernel/backoff.ts';
import { ThrottledLog } from '../../src/kernel/log.ts';
import { Meters } from '../../src/kernel/meters.ts';
import { ManualClock } from '../support/clock.ts';
import { KeptLog } from '../support/log.ts';
import { range } from './rig.ts';

/** One statement, as the database got it: the offsets of its lines. */
interface Statement {
  readonly offsets: readonly number[];
  readonly end: (trouble?: SqlTrouble) => void;
}

interface Rig {
  readonly writer: Writer;
  readonly clock: ManualClock;
  readonly meters: Meters;
  readonly statements: Statement[];
  readonly failures: unknown[];
  readonly add: (from: number, to: number, text?: string) => void;
  /** The statement that runs now, once there is one. */
  readonly running: (nth: number) => Promise<Statement>;
}

function rig({ delayMs = 100, opened = Promise.resolve() } = {}): Rig {
  const clock = new ManualClock();
  const meters = new Meters();
  const statements: Statement[] = [];
  const failures: unknown[] = [];
  const sql: Sql = {
    name: 'scripted',
    width: 1,
    maintain: null,
    ask: (_text, params = []) => {
      const lines = JSON.parse(String(params[0])) as { readonly p: number }[];
      const { promise, resolve, reject } = Promise.withResolvers<readonly SqlRow[]>();
      const end = (trouble?: SqlTrouble): void => {
        if (trouble === undefined) resolve([{ written: lines.length }]);
        else reject(new SqlError(trouble, 'of the test'));
      };
      statements.push({ offsets: lines.map(({ p }) => p), end });
      return promise;
    },
    transaction: () => expect.fail('one statement is a transaction'),
    close: () => Promise.resolve(),
  };
  const writer = new Writer({
    sql,
    clock,
    random: () => 0.5,
    throttled: new ThrottledLog(new KeptLog(), () => clock.now()),
    publicationsMax: 10_000,
    bytesMax: 10_000_000,
    delayMs,
    count: meters.counter('archive', 'Of the test.', 'outcome'),
    opened: () => opened,
    failed: (error) => void failures.push(error),
  });
  return {
    writer,
    clock,
    meters,
    statements,
    failures,
    add(from, to, text = '1') {
      for (const offset of range(from, to)) {
        const end = `"c":"room","d":"${text}"}`;
        expect(writer.reserve(end)).toBe(true);
        writer.add({ epoch: 'e', offset, atMs: offset }, end);
      }
    },
    running: (nth) =>
      vi.waitFor(() => {
        const statement = statements[nth];
        if (statement === undefined) throw new Error(`there is no statement ${nth}`);
        return statement;
      }, QUICKLY),
  };
}

const QUICKLY = { timeout: 5000, interval: 1 };

/** So that what is done without waiting is done. */
async function turn(): Promise<void> {
  await new Promise((resolve) => void setImmediate(resolve));
}

describe('a writer', () => {
  test('waits for more, and then writes what came in one statement', async () => {
    const { add, clock, statements, running } = rig();
    add(1, 3);
    clock.advance(60);
    add(4, 5);
    await turn();
    expect(statements).toEqual([]);
    clock.advance(40);
    expect((await running(0)).offsets).toEqual(range(1, 5));
  });

  test('waits no longer when there is enough for one statement', async () => {
    const { add, running } = rig({ delayMs: 60_000 });
    add(1, 1200);
    const first = await running(0);
    expect(first.offsets).toEqual(range(1, 500));
    first.end();
    expect((await running(1)).offsets).toEqual(range(501, 1000));
  });

  test('puts no more than so many bytes in one statement, but at least one line', async () => {
    const { add, clock, running } = rig();
    add(1, 3, 'x'.repeat(100_000));
    add(4, 4, 'x'.repeat(1_000_000));
    add(5, 500);
    clock.advance(100);
    for (const [nth, offsets] of [range(1, 2), [3], [4], range(5, 500)].entries()) {
      const statement = await running(nth);
      expect(statement.offsets).toEqual(offsets);
      statement.end();
    }
  });

  test('writes one statement after the other, in the order of what was published', async () => {
    const { add, clock, statements, running } = rig();
    add(1, 2);
    clock.advance(100);
    const first = await running(0);
    add(3, 600);
    clock.advance(50);
    await turn();
    expect(statements).toHaveLength(1);
    first.end();
    const second = await running(1);
    expect(second.offsets).toEqual(range(3, 502));
    second.end();
    await turn();
    // What came while it wrote waits for others.
    expect(statements).toHaveLength(2);
    clock.advance(50);
    expect((await running(2)).offsets).toEqual(range(503, 600));
  });

  test.each(['away', 'fault'] as const)(
    'tries again what failed with %s, later each time, and gives nothing up',
    async (trouble) => {
      const { add, clock, writer, statements, running, failures, meters } = rig();
      add(1, 10);
      clock.advance(100);
      for (const [attempt, waitMs] of [75, 150, 300, 600, 1200, 2400, 3750, 3750].entries()) {
        const statement = await running(attempt);
        expect(statement.offsets).toEqual(range(1, 10));
        statement.end(trouble);
        await vi.waitFor(() => expect(clock.pending).toBe(1), QUICKLY);
        clock.advance(waitMs - 1);
        await turn();
        expect(statements).toHaveLength(attempt + 1);
        clock.advance(1);
      }
      expect(failures).toHaveLength(8);
      expect(meters.count('archive', 'retried')).toBe(8);
      (await running(8)).end();
      await vi.waitFor(() => expect(writer.size).toEqual({ publications: 0, bytes: 0 }));
      expect(meters.count('archive', 'written')).toBe(10);
    },
  );

  test('does less at once when it took too long, and more again when it did not', async () => {
    const { add, clock, running } = rig();
    add(1, 500);
    const sizes: number[] = [];
    for (const [nth, trouble] of (
      ['slow', 'slow', 'slow', undefined, undefined] as const
    ).entries()) {
      const statement = await running(nth);
      sizes.push(statement.offsets.length);
      statement.end(trouble);
      await turn();
      clock.advance(5000);
    }
    expect(sizes).toEqual([500, 250, 125, 63, 126]);
  });

  test('finds what the database does not take, and drops that alone', async () => {
    const { add, writer, clock, statements, running, failures, meters } = rig();
    add(1, 500);
    for (let nth = 0; writer.size.publications > 0; nth += 1) {
      const { offsets, end } = await running(nth);
      end(offsets.includes(123) ? 'refused' : undefined);
      await turn();
      clock.advance(1000);
    }
    expect(meters.count('archive', 'written')).toBe(499);
    expect(meters.count('archive', 'rejected')).toBe(1);
    // The database answers, so there is nothing to wait for.
    expect(failures).toEqual([]);
    expect(statements.length).toBeLessThan(50);
  });

  test('tells when all is written that was there, and is then in no hurry', async () => {
    const { add, writer, statements, running } = rig({ delayMs: 60_000 });
    expect(await writer.settled(0)).toBe(true);
    add(1, 2);
    const settled = writer.settled(1000);
    const first = await running(0);
    add(3, 4);
    first.end();
    expect(await settled).toBe(true);
    await turn();
    expect(statements).toHaveLength(1);
  });

  test('tells when it is not written in time', async () => {
    const { add, writer, clock, running } = rig();
    add(1, 2);
    const settled = writer.settled(1000);
    await running(0);
    clock.advance(1000);
    expect(await settled).toBe(false);
  });

  test('tells what is left when it is closed, and begins nothing more', async () => {
    const { add, writer, clock, statements, running } = rig();
    add(1, 2);
    expect(writer.reserve('{}')).toBe(true);
    const closed = writer.close(1000);
    (await running(0)).end('away');
    await turn();
    clock.advance(1000);
    expect(await closed).toBe(3);
    clock.advance(60_000);
    await turn();
    expect(statements.length).toBeLessThanOrEqual(2);
    const count = statements.length;
    clock.advance(60_000);
    await turn();
    expect(statements).toHaveLength(count);
  });
});

test('attempts are apart by up to 5 s, and at random', () => {
  expect([1, 2, 3, 7, 1001].map((failures) => backoffMs(RETRY, failures, 0))).toEqual([
    50, 100, 200, 2500, 2500,
  ]);
  expect([1, 7].map((failures) => backoffMs(RETRY, failures, 0.999_999))).toEqual([100, 5000]);
});
