/** Who wants to hear of a task hears of it, as soon as it can be published. */
import { expect, test } from 'vitest';
import type { Operations } from '../../src/api/operations.ts';
import { TaskHerald } from '../../src/api/task-herald.ts';
import { Json } from '../../src/kernel/data.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { ThrottledLog } from '../../src/kernel/log.ts';
import type { Task } from '../../src/tasks/tasks.ts';
import { KeptLog } from '../support/log.ts';

const TASK: Task = {
  id: 'work.abc',
  name: 'work',
  state: 'completed',
  progress: null,
  result: new Json('1'),
  error: null,
  attempts: 1,
  attemptsMax: 3,
  enqueuedAtMs: 1,
  dueAtMs: 1,
  startedAtMs: 2,
  finishedAtMs: 3,
  notify: 'mine',
};

interface Rig {
  readonly herald: TaskHerald;
  readonly published: Parameters<Operations['publish']>[];
  readonly log: KeptLog;
  readonly unheard: () => number;
  readonly faults: unknown[];
}

/** `failures` come first. */
function rig(failures: unknown[] = []): Rig {
  const published: Parameters<Operations['publish']>[] = [];
  const log = new KeptLog();
  const faults: unknown[] = [];
  let unheard = 0;
  const herald = new TaskHerald({
    async publish(...said) {
      if (failures.length > 0) throw failures.shift();
      published.push(said);
      return { offset: 1, epoch: 'e' };
    },
    log: new ThrottledLog(log, Date.now),
    countUnheard: () => void (unheard += 1),
    fault: (_where, error) => void faults.push(error),
  });
  return { herald, published, log, unheard: () => unheard, faults };
}

const { signal } = new AbortController();

test('an end is published once there is nothing in its way', async () => {
  const away = new Refusal('internal', 'try again');
  const { herald, published, unheard } = rig([away, away]);
  await herald.ended(TASK, signal);
  expect(published).toHaveLength(1);
  const [channel, data, options] = published[0]!;
  expect([channel, options]).toEqual([
    'mine',
    { event: 'task', idempotencyKey: 'task:work.abc:end' },
  ]);
  expect((data as Json).value()).toMatchObject({ id: 'work.abc', result: 1 });
  expect(unheard()).toBe(0);
});

test('an end that cannot be published is counted and logged', async () => {
  const { herald, published, unheard, log, faults } = rig([new Refusal('badRequest', 'no')]);
  await herald.ended(TASK, signal);
  expect([published.length, unheard()]).toEqual([0, 1]);
  expect(log.of('warn')).toMatchObject([{ fields: { task: 'work.abc', channel: 'mine' } }]);
  const broken = rig([new Error('a bug')]);
  await broken.herald.ended(TASK, signal);
  expect([broken.unheard(), broken.faults]).toEqual([1, [new Error('a bug')]]);
  expect(faults).toEqual([]);
});

test('who closes waits no longer for an end to be published', async () => {
  const abort = new AbortController();
  const { herald, unheard } = rig(Array.from({ length: 100 }, () => new Refusal('internal')));
  const told = herald.ended(TASK, abort.signal);
  abort.abort();
  await told;
  expect(unheard()).toBe(1);
});

test('a task that nobody wants to hear of is not told of', async () => {
  const { herald, published } = rig();
  await herald.ended({ ...TASK, notify: '' }, signal);
  expect(published).toEqual([]);
});
