import { expect, test } from 'vitest';
import { chain } from '../../src/kernel/maybe.ts';

test('a chain goes on now with what is here', () => {
  expect(chain(1, (value) => value + 1)).toBe(2);
});

test('a chain goes on later with what is not', async () => {
  const later = chain(Promise.resolve(1), (value) => value + 1);
  expect(later).toBeInstanceOf(Promise);
  expect(await later).toBe(2);
});
