import { expect, test } from 'vitest';
import { assert, unreachable } from '../../src/kernel/assert.ts';

test('an assertion throws when it does not hold', () => {
  expect(() => assert(true, 'it holds')).not.toThrow();
  expect(() => assert(0, 'it holds')).toThrow('assertion failed: it holds');
});

test('what cannot be reached says what came there', () => {
  expect(() => unreachable('x' as never)).toThrow('unexpected x');
});
