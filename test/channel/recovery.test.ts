import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Publication } from '../../src/channel/publication.ts';
import { placed } from '../../src/channel/publication.ts';
import type { Page, Position } from '../../src/channel/recovery.ts';
import {
  continues,
  latestSince,
  leadsTo,
  missedSince,
  stepOf,
} from '../../src/channel/recovery.ts';
import { Json } from '../../src/kernel/data.ts';

const EPOCH = 'e2';
const FORMER = 'e1';

function publication(offset: number): Publication {
  const data = Json.of(offset);
  return placed({ data, info: null, tags: null, event: null, wantsDelta: false }, offset, EPOCH);
}

function at(offset: number, epoch = EPOCH): Position {
  return { offset, epoch };
}

function page(offsets: readonly number[], top: number, former: Position | null = null): Page {
  return { publications: offsets.map(publication), top: at(top), former };
}

function offsetsOf(publications: readonly Publication[] | null): readonly number[] | null {
  return publications === null ? null : publications.map(({ offset }) => offset);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

describe('a step', () => {
  test.each([
    [6, EPOCH, 'next'],
    [5, EPOCH, 'double'],
    [1, EPOCH, 'double'],
    [7, EPOCH, 'gap'],
    [6, 'other', 'gap'],
    [5, 'other', 'gap'],
  ])('to %i of %s after 5 is a %s', (offset, epoch, step) => {
    expect(stepOf(at(5), offset, epoch)).toBe(step);
  });
});

describe('a page', () => {
  test.each([
    ['all that is after', at(2), page([3, 4, 5], 5), true],
    ['nothing where nothing is after', at(5), page([], 5), true],
    ['of a stream that has nothing', at(0), page([], 0), true],
    ['all of it, to one who knows no epoch', at(0, ''), page([1, 2], 2), true],
    ['without its first', at(2), page([4, 5], 5), false],
    ['without its last', at(2), page([3, 4], 5), false],
    ['with a hole', at(2), page([3, 5], 5), false],
    ['that is empty below its top', at(2), page([], 5), false],
    ['of a top below the place', at(6), page([], 5), false],
    ['of another epoch', at(2, 'other'), page([3, 4, 5], 5), false],
    [
      'of a life that goes on from that of the place',
      at(2, FORMER),
      page([3, 4], 4, at(2, FORMER)),
      true,
    ],
    [
      'of a life that goes on from before the place',
      at(2, FORMER),
      page([3, 4], 4, at(1, FORMER)),
      false,
    ],
    ['of a life that goes on from another', at(2, 'other'), page([3, 4], 4, at(2, FORMER)), false],
  ])('%s', (_what, since, read, expected) => {
    expect(continues(read, since)).toBe(expected);
    expect(missedSince(since, read, [], read.top) !== null).toBe(expected);
  });

  test('leads from each place of its own life, and from the former as far as that was kept', () => {
    const read = page([], 9, at(4, FORMER));
    const all = [at(9), at(99), at(0, ''), at(4, FORMER), at(5, FORMER), at(1, 'other')];
    expect(all.map((since) => leadsTo(read, since))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

/**
 * A stream with a history of limited size; a reader somewhere in it; a page that was read some time
 * ago; and what a feed has delivered since then, of which only the last may have been held.
 */
interface Scene {
  readonly since: number;
  readonly readAt: number;
  readonly here: number;
  readonly kept: number;
  readonly limit: number;
  readonly held: number;
  readonly before: number;
}

const scenes = fc.record<Scene>({
  since: fc.integer({ min: 0, max: 14 }),
  readAt: fc.integer({ min: 0, max: 12 }),
  here: fc.integer({ min: 0, max: 12 }),
  kept: fc.integer({ min: 0, max: 12 }),
  limit: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(Infinity)),
  held: fc.integer({ min: 0, max: 12 }),
  // The tail may begin before the read, as another reader's read began earlier.
  before: fc.integer({ min: 0, max: 3 }),
});

/** What is read at `readAt`, and what was delivered from a little before then up to `here`. */
function stage({ since, readAt, here, kept, limit, held, before }: Scene): {
  read: Page;
  tail: Publication[];
} {
  const oldest = Math.max(1, readAt - kept + 1, since + 1);
  const offsets = range(oldest, readAt).slice(0, limit);
  const delivered = range(Math.max(1, readAt - before + 1), here);
  const last = held === 0 ? [] : delivered.slice(-held);
  return { read: page(offsets, readAt), tail: last.map(publication) };
}

describe('what was missed', () => {
  test('is all of it or nothing, and all of it wherever it can be had', () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const { read, tail } = stage(scene);
        const { since, readAt, here } = scene;
        const missed = offsetsOf(missedSince(at(since), read, tail, at(here)));
        const known = new Set([...read.publications, ...tail].map(({ offset }) => offset));
        const wanted = range(since + 1, here);
        // A reader that is ahead, or whose page is, misses something nobody here knows.
        const possible =
          since <= readAt &&
          readAt <= here &&
          range(since + 1, readAt).every((offset) =>
            read.publications.some((one) => one.offset === offset),
          ) &&
          wanted.every((offset) => known.has(offset));
        expect(missed).toEqual(possible ? wanted : null);
      }),
      { numRuns: 20_000 },
    );
  });

  test('is nothing where the place, the page and the feed are of different lives', () => {
    const epochs = fc.constantFrom('e1', 'e2', 'e3');
    fc.assert(
      fc.property(scenes, epochs, epochs, epochs, (scene, one, two, three) => {
        const { read, tail } = stage(scene);
        const paged = { ...read, top: { ...read.top, epoch: two } };
        const missed = missedSince(at(scene.since, one), paged, tail, at(scene.here, three));
        if (one !== two || two !== three) expect(missed).toBeNull();
      }),
      { numRuns: 2000 },
    );
  });

  test('skips what was published past the history', () => {
    const tail = [publication(0), publication(3), publication(0), publication(4)];
    expect(offsetsOf(missedSince(at(1), page([2], 2), tail, at(4)))).toEqual([2, 3, 4]);
  });
});

describe('the latest', () => {
  test('is the one at the place of the feed or nothing, unless the reader has it', () => {
    fc.assert(
      fc.property(scenes, fc.boolean(), (scene, sameLife) => {
        const { since, readAt, here, kept } = scene;
        const { tail } = stage(scene);
        const newest = kept > 0 && readAt > 0 ? [readAt] : [];
        const place = at(since, sameLife ? EPOCH : FORMER);
        const latest = offsetsOf(latestSince(place, page(newest, readAt), tail, at(here)));
        if (sameLife && since === here) {
          expect(latest).toEqual([]);
        } else if (latest !== null) {
          expect(latest).toEqual([here]);
        } else {
          const known = [...newest, ...tail.map(({ offset }) => offset)];
          expect(known).not.toContain(here);
        }
      }),
      { numRuns: 20_000 },
    );
  });

  test('needs no history for one who has it', () => {
    expect(latestSince(at(5), page([], 5), [], at(5))).toEqual([]);
    expect(latestSince(at(0), page([], 0), [], at(0))).toEqual([]);
    expect(latestSince(at(4), page([], 5), [], at(5))).toBeNull();
    expect(latestSince(at(5, FORMER), page([], 5), [], at(5))).toBeNull();
  });

  test('needs none for one who has it from the life before', () => {
    expect(latestSince(at(5, FORMER), page([], 5, at(5, FORMER)), [], at(5))).toEqual([]);
    expect(latestSince(at(5, FORMER), page([], 5, at(4, FORMER)), [], at(5))).toBeNull();
    expect(latestSince(at(5, 'e0'), page([], 5, at(5, FORMER)), [], at(5))).toBeNull();
    // One who has seen nothing yet gets what there is.
    expect(latestSince(at(5, ''), page([5], 5), [], at(5))).toEqual([publication(5)]);
  });
});
