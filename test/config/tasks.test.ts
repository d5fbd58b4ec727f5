import { expect, test } from 'vitest';
import { parse, problemsOf } from './reading.ts';

const REDIS = { url: 'redis://127.0.0.1' };

test('tasks are run, tried and kept as is usual', () => {
  expect(parse({}).tasks).toEqual({
    concurrency: 8,
    attempts: 3,
    timeoutMs: 60_000,
    backoffMs: 1000,
    keepMs: 3_600_000,
    drainMs: 5000,
  });
});

test('tasks are as they are set', () => {
  const tasks = {
    concurrency: 2,
    attempts: 1,
    timeout: '5s',
    backoff: '100ms',
    keep: '1d',
    drain: '0s',
  };
  expect(parse({ tasks }).tasks).toEqual({
    concurrency: 2,
    attempts: 1,
    timeoutMs: 5000,
    backoffMs: 100,
    keepMs: 86_400_000,
    drainMs: 0,
  });
});

test('a gateway that runs no tasks needs others that do', () => {
  expect(parse({ tasks: { concurrency: 0 }, redis: REDIS }).tasks.concurrency).toBe(0);
  expect(problemsOf(() => parse({ tasks: { concurrency: 0 } }))).toEqual([
    'tasks.concurrency: without redis.url nobody else could run them',
  ]);
});
