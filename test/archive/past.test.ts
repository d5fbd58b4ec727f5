/** A stream and the archive as one log: whatever either holds, nothing is told twice, out of order or past a hole. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PieceQuery, Piece } from '../../src/archive/reader.ts';
import type { Publication } from '../../src/channel/publication.ts';
import { placed } from '../../src/channel/publication.ts';
import type { Page } from '../../src/channel/recovery.ts';
import type { Beyond, Past } from '../../src/past.ts';
import { backward, forward } from '../../src/past.ts';
import { ManualClock } from '../support/clock.ts';
import { draft, newChannel, range } from './rig.ts';

const CHANNEL = newChannel();

function publicationAt(offset: number): Publication {
  return placed(draft(offset), offset, 'now');
}

/** What is archived, by epoch. */
type Archived = Readonly<Record<string, readonly number[]>>;

interface Log {
  readonly archived: Archived;
  /** The oldest that the stream holds. */
  readonly oldest: number;
  readonly top: number;
  readonly former?: Page['former'];
}

interface Asked {
  readonly since?: number;
  readonly limit: number;
  readonly reverse?: boolean;
}

function pieceOf(archived: Archived, { epoch, after, before, reverse, limit }: PieceQuery): Piece {
  const found = (archived[epoch] ?? []).filter((offset) => offset > after && offset < before);
  const ordered = reverse ? found.toReversed() : found;
  const publications = ordered.slice(0, limit).map(publicationAt);
  return { publications, more: found.length > limit };
}

function pastOf(archived: Archived, set: Partial<Past> = {}): Past {
  return {
    archive: {
      piece: (query) => Promise.resolve(pieceOf(archived, query)),
      settled: () => Promise.resolve(true),
    },
    clock: new ManualClock(),
    delayMs: 10,
    ...set,
  };
}

/** What the stream gives by itself. */
function beyondOf({ oldest, top, former = null }: Log, asked: Asked): Beyond {
  const { since, limit, reverse = false } = asked;
  const held = range(oldest, top).filter((offset) =>
    reverse ? offset < (since ?? Infinity) : offset > (since ?? 0),
  );
  const publications = (reverse ? held.toReversed() : held).slice(0, limit).map(publicationAt);
  return {
    channel: CHANNEL,
    page: { publications, top: { offset: top, epoch: 'now' }, former },
    since: since === undefined ? null : { offset: since, epoch: 'now' },
    limit,
  };
}

async function read(log: Log, asked: Asked, past = pastOf(log.archived)): Promise<number[]> {
  const beyond = beyondOf(log, asked);
  const page = await (asked.reverse === true ? backward : forward)(past, beyond);
  expect(page.top).toEqual(beyond.page.top);
  return page.publications.map(({ offset }) => offset);
}

