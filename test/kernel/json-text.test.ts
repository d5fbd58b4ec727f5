/** JSON text in parts. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { depthOf, itemsOf, membersOf } from '../../src/kernel/json-text.ts';

function depth(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depth));
}

describe('the members of an object', () => {
  test('are its values as they were written', () => {
    const text = ' { "a" : 1e3 , "b":{"a":[1, 2 ], "c":"},]\\""},"":"x,:" , "d":\n[] } ';
    expect([...membersOf(text)]).toEqual([
      ['a', '1e3'],
      ['b', '{"a":[1, 2 ], "c":"},]\\""}'],
      ['', '"x,:"'],
      ['d', '[]'],
    ]);
  });

  test('have names without escapes, and the last of the same name counts', () => {
    const text = '{"data":1,"d\\u0061ta":2,"__proto__":3,"\\\\":4,"\\"":5}';
    expect([...membersOf(text)]).toEqual([
      ['data', '2'],
      ['__proto__', '3'],
      ['\\', '4'],
      ['"', '5'],
    ]);
  });

  test('are none in what is no object', () => {
    for (const text of ['{}', ' { } ', '[1,2]', '"a:b"', 'null', '12']) {
      expect(membersOf(text).size).toBe(0);
    }
  });

  test('are those that JSON.parse sees, for any object', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), (object) => {
        for (const indent of [0, 2]) {
          const text = JSON.stringify(object, null, indent);
          const parsed: Record<string, unknown> = JSON.parse(text);
          const members = membersOf(text);
          expect([...members.keys()].toSorted()).toEqual(Object.keys(parsed).toSorted());
          for (const [name, part] of members) expect(JSON.parse(part)).toEqual(parsed[name]);
        }
      }),
    );
  });
});

test('the items of an array are as they were written', () => {
  expect(itemsOf(' [ 1.0 , "a,b" ,{"x": [1]}, [] ] ')).toEqual([
    '1.0',
    '"a,b"',
    '{"x": [1]}',
    '[]',
  ]);
  for (const text of ['[]', '[ \n ]', '{}', '"[1]"']) expect(itemsOf(text)).toEqual([]);
});

test('the depth is that of the value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      expect(depthOf(JSON.stringify(value))).toBe(depth(value));
    }),
  );
  expect(depthOf('"[[[{"')).toBe(0);
  expect(depthOf('["\\"[[[",[{}]]')).toBe(3);
});
