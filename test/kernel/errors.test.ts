import { describe, expect, test } from 'vitest';
import type { ErrorEntry, ErrorKind } from '../../src/kernel/errors.ts';
import { APP_ERROR_CODES, ERRORS, Refusal } from '../../src/kernel/errors.ts';

describe('the table of errors', () => {
  const entries: readonly ErrorEntry[] = Object.values(ERRORS);

  test('has each code once, none of them of an application', () => {
    const codes = entries.map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) {
      expect(code).toBeGreaterThanOrEqual(100);
      expect(code).toBeLessThan(APP_ERROR_CODES.min);
    }
  });

  test('says each in words', () => {
    for (const { message } of entries) expect(message).toMatch(/^[a-z ]+$/);
  });
});

describe('a refusal', () => {
  test('carries an entry of the table, and a detail', () => {
    const refusal = new Refusal('limitExceeded', 'at most 128 channels');
    expect(refusal.entry).toBe(ERRORS.limitExceeded);
    expect(refusal.message).toBe('limit exceeded: at most 128 channels');
    expect(refusal.name).toBe('Refusal');
    expect(refusal.is('limitExceeded')).toBe(true);
    expect(refusal.is('internal')).toBe(false);
    expect(new Refusal('internal').message).toBe('internal error');
  });

  test('carries an error of the application', () => {
    const entry = { code: 400, message: 'no such room', temporary: false };
    const refusal = new Refusal(entry);
    expect(refusal.entry).toBe(entry);
    expect(refusal.message).toBe('no such room');
    const kinds = Object.keys(ERRORS) as ErrorKind[];
    expect(kinds.some((kind) => refusal.is(kind))).toBe(false);
  });
});
