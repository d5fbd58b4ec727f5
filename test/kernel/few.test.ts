import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Few } from '../../src/kernel/few.ts';

test('a few are what a map of them would be', () => {
  const step = fc.record({
    does: fc.constantFrom('set', 'set', 'delete'),
    key: fc.constantFrom('a', 'b', 'c'),
    value: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const few = new Few<string, { n: number }>();
      const map = new Map<string, { n: number }>();
      for (const { does, key, value } of steps) {
        if (does === 'delete') {
          few.delete(key);
          map.delete(key);
        } else {
          const item = { n: value };
          few.set(key, item);
          map.set(key, item);
        }
        expect(few.size).toBe(map.size);
        expect([...few.values()]).toEqual([...map.values()]);
        for (const each of ['a', 'b', 'c']) expect(few.get(each)).toBe(map.get(each));
      }
    }),
  );
});

test('all of them may be deleted one by one, as they come', () => {
  for (const keys of [[], ['a'], ['a', 'b', 'c']]) {
    const few = new Few<string, string>();
    for (const key of keys) few.set(key, key);
    const seen = [];
    for (const value of few.values()) {
      seen.push(value);
      few.delete(value);
    }
    expect(seen).toEqual(keys);
    expect(few.size).toBe(0);
  }
});
