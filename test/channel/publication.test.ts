import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Draft } from '../../src/channel/publication.ts';
import { digestOf, placed, weightOf } from '../../src/channel/publication.ts';
import { Json } from '../../src/kernel/data.ts';

function draft(set: Partial<Draft> = {}): Draft {
  return { data: Json.of(1), info: null, tags: null, event: null, wantsDelta: false, ...set };
}

describe('a place', () => {
  test('tells the epoch with the first publication of a stream, and with no other', () => {
    expect([0, 1, 2, 3].map((offset) => placed(draft(), offset, 'e').epoch)).toEqual([
      null,
      'e',
      null,
      null,
    ]);
  });

  test('leaves what is said as it is', () => {
    const said = draft({ event: 'e', tags: { a: 'b' }, wantsDelta: true });
    expect(placed(said, 7, 'e')).toEqual({ ...said, offset: 7, epoch: null, delta: false });
  });
});

test('a publication weighs more than its data', () => {
  expect(weightOf(draft({ data: new Uint8Array(1000) }))).toBeGreaterThan(1000);
  expect(weightOf(draft({ data: new Json('"'.repeat(1000)) }))).toBeGreaterThan(1000);
});

describe('a digest', () => {
  const texts = fc.string({ unit: 'binary', maxLength: 20 });
  const drafts = fc.record<Draft>({
    data: fc.oneof(
      texts.map((text) => new Json(JSON.stringify(text))),
      fc.uint8Array({ maxLength: 20 }),
    ),
    info: fc.constant(null),
    tags: fc.option(fc.dictionary(texts, texts, { maxKeys: 3 })),
    event: fc.option(texts),
    wantsDelta: fc.constant(false),
  });
  const said = ({ data, tags, event }: Draft): string =>
    JSON.stringify([
      data instanceof Json ? data.text : [...data],
      event ?? '',
      Object.entries(tags ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ]);

  test('is the same where the same is said, and another where something else is', () => {
    fc.assert(
      fc.property(drafts, drafts, (one, other) => {
        expect(digestOf(one) === digestOf(other)).toBe(said(one) === said(other));
      }),
      { numRuns: 5000 },
    );
  });

  test('tells near things apart', () => {
    const alike: Draft[] = [
      draft({ data: Json.of('a') }),
      draft({ data: new TextEncoder().encode('"a"') }),
      draft({ data: Json.of('a'), event: 'e' }),
      draft({ data: Json.of('a'), tags: { e: '' } }),
      draft({ data: Json.of('a'), tags: { '': 'e' } }),
      draft({ data: Json.of('a'), tags: { a: 'b', c: 'd' } }),
      draft({ data: Json.of('a'), tags: { a: 'bc', '': 'd' } }),
      draft({ data: Json.of('a'), tags: { a: 'd', c: 'b' } }),
      draft({ data: new Json('""'), event: 'a' }),
      draft({ data: new Uint8Array(0) }),
      draft({ data: new Uint8Array(1) }),
      draft({ data: new Uint8Array(2) }),
    ];
    expect(new Set(alike.map(digestOf)).size).toBe(alike.length);
  });

  test('does not collide among a hundred thousand numbers', () => {
    const digests = new Set<string>();
    for (let n = 0; n < 100_000; n += 1) digests.add(digestOf(draft({ data: Json.of({ n }) })));
    expect(digests.size).toBe(100_000);
  });

  test('does not care who says it, or in which order its tags stand', () => {
    const info = { client: 'c', user: 'u', connInfo: null, chanInfo: null };
    const one = draft({ tags: { a: '1', b: '2' } });
    const other = draft({ tags: { b: '2', a: '1' }, info, wantsDelta: true });
    expect(digestOf(one)).toBe(digestOf(other));
    expect(digestOf(draft({ event: '' }))).toBe(digestOf(draft({ event: null })));
  });
});
