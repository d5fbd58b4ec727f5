/** What an archive does, whichever engine it is in. */
import { describe, expect, test, vi } from 'vitest';
import type { Sql } from '../../src/archive/sql.ts';
import { SqlError } from '../../src/archive/sql.ts';
import { Json } from '../../src/kernel/data.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { ManualClock } from '../support/clock.ts';
import {
  dataOf,
  draft,
  keep,
  newChannel,
  open,
  openRig,
  queryOf,
  range,
  readAll,
  rigOf,
  SOON,
} from './rig.ts';

export function archiveSuite(name: string, sql: () => Sql): void {
  describe(`${name}: what is archived`, () => {
    test('is all that a publication has, as it was', async () => {
      const { archive } = await openRig(sql());
      const channel = newChannel();
      const info = {
        client: 'c\0',
        user: 'ünïcode \ud800',
        connInfo: new Json('{"a" : 12345678901234567890}'),
        chanInfo: new Uint8Array([0, 255, 10]),
      };
      const drafts = [
        draft(0, { data: new Json('{"b" :\t1.0, "c": "\\u0000"}'), info }),
        draft(0, { data: new Json('"🚀\\ud800"'), tags: { 'a "b"': '\0', __proto__: 'x' } }),
        draft(0, { data: new Uint8Array([0, 1, 13, 10, 200]), event: 'e\0vent\n' }),
        draft(0, { data: new Uint8Array(300).fill(7) }),
        draft('x'.repeat(100_000)),
        draft(0, { info: { ...info, connInfo: null, chanInfo: null } }),
      ];
      for (const [index, one] of drafts.entries()) {
        const position = { offset: index + 1, epoch: 'e' };
        archive.admit(channel, one).keep({ position, atMs: 1_700_000_000_123 + index });
      }
      const read = await readAll({ archive }, channel);
      expect(read.map(({ publication }) => publication)).toEqual(
        drafts.map((one, index) => ({
          ...one,
          offset: index + 1,
          epoch: index === 0 ? 'e' : null,
          delta: false,
        })),
      );
      expect(read.map(({ atMs, epoch }) => [atMs - 1_700_000_000_123, epoch])).toEqual(
        drafts.map((_, index) => [index, 'e']),
      );
    });

    test('has half a character replaced, which no encoding could carry on', async () => {
      const { archive } = await openRig(sql());
      const channel = newChannel();
      const entry = archive.admit(channel, draft(0, { data: new Json('"a\ud800b"') }));
      entry.keep({ position: { offset: 1, epoch: 'e' }, atMs: 1 });
      expect(dataOf(await readAll({ archive }, channel))).toEqual(['a\ufffdb']);
    });

    test('is there once, however often and by however many it is written', async () => {
      const [one, other] = [await openRig(sql()), await openRig(sql())];
      const channel = newChannel();
      keep(one, channel, { to: 20 });
      keep(other, channel, { from: 11, to: 30 });
      await Promise.all([one.archive.settled(5000), other.archive.settled(5000)]);
      expect(dataOf(await readAll(one, channel))).toEqual(range(1, 30));
      const count = (outcome: string): number =>
        one.meters.count('archive', outcome) + other.meters.count('archive', outcome);
      expect([count('written'), count('known')]).toEqual([30, 10]);
    });

    test('keeps what has no offset, of several gateways, in the order of its times', async () => {
      const [one, other] = [await openRig(sql()), await openRig(sql())];
      const channel = newChannel();
      keep(one, channel, { from: 1, to: 3, epoch: '' });
      keep(other, channel, { from: 4, to: 6, epoch: '' });
      keep(one, channel, { from: 7, to: 8, epoch: '' });
      await other.archive.settled(5000);
      const read = await readAll(one, channel);
      expect(dataOf(read)).toEqual(range(1, 8));
      expect(read.every(({ epoch, publication }) => epoch === '' && publication.offset === 0)).toBe(
        true,
      );
    });

    test('keeps what was published within a millisecond in its order', async () => {
      const rig = await openRig(sql());
      const [placed, unplaced] = [newChannel(), newChannel()];
      for (const n of range(1, 12)) {
        const of = { atMs: 5000, position: { offset: n, epoch: 'e' } };
        rig.archive.admit(placed, draft(n)).keep(of);
        rig.archive.admit(unplaced, draft(n)).keep({ ...of, position: { offset: 0, epoch: '' } });
      }
      expect(dataOf(await readAll(rig, placed, { limit: 5 }))).toEqual(range(1, 12));
      expect(dataOf(await readAll(rig, unplaced, { limit: 5 }))).toEqual(range(1, 12));
    });

    test('is not what was never published', async () => {
      const rig = await openRig(sql());
      const channel = newChannel();
      const [first, second] = [1, 2].map((n) => rig.archive.admit(channel, draft(n)));
      first?.drop();
      second?.keep({ position: { offset: 1, epoch: 'e' }, atMs: 1 });
      expect(dataOf(await readAll(rig, channel))).toEqual([2]);
    });
  });

  describe(`${name}: a page`, () => {
    test('is between two times, the first with and the second without', async () => {
      const rig = await openRig(sql());
      const channel = newChannel();
      keep(rig, channel, { to: 9 });
      const between = (fromMs?: number, toMs?: number): Promise<unknown[]> =>
        readAll(rig, channel, { fromMs, toMs }).then(dataOf);
      expect(await between(1003, 1006)).toEqual([3, 4, 5]);
      expect(await between(1003)).toEqual(range(3, 9));
      expect(await between(undefined, 1003)).toEqual([1, 2]);
      expect(await between(2000)).toEqual([]);
      expect(await between(1006, 1003)).toEqual([]);
    });

    test('is of one life of a stream between two offsets, both with', async () => {
      const rig = await openRig(sql());
      const channel = newChannel();
      keep(rig, channel, { to: 9, epoch: 'first' });
      keep(rig, channel, { to: 4, epoch: 'second', atMs: 2000 });
      const between = (epoch: string, fromOffset?: number, toOffset?: number): Promise<unknown[]> =>
        readAll(rig, channel, { epoch, fromOffset, toOffset }).then(dataOf);
      expect(await between('first', 3, 5)).toEqual([3, 4, 5]);
      expect(await between('second', 3, 5)).toEqual([3, 4]);
      expect(await between('first', 8)).toEqual([8, 9]);
      expect(await between('first', undefined, 2)).toEqual([1, 2]);
      expect(await between('third')).toEqual([]);
      expect(await rig.archive.newestEpoch(channel)).toBe('second');
      expect(await rig.archive.newestEpoch(newChannel())).toBe(null);
    });

    test.each([
      ['forward by time', {}, range(1, 25)],
      ['backward by time', { reverse: true }, range(1, 25).toReversed()],
      ['forward by offset', { epoch: 'e' }, range(1, 25)],
      ['backward by offset', { epoch: 'e', reverse: true }, range(1, 25).toReversed()],
      ['within times', { fromMs: 1004, toMs: 1020, reverse: true }, range(4, 19).toReversed()],
    ])('leads to the next, %s', async (_, query, expected) => {
      const rig = await openRig(sql());
      const channel = newChannel();
      keep(rig, channel, { to: 25 });
      for (const limit of [1, 4, 5, 25, 26]) {
        expect(dataOf(await readAll(rig, channel, { ...query, limit }))).toEqual(expected);
      }
      const { publications, next } = await rig.archive.page(
        queryOf(channel, { ...query, limit: expected.length }),
      );
      expect([publications.length, next]).toEqual([expected.length, null]);
    });

    test('has what was published here before it, however long that would wait', async () => {
      const rig = await openRig(sql(), { delayMs: 60_000 });
      const channel = newChannel();
      keep(rig, channel, { to: 700 });
      expect(await readAll(rig, channel, { limit: 1000 })).toHaveLength(700);
    });

    test('is no larger than an answer may be, and has one at least', async () => {
      const rig = await openRig(sql(), { limits: { archiveAnswerBytes: 10_000 } });
      const channel = newChannel();
      for (const [index, size] of [4000, 4000, 4000, 50_000, 10].entries()) {
        const entry = rig.archive.admit(channel, draft('x'.repeat(size)));
        entry.keep({ position: { offset: index + 1, epoch: 'e' }, atMs: index });
      }
      const sizes: number[] = [];
      let after = null;
      do {
        const page = await rig.archive.page(queryOf(channel, { after }));
        sizes.push(page.publications.length);
        after = page.next;
      } while (after !== null);
      expect(sizes).toEqual([2, 1, 1, 1]);
    });
  });

  describe(`${name}: a piece of a stream`, () => {
    const piece = { heir: '', after: 0, before: 1000, reverse: false, limit: 100 };

    test('lies between two offsets, both without', async () => {
      const rig = await openRig(sql());
      const channel = newChannel();
      keep(rig, channel, { to: 9 });
      keep(rig, channel, { to: 9, epoch: 'other' });
      await rig.archive.settled(5000);
      const read = async (query: Partial<typeof piece>): Promise<unknown> => {
        const found = await rig.archive.piece({ ...piece, channel, epoch: 'e', ...query });
        return [found.publications.map(({ offset }) => offset), found.more];
      };
      expect(await read({})).toEqual([range(1, 9), false]);
      expect(await read({ after: 3, before: 6 })).toEqual([[4, 5], false]);
      expect(await read({ after: 3, before: 6, limit: 1 })).toEqual([[4], true]);
      expect(await read({ before: 6, limit: 2, reverse: true })).toEqual([[5, 4], true]);
    });

    test('ends where the history was removed, which only ever moves forward', async () => {
      const rig = await openRig(sql());
      const channel = newChannel();
      keep(rig, channel, { to: 9 });
      await rig.archive.settled(5000);
      await rig.archive.remove(channel, { offset: 5, epoch: 'e' });
      await rig.archive.remove(channel, { offset: 3, epoch: 'e' });
      const read = async (epoch: string, heir: string): Promise<unknown> =>
        (await rig.archive.piece({ ...piece, channel, epoch, heir })).publications.length;
      expect(await read('e', '')).toBe(4);
      // The life that goes on from this one was removed, and so all of this one.
      expect(await read('e', 'next')).toBe(4);
      await rig.archive.remove(channel, { offset: 20, epoch: 'next' });
      expect(await read('e', 'next')).toBe(0);
      expect(dataOf(await readAll(rig, channel))).toEqual(range(1, 9));
    });
  });

  describe(`${name}: writing`, () => {
    test('goes on around what the database does not take, which is told', async () => {
      const rig = await openRig(sql(), { delayMs: 50 });
      const channel = newChannel();
      keep(rig, channel, { to: 40 });
      const poison = rig.archive.admit(channel, draft(0, { data: new Json('"\0"') }));
      poison.keep({ position: { offset: 41, epoch: 'e' }, atMs: 1041 });
      keep(rig, channel, { from: 42, to: 80 });
      expect(dataOf(await readAll(rig, channel))).toEqual([...range(1, 40), ...range(42, 80)]);
      expect(rig.meters.count('archive', 'rejected')).toBe(1);
      expect(rig.log.of('warn')).toMatchObject([
        { fields: { kind: 'archive rejected', channel, offset: 41 } },
      ]);
    });

    test('refuses what there is no room for, before it is published', async () => {
      const held = Promise.withResolvers<never>();
      held.promise.catch(() => {});
      const away: Sql = { ...open(sql()), ask: () => held.promise };
      const rig = rigOf(away, { limits: { archiveBufferPublications: 3 } });
      const channel = newChannel();
      const entries = [1, 2, 3].map((n) => rig.archive.admit(channel, draft(n)));
      const admit = (): unknown => rig.archive.admit(channel, draft(4));
      expect(admit).toThrow(Refusal);
      entries[0]?.drop();
      expect(admit).not.toThrow();
      expect(admit).toThrow(/try again: the archive takes no more/);
      const large = rigOf(away, { limits: { archiveBufferBytes: 1000 } });
      large.archive.admit(channel, draft('x'.repeat(700)));
      expect(() => large.archive.admit(channel, draft('x'.repeat(300)))).toThrow(Refusal);
      expect(large.meters.count('archive', 'refused')).toBe(1);
      held.reject(new SqlError('away', 'of the test'));
      for (const { archive } of [rig, large]) vi.spyOn(archive, 'close').mockResolvedValue();
    });

    test('holds what waits in memory exactly as long as it must', async () => {
      const rig = await openRig(sql());
      const channel = newChannel();
      keep(rig, channel, { to: 1200 });
      await rig.archive.settled(5000);
      const gauges = new Map(
        [...rig.meters.gauges()].map((gauge) => [gauge.name, [...gauge.read()][0]?.[1]]),
      );
      expect(gauges.get('archive_buffer_publications')).toBe(0);
      expect(gauges.get('archive_buffer_bytes')).toBe(0);
      expect(gauges.get('archive_up')).toBe(1);
    });

    test('writes what waits when it is closed', async () => {
      const rig = await openRig(sql(), { delayMs: 60_000 });
      const channel = newChannel();
      keep(rig, channel, { to: 1200 });
      await rig.archive.close();
      const other = await openRig(sql());
      expect(await readAll(other, channel, { limit: 1000 })).toHaveLength(1200);
    });
  });

  describe(`${name}: the retention`, () => {
    test('deletes what is older, by one gateway at a time, and no more', async () => {
      const clock = new ManualClock(100_000_000);
      const rig = await openRig(sql());
      const channel = newChannel();
      // It is looked for after 45 s: three quarters of a minute, as the random number is a half.
      keep(rig, channel, { to: 9, atMs: 40_044_000 });
      keep(rig, channel, { from: 10, to: 20, atMs: 40_146_000 });
      await rig.archive.settled(5000);
      await rig.archive.remove(channel, { offset: 2, epoch: 'e' });
      const keeping = [1, 2].map(() => rigOf(sql(), { clock, retentionMs: 60_000_000 }));
      await vi.waitFor(() => {
        for (const { archive } of keeping) expect(archive.isUp).toBe(true);
      }, SOON);
      clock.advance(45_000);
      await vi.waitFor(async () => {
        clock.advance(20);
        expect(dataOf(await readAll(rig, channel))).toEqual(range(10, 20));
      }, SOON);
      await vi.waitFor(() => {
        clock.advance(20);
        const deleted = keeping.map(({ meters }) => meters.count('archive', 'expired'));
        expect(deleted.filter((count) => count > 0).length).toBe(1);
        for (const { log } of keeping) expect(log.of('warn')).toEqual([]);
      }, SOON);
      const [removals] = await sql().ask(
        'select count(*)::float8 as count from sluice_removals where channel = $1',
        [channel],
      );
      // It is younger.
      expect(removals).toEqual({ count: 1 });
    });
  });
}
