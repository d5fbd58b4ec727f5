import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Few } from '../../src/kernel/few.ts';
import { all, has, including, sizeOf, without } from '../../src/kernel/few.ts';

const THINGS = ['a', 'b', 'c'].map((name) => ({ name }));

test('a few are what a set of them would be', () => {
  const step = fc.record({
    does: fc.constantFrom('include', 'include', 'take out'),
    one: fc.constantFrom(...THINGS),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      let few: Few<{ name: string }> = null;
      const set = new Set<{ name: string }>();
      for (const { does, one } of steps) {
        if (does === 'include') {
          few = including<{ name: string }>(few, one);
          set.add(one);
        } else {
          few = without<{ name: string }>(few, one);
          set.delete(one);
        }
        expect(sizeOf(few)).toBe(set.size);
        expect(all(few)).toEqual([...set]);
        for (const each of THINGS) expect(has(few, each)).toBe(set.has(each));
        expect(few === null).toBe(set.size === 0);
      }
    }),
  );
});
