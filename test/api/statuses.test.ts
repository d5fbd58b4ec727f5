/** The table of HTTP statuses. */
import { expect, test } from 'vitest';
import { kindsOf, STATUSES, statusOf } from '../../src/api/statuses.ts';
import type { ErrorKind } from '../../src/kernel/errors.ts';
import { ERRORS, Refusal } from '../../src/kernel/errors.ts';

const kinds = Object.keys(ERRORS) as ErrorKind[];

test('every error has a status, and no other has', () => {
  expect(Object.keys(STATUSES).toSorted()).toEqual(kinds.toSorted());
  for (const kind of kinds) {
    expect(statusOf(new Refusal(kind, 'why'))).toBe(STATUSES[kind]);
    expect(STATUSES[kind]).toBeGreaterThanOrEqual(400);
    expect(STATUSES[kind]).toBeLessThan(600);
    expect(kindsOf(STATUSES[kind])).toContain(kind);
  }
});

test('only what is temporary may be answered with 503', () => {
  for (const kind of kinds) {
    if (STATUSES[kind] === 503) expect(ERRORS[kind].temporary).toBe(true);
  }
});

test('an entry that only looks like one of the table has its status', () => {
  const entry = { code: ERRORS.permissionDenied.code, message: 'no', temporary: false };
  expect(statusOf(new Refusal(entry))).toBe(403);
});

test('errors of an application are 400, or 503 when they are temporary', () => {
  expect(statusOf(new Refusal({ code: 1000, message: 'no', temporary: false }))).toBe(400);
  expect(statusOf(new Refusal({ code: 1000, message: 'later', temporary: true }))).toBe(503);
});
