import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Fields } from '../../src/kernel/log.ts';
import { ThrottledLog, silentLog } from '../../src/kernel/log.ts';

let lines: { fields: Fields; message: string }[];
let nowMs: number;
let log: ThrottledLog;

beforeEach(() => {
  lines = [];
  nowMs = 1_700_000_000_000;
  const warn = (fields: Fields, message: string): void => void lines.push({ fields, message });
  log = new ThrottledLog({ ...silentLog, warn }, () => nowMs);
});

describe('a throttled log', () => {
  test('writes the first line of a kind with its fields', () => {
    log.warn('flood', { client: 'a' }, 'too many');
    expect(lines).toEqual([{ fields: { kind: 'flood', client: 'a' }, message: 'too many' }]);
  });

  test('holds back the rest of a second, and then says how many', () => {
    for (let count = 0; count < 5; count += 1) log.warn('flood', { count }, 'too many');
    nowMs += 999;
    log.warn('flood', { count: 5 }, 'too many');
    expect(lines).toHaveLength(1);
    nowMs += 1;
    log.warn('flood', { count: 6 }, 'too many');
    expect(lines.at(-1)?.fields).toEqual({ kind: 'flood', count: 6, suppressed: 5 });
    nowMs += 1000;
    log.warn('flood', { count: 7 }, 'too many');
    expect(lines.at(-1)?.fields).toEqual({ kind: 'flood', count: 7 });
  });

  test('holds back each kind by itself', () => {
    log.warn('flood', {}, 'too many');
    log.warn('malformed', {}, 'not understood');
    expect(lines).toHaveLength(2);
  });

  test('speaks on when the clock is set back', () => {
    log.warn('flood', {}, 'too many');
    nowMs -= 3_600_000;
    log.warn('flood', {}, 'too many');
    expect(lines).toHaveLength(2);
    nowMs += 500;
    log.warn('flood', {}, 'too many');
    expect(lines).toHaveLength(2);
  });
});

test('every fact is written or counted, and no kind writes twice in a second', () => {
  const facts = fc.array(fc.record({ kind: fc.constantFrom('a', 'b', 'c'), afterMs: fc.nat(600) }));
  fc.assert(
    fc.property(facts, (list) => {
      const written = new Map<string, { atMs: number; suppressed: number }[]>();
      let now = 0;
      const warn = (fields: Fields): void => {
        const kind = String(fields['kind']);
        const entry = { atMs: now, suppressed: Number(fields['suppressed'] ?? 0) };
        written.set(kind, [...(written.get(kind) ?? []), entry]);
      };
      const throttled = new ThrottledLog({ ...silentLog, warn }, () => now);
      for (const { kind, afterMs } of list) {
        now += afterMs;
        throttled.warn(kind, {}, 'fact');
      }
      now += 1000;
      for (const kind of ['a', 'b', 'c']) throttled.warn(kind, {}, 'last');
      for (const [kind, entries] of written) {
        const told = entries.reduce((sum, { suppressed }) => sum + 1 + suppressed, 0);
        expect(told).toBe(list.filter((fact) => fact.kind === kind).length + 1);
        for (const [index, { atMs }] of entries.entries()) {
          if (index > 0) expect(atMs - entries[index - 1]!.atMs).toBeGreaterThanOrEqual(1000);
        }
      }
    }),
  );
});
