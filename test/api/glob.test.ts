/** Patterns of channel names. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fits } from '../../src/api/glob.ts';

describe('a pattern', () => {
  test.each([
    ['', '', true],
    ['a', '', false],
    ['', '*', true],
    ['chat:one', 'chat:*', true],
    ['chat:one', '*:one', true],
    ['chat:one', 'c*t:o*e', true],
    ['chat:one', 'chat:?ne', true],
    ['chat:one', 'chat:??', false],
    ['chat:one', 'chat:one?', false],
    ['chat:one', 'chat:one*', true],
    ['chat:one', 'chat', false],
    ['aab', '*ab', true],
    ['abcabd', '*abd', true],
    ['a.b', 'a.b', true],
    ['axb', 'a.b', false],
    ['[x]', '[?]', true],
    ['a*b', 'a*b', true],
    ['💧', '?', true],
    ['💧', '??', false],
    ['a💧b', 'a?b', true],
    ['a💧b', '*?b', true],
  ])('%j fits %j: %j', (name, pattern, expected) => {
    expect(fits(name, pattern)).toBe(expected);
  });

  test('means what the regular expression of it means', () => {
    const short = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(short, short, (name, pattern) => {
        const expression = pattern.replaceAll('?', '.').replace(/\*+/g, '.*');
        expect(fits(name, pattern)).toBe(new RegExp(`^${expression}$`, 's').test(name));
      }),
      { numRuns: 2000 },
    );
  });

  test('that makes a regular expression take for ever is answered', () => {
    expect(fits('a'.repeat(255), `${'*a'.repeat(120)}b`)).toBe(false);
  });
});