describe('the past of a stream', () => {
  const log = { archived: { now: range(1, 95) }, oldest: 91, top: 100 };

  test.each<[string, Asked, number[]]>([
    ['from the oldest that is kept at all', { limit: 3 }, [1, 2, 3]],
    ['from a place before the stream', { since: 80, limit: 5 }, range(81, 85)],
    ['into the stream', { since: 85, limit: 10 }, range(86, 95)],
    ['to the end of it', { since: 85, limit: 300 }, range(86, 100)],
    ['within the stream', { since: 95, limit: 3 }, [96, 97, 98]],
    ['at its end', { since: 100, limit: 3 }, []],
    ['backward', { limit: 3, reverse: true }, [100, 99, 98]],
    ['backward into the archive', { limit: 15, reverse: true }, range(86, 100).toReversed()],
    ['backward from within', { since: 93, limit: 5, reverse: true }, range(88, 92).toReversed()],
    ['backward from before', { since: 50, limit: 3, reverse: true }, [49, 48, 47]],
    ['backward from beyond', { since: 500, limit: 11, reverse: true }, range(90, 100).toReversed()],
    ['backward to the first', { since: 3, limit: 5, reverse: true }, [2, 1]],
    ['backward from the first', { since: 1, limit: 5, reverse: true }, []],
  ])('is read %s', async (_, asked, expected) => {
    expect(await read(log, asked)).toEqual(expected);
  });

  test('is there when the stream holds nothing any more', async () => {
    const empty = { archived: { now: range(1, 100) }, oldest: 101, top: 100 };
    expect(await read(empty, { limit: 2, reverse: true })).toEqual([100, 99]);
    expect(await read(empty, { since: 97, limit: 5 })).toEqual([98, 99, 100]);
  });

  test('ends before a hole, and goes on behind it with the next page', async () => {
    const holed = { archived: { now: [...range(1, 40), ...range(45, 95)] }, oldest: 91, top: 100 };
    expect(await read(holed, { since: 36, limit: 300 })).toEqual(range(37, 40));
    expect(await read(holed, { since: 40, limit: 3 })).toEqual([45, 46, 47]);
    expect(await read(holed, { limit: 300, reverse: true })).toEqual(range(45, 100).toReversed());
    expect(await read(holed, { since: 45, limit: 2, reverse: true })).toEqual([40, 39]);
  });

  test('does not leap from the archive to the stream over what is in neither', async () => {
    const holed = { archived: { now: range(1, 85) }, oldest: 91, top: 100 };
    expect(await read(holed, { since: 83, limit: 300 })).toEqual([84, 85]);
    expect(await read(holed, { since: 85, limit: 2 })).toEqual([91, 92]);
    expect(await read(holed, { limit: 300, reverse: true })).toEqual(range(91, 100).toReversed());
  });

  test('is of one life of the stream, and of the one that it goes on from', async () => {
    const archived = { before: range(1, 60), now: range(51, 100), other: range(1, 100) };
    const alone = { archived, oldest: 91, top: 100 };
    expect(await read(alone, { since: 45, limit: 3 })).toEqual([51, 52, 53]);
    const heir = { ...alone, former: { epoch: 'before', offset: 50 } };
    expect(await read(heir, { since: 45, limit: 300 })).toEqual(range(46, 100));
    expect(await read(heir, { limit: 300, reverse: true })).toEqual(range(1, 100).toReversed());
    expect(await read(heir, { since: 10, limit: 3 })).toEqual([11, 12, 13]);
    expect(await read(heir, { since: 50, limit: 2 })).toEqual([51, 52]);
  });

  test('waits for what is on its way from this gateway', async () => {
    const late = [...range(1, 85)];
    const past = pastOf({ now: late });
    const settled = {
      ...past,
      archive: {
        ...past.archive,
        settled: () => {
          late.push(...range(late.length + 1, 92));
          return Promise.resolve(true);
        },
      },
    };
    const log2 = { archived: { now: late }, oldest: 91, top: 100 };
    expect(await read(log2, { since: 83, limit: 300 }, settled)).toEqual(range(84, 100));
  });

  test('waits for what may be on its way from another, and not for what is older', async () => {
    const clock = new ManualClock();
    const late = [...range(1, 85)];
    const past = pastOf({ now: late }, { clock });
    const beyond = beyondOf({ archived: {}, oldest: 91, top: 100 }, { since: 83, limit: 300 });
    const aged = (ageMs: number): Beyond => ({
      ...beyond,
      page: { ...beyond.page, times: beyond.page.publications.map(() => clock.now() - ageMs) },
    });
    const offsets = (page: Page): number[] => page.publications.map(({ offset }) => offset);
    expect(offsets(await forward(past, aged(60_000)))).toEqual([84, 85]);
    const young = forward(past, aged(100));
    await expect.poll(() => clock.pending, { interval: 1 }).toBe(1);
    late.push(...range(86, 92));
    clock.advance(20);
    expect(offsets(await young)).toEqual(range(84, 100));
  });

  test('is in one piece, in order and once, whatever is held where', async () => {
    const offsets = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 30 });
    const some = fc.record({
      archived: offsets.map((all) => ({ now: all.toSorted((one, other) => one - other) })),
      top: fc.integer({ min: 0, max: 30 }),
      held: fc.integer({ min: 0, max: 12 }),
      since: fc.option(fc.integer({ min: 0, max: 32 }), { nil: undefined }),
      limit: fc.integer({ min: 1, max: 40 }),
      reverse: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(some, async ({ archived, top, held, since, limit, reverse }) => {
        const known = { now: archived.now.filter((offset) => offset <= top) };
        const oldest = Math.max(1, top - held + 1);
        const asked = { limit, reverse, ...(since === undefined ? {} : { since }) };
        const got = await read({ archived: known, oldest, top }, asked);
        const all = new Set([...known.now, ...range(oldest, top)]);
        // The first that there is, and then one after the other as long as there are.
        const step = reverse ? -1 : 1;
        const start = since ?? (reverse ? top + 1 : 0);
        let next = [...all]
          .filter((offset) => (offset - start) * step > 0)
          .toSorted((one, other) => (one - other) * step)[0];
        const expected: number[] = [];
        while (next !== undefined && all.has(next) && expected.length < limit) {
          expected.push(next);
          next += step;
        }
        expect(got).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });
});
