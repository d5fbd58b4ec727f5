import { describe, expect, test } from 'vitest';
import { ERRORS } from '../../src/kernel/errors.ts';
import type { Limit } from '../../src/kernel/limits.ts';
import { LIMITS, LIMIT_NAMES, limits } from '../../src/kernel/limits.ts';
import { CLOSES } from '../../src/protocol/close.ts';

const entries: readonly (readonly [string, Limit])[] = Object.entries(LIMITS);

describe('the limits of a gateway', () => {
  test('are the defaults', () => {
    const values = limits();
    expect(Object.keys(values)).toEqual(LIMIT_NAMES);
    for (const [name, limit] of entries) expect(values).toHaveProperty(name, limit.default);
  });

  test('differ in dev where the table says so', () => {
    const values = limits({}, true);
    for (const [name, limit] of entries) {
      expect(values).toHaveProperty(name, limit.dev ?? limit.default);
    }
    expect(values.framesPerSecond).toBe(0);
  });

  test('are what is set, in dev too, and 0 is a value', () => {
    const set = { framesPerSecond: 7, connectionsPerUser: 0, outboxBytes: 0 };
    expect(limits(set)).toMatchObject(set);
    expect(limits(set, true)).toMatchObject(set);
  });

  test('leave what is given alone', () => {
    const set = Object.freeze({ streams: 1 });
    expect(limits(set).streams).toBe(1);
    expect(limits().streams).toBe(LIMITS.streams.default);
  });

  test('agree with each other', () => {
    const values = limits();
    expect(values.mailboxBytes).toBeGreaterThanOrEqual(values.messageBytes);
    expect(values.outboxBytes).toBeGreaterThanOrEqual(values.flushBytes);
    expect(values.flushBytes).toBeGreaterThanOrEqual(values.messageBytes);
    expect(values.apiBodyBytes).toBeGreaterThanOrEqual(values.messageBytes);
    expect(values.mailboxMessages).toBeGreaterThanOrEqual(values.commandsPerSecond * 2);
  });
});

describe.each(entries)('%s', (name, limit) => {
  test('has a default, and says what it is of, what it answers and what comes of it', () => {
    expect(Number.isSafeInteger(limit.default)).toBe(true);
    expect(limit.default).toBeGreaterThanOrEqual(0);
    for (const text of [limit.means, limit.answers, limit.outcome]) expect(text).not.toBe('');
  });

  test('has the unit its name says', () => {
    const said = /(Bytes|Ms|PerSecond)$/.exec(name)?.[1];
    const units = { Bytes: 'bytes', Ms: 'ms', PerSecond: 'per second' } as const;
    for (const [suffix, unit] of Object.entries(units)) {
      expect(limit.unit === unit).toBe(said === suffix);
    }
  });

  test('comes out in a code that is in its table', () => {
    for (const [, code] of limit.outcome.matchAll(/\berror (\d+)/g)) {
      expect(Object.values(ERRORS).map((entry) => entry.code)).toContain(Number(code));
    }
    for (const [, code] of limit.outcome.matchAll(/\bclose (\d+)/g)) {
      // RFC 6455 §7.4.1: 1009 is of the socket, not of the gateway.
      const codes: number[] = Object.values(CLOSES).map((entry) => entry.code);
      expect([1009, ...codes]).toContain(Number(code));
    }
  });
});
