/** Tasks go on when the master of Redis dies and Sentinels name another. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { RedisServer } from '../support/redis.ts';
import { sentinelsOf } from '../support/sentinels.ts';
import { gateway } from './redis-rig.ts';

test('a fail-over loses no task that was taken in', async () => {
  const master = await RedisServer.start();
  const replica = await RedisServer.start({
    args: ['--replicaof', '127.0.0.1', String(master.port)],
  });
  const sentinels = await sentinelsOf(master);
  const replicated = async (): Promise<void> =>
    expect(await replica.command('INFO', 'replication')).toContain('link_status:up');
  await vi.waitFor(replicated, 15_000);
  await sleep(3000);
  const url = `redis+sentinel://${sentinels.map((port) => `127.0.0.1:${port}`).join(',')}/main`;
  const [a, b] = [await gateway({ url, prefix: 's' }), await gateway({ url, prefix: 's' })];
  const runs = new Map<string, number>();
  for (const { add, tasks } of [a, b]) {
    add(async (_input, { id }) => {
      runs.set(id, (runs.get(id) ?? 0) + 1);
      await sleep(100);
      return id;
    });
    tasks.start();
  }
  const ids = await Promise.all(Array.from({ length: 60 }, () => a.enqueue({ delayMs: 500 })));
  // What was acknowledged has reached the replica.
  await vi.waitFor(async () =>
    expect(await replica.command('ZCARD', 's:tasks:work:delayed')).toBe(':60\r\n'),
  );
  await sleep(600);
  await master.kill();
  const later = await vi.waitFor(() => b.enqueue(), { timeout: 60_000, interval: 200 });
  for (const id of [...ids, later]) {
    const task = await vi.waitFor(
      async () => {
        const now = await b.find(id);
        expect(now.state).toBe('completed');
        return now;
      },
      { timeout: 30_000, interval: 50 },
    );
    expect(task.result?.value()).toBe(id);
  }
  expect([...runs.keys()].toSorted()).toEqual([...ids, later].toSorted());
});
