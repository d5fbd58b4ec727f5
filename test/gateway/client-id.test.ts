import { expect, test } from 'vitest';
import { newClientId } from '../../src/client-id.ts';

test('ids of clients are short and never the same', () => {
  // More than are made at once.
  const ids = Array.from({ length: 5000 }, newClientId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[0-9A-Za-z]{16}$/);
});
