import { expect, test } from 'vitest';
import { MemoryQuota } from '../../src/quota/memory.ts';
import { quotaSuite } from './quota-suite.ts';

quotaSuite('in memory', () => Promise.resolve(new MemoryQuota(2)));

test('in memory nothing is left behind of those who left', () => {
  const quota = new MemoryQuota(3);
  for (const client of ['1', '2', '3', '4']) quota.take('ann', client);
  quota.take('bob', '5');
  expect(quota.all()).toEqual([
    { user: 'ann', client: '1' },
    { user: 'ann', client: '2' },
    { user: 'ann', client: '3' },
    { user: 'bob', client: '5' },
  ]);
  for (const client of ['1', '2', '3', '4']) quota.release('ann', client);
  quota.release('bob', '5');
  expect([quota.size, quota.all()]).toEqual([0, []]);
});
