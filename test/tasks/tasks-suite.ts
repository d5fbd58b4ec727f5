/**
 * What all tasks promise, wherever they are kept. An implementation is opened by its factory, anew for
 * each test; all is awaited, so that it may answer at once or over a wire.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { Json } from '../../src/kernel/data.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import type { Limits } from '../../src/kernel/limits.ts';
import { newTaskId, taskIdOf } from '../../src/tasks/id.ts';
import type {
  Order,
  Task,
  TaskContext,
  TaskKind,
  TaskListener,
  Tasks,
} from '../../src/tasks/tasks.ts';
import { isOver } from '../../src/tasks/tasks.ts';

export interface TasksSettings {
  readonly limits: Partial<Limits>;
  readonly keepMs: number;
  readonly backoffMs: number;
  readonly drainMs: number;
}

/** Tasks under test. Their factory sees to it that they are closed after the test. */
export interface Opened {
  readonly tasks: Tasks;
  /** Lets time pass; null where it passes by itself. */
  readonly pass: ((ms: number) => void) | null;
  readonly count: (event: string) => number;
}

export type OpenTasks = (settings: TasksSettings, listener: TaskListener) => Promise<Opened>;

const SETTINGS: TasksSettings = { limits: {}, keepMs: 60_000, backoffMs: 20, drainMs: 5000 };

type Run = TaskKind['run'];

export interface Rig extends Opened {
  /** What was told of ends. */
  readonly ended: Task[];
  readonly progressed: Task[];
  /** Adds a task of the name `work`, or of another. */
  readonly add: (run: Run, set?: Partial<TaskKind>) => void;
  readonly enqueue: (set?: Partial<Order>) => Promise<string>;
  readonly find: (id: string) => Promise<Task>;
  /** Waits until it holds, while time passes. */
  readonly until: (check: () => unknown) => Promise<void>;
  readonly over: (id: string) => Promise<Task>;
}

export async function rigOf(open: OpenTasks, set: Partial<TasksSettings> = {}): Promise<Rig> {
  const ended: Task[] = [];
  const progressed: Task[] = [];
  const opened = await open(
    { ...SETTINGS, ...set },
    {
      ended: async (task) => void ended.push(task),
      progressed: (task) => void progressed.push(task),
    },
  );
  const { tasks, pass } = opened;
  const until: Rig['until'] = (check) =>
    vi.waitFor(
      async () => {
        pass?.(50);
        await check();
      },
      { timeout: 10_000, interval: 2 },
    );
  const find: Rig['find'] = async (id) => {
    const task = await tasks.find(id);
    if (task === null) throw new Error(`${id} is not known`);
    return task;
  };
  return {
    ...opened,
    ended,
    progressed,
    until,
    find,
    add: (run, kind = {}) => tasks.add({ name: 'work', concurrency: 10, run, ...kind }),
    async enqueue(order = {}) {
      const name = order.name ?? 'work';
      const id = order.id ?? newTaskId(name);
      await tasks.enqueue({ ...ORDER, id, name, ...order });
      return id;
    },
    async over(id) {
      await until(async () => expect(isOver(await find(id))).toBe(true));
      return find(id);
    },
  };
}

const ORDER = {
  input: new Json('null'),
  digest: '',
  isKeyed: false,
  delayMs: 0,
  attemptsMax: 3,
  timeoutMs: 5000,
  notify: '',
};

/** A handler that goes on until it is let go. */
export class Gate {
  readonly contexts: TaskContext[] = [];
  readonly inputs: unknown[] = [];
  readonly #waiting: (() => void)[] = [];
  running = 0;
  most = 0;

  readonly run: Run = async (input, context) => {
    this.contexts.push(context);
    this.inputs.push(input.value());
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
    this.running -= 1;
    return 'let go';
  };

  /** The one that has waited longest. */
  letGo(): void {
    this.#waiting.shift()?.();
  }
}

async function refusalOf(act: () => unknown): Promise<Refusal> {
  try {
    await act();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

export function tasksSuite(name: string, open: OpenTasks): void {
  const rig = (set: Partial<TasksSettings> = {}): Promise<Rig> => rigOf(open, set);

  describe(`${name}: a task`, () => {
    test('is run, and its result is kept with its times', async () => {
      const { tasks, add, enqueue, over, ended } = await rig();
      add((input) => ({ twice: Number(input.value()) * 2 }));
      tasks.start();
      const id = await enqueue({ input: new Json('21') });
      const task = await over(id);
      expect(task).toMatchObject({ id, name: 'work', state: 'completed', error: null });
      expect(task).toMatchObject({ attempts: 1, attemptsMax: 3, progress: null });
      expect(task.result?.value()).toEqual({ twice: 42 });
      expect(task.startedAtMs).toBeGreaterThanOrEqual(task.enqueuedAtMs);
      expect(task.finishedAtMs).toBeGreaterThanOrEqual(task.startedAtMs ?? Infinity);
      await vi.waitFor(() => expect(ended).toEqual([task]));
    });

    test('waits until the gateway has started', async () => {
      const { tasks, add, enqueue, find, over } = await rig();
      add(() => 1);
      const id = await enqueue();
      expect(await find(id)).toMatchObject({ state: 'waiting', attempts: 0, startedAtMs: null });
      tasks.start();
      expect((await over(id)).state).toBe('completed');
    });

    test('may be added when the gateway has started', async () => {
      const { tasks, add, enqueue, over } = await rig();
      tasks.start();
      add(() => 1);
      expect((await over(await enqueue())).state).toBe('completed');
    });

    test('gets its input as the text it was', async () => {
      const { tasks, add, enqueue, over } = await rig();
      const texts: string[] = [];
      add(({ text }) => void texts.push(text));
      tasks.start();
      const text = '{ "b" : 1.0, "n": 12345678901234567890, "ü": "\\u00fc\u{1f600}" }';
      await over(await enqueue({ input: new Json(text) }));
      expect(texts).toEqual([text]);
    });

    test('may return JSON as text, and nothing at all', async () => {
      const { tasks, add, enqueue, over } = await rig();
      add(() => new Json('{"n": 1.0}'), { name: 'text' });
      add(() => {}, { name: 'none' });
      tasks.start();
      expect((await over(await enqueue({ name: 'text' }))).result?.text).toBe('{"n": 1.0}');
      expect((await over(await enqueue({ name: 'none' }))).result?.text).toBe('null');
    });

    test('is known by its id alone, and an unknown one is not', async () => {
      const { tasks, add } = await rig();
      add(() => 1);
      for (const id of [newTaskId('work'), newTaskId('other'), 'work', '', 'work.a.b', '../x']) {
        expect(await tasks.find(id)).toBeNull();
        expect(await tasks.cancel(id)).toBeNull();
        expect(await tasks.digestOf(id)).toBeNull();
      }
    });

    test('of a name that nobody runs is told apart', async () => {
      const { tasks, add } = await rig();
      add(() => 1);
      tasks.start();
      expect(await tasks.knows('work')).toBe(true);
      expect(await tasks.knows('play')).toBe(false);
    });

    test('is begun in the order in which it was handed in', async () => {
      const { tasks, add, enqueue, over } = await rig();
      const order: unknown[] = [];
      add((input) => void order.push(input.value()), { concurrency: 1 });
      const ids: string[] = [];
      for (const n of [1, 2, 3, 4, 5]) ids.push(await enqueue({ input: new Json(String(n)) }));
      tasks.start();
      for (const id of ids) await over(id);
      expect(order).toEqual([1, 2, 3, 4, 5]);
    });

    test('runs beside as many others as it may, and no more', async () => {
      const { tasks, add, enqueue, over, until, find } = await rig();
      const gate = new Gate();
      add(gate.run, { concurrency: 2 });
      tasks.start();
      const ids: string[] = [];
      for (const _ of [1, 2, 3, 4, 5]) ids.push(await enqueue());
      await until(() => expect(gate.running).toBe(2));
      await until(async () => expect((await find(ids[2]!)).state).toBe('waiting'));
      for (const id of ids) {
        await until(() => expect(gate.running).toBeGreaterThan(0));
        gate.letGo();
        await over(id);
      }
      expect(gate.most).toBe(2);
    });

    test('of one name does not wait for those of another', async () => {
      const { tasks, add, enqueue, over, until } = await rig();
      const gate = new Gate();
      add(gate.run, { concurrency: 1 });
      add(() => 1, { name: 'quick', concurrency: 1 });
      tasks.start();
      await enqueue();
      await enqueue();
      await until(() => expect(gate.running).toBe(1));
      expect((await over(await enqueue({ name: 'quick' }))).state).toBe('completed');
      gate.letGo();
      await until(() => expect(gate.contexts).toHaveLength(2));
      gate.letGo();
    });

    test('for later is delayed until then', async () => {
      const { tasks, add, enqueue, find, over } = await rig();
      add(() => 1);
      tasks.start();
      const soon = await enqueue({ delayMs: 700 });
      const sooner = await enqueue({ delayMs: 100 });
      const asked = await find(soon);
      expect(asked).toMatchObject({ state: 'delayed', attempts: 0 });
      expect(asked.dueAtMs).toBe(asked.enqueuedAtMs + 700);
      const first = await over(sooner);
      const second = await over(soon);
      expect(first.startedAtMs).toBeGreaterThanOrEqual(first.dueAtMs);
      expect(second.startedAtMs).toBeGreaterThanOrEqual(second.dueAtMs);
      expect(second.startedAtMs).toBeGreaterThan(first.startedAtMs ?? Infinity);
    });
  });

  describe(`${name}: an attempt`, () => {
    test('that fails is followed by another, which knows where it was', async () => {
      const { tasks, add, enqueue, over, ended, count } = await rig();
      const seen: unknown[] = [];
      add((_input, { attempt, attemptsMax, lastProgress, progress }) => {
        seen.push([attempt, attemptsMax, lastProgress]);
        progress({ at: attempt });
        if (attempt < 3) throw new Error(`not at ${attempt}`);
        return 'at last';
      });
      tasks.start();
      const task = await over(await enqueue());
      expect(seen).toEqual([
        [1, 3, null],
        [2, 3, { at: 1 }],
        [3, 3, { at: 2 }],
      ]);
      expect(task).toMatchObject({ state: 'completed', attempts: 3 });
      expect(task.result?.value()).toBe('at last');
      expect(task.progress?.value()).toEqual({ at: 3 });
      await vi.waitFor(() => expect(ended).toHaveLength(1));
      expect(count('retried')).toBe(2);
    });

    test('that fails too often is the last, and says why', async () => {
      const { tasks, add, enqueue, over, find, until } = await rig();
      let calls = 0;
      add(() => {
        calls += 1;
        throw new Error(`no. ${calls}`);
      });
      tasks.start();
      const id = await enqueue({ attemptsMax: 2 });
      await until(async () => expect((await find(id)).error?.detail).toMatch(/no\. \d/));
      const task = await over(id);
      expect(task).toMatchObject({ state: 'failed', attempts: 2, result: null });
      expect(task.error).toEqual({ code: 100, message: 'internal error', detail: 'no. 2' });
      expect(calls).toBe(2);
    });

    test('that is refused for good is the last one', async () => {
      const { tasks, add, enqueue, over } = await rig();
      let calls = 0;
      add((input) => {
        calls += 1;
        throw new Refusal(input.value() === 'now' ? 'internal' : 'unknownChannel', 'said so');
      });
      tasks.start();
      const task = await over(await enqueue());
      expect(task).toMatchObject({ state: 'failed', attempts: 1 });
      expect(task.error).toEqual({ code: 102, message: 'unknown channel: said so' });
      await over(await enqueue({ input: new Json('"now"') }));
      expect(calls).toBe(1 + 3);
    });

    test('that takes too long ends, and its handler holds its place until it heeds that', async () => {
      const { tasks, add, enqueue, over, until, find } = await rig();
      const gate = new Gate();
      add(gate.run, { concurrency: 1 });
      tasks.start();
      const late = await enqueue({ timeoutMs: 100, attemptsMax: 1 });
      await until(() => expect(gate.running).toBe(1));
      const next = await enqueue({ attemptsMax: 1 });
      const task = await over(late);
      expect(task.state).toBe('failed');
      expect(task.error).toEqual({ code: 100, message: 'internal error: no end within 100 ms' });
      expect(gate.contexts[0]?.signal.aborted).toBe(true);
      expect(String(gate.contexts[0]?.signal.reason)).toContain('the time of the attempt is over');
      expect((await find(next)).state).toBe('waiting');
      expect(gate.contexts).toHaveLength(1);
      gate.letGo();
      await until(() => expect(gate.contexts).toHaveLength(2));
      gate.letGo();
      expect((await over(next)).result?.value()).toBe('let go');
      expect((await over(late)).state).toBe('failed');
    });

    test('tells how far it is, and the newest is what is seen', async () => {
      const { tasks, add, enqueue, over, until, find, progressed } = await rig();
      const gate = new Gate();
      add(async (input, context) => {
        for (const n of [1, 2, 3]) context.progress({ done: n });
        const result = await gate.run(input, context);
        // Nobody hears it any more.
        return result;
      });
      tasks.start();
      const quiet = await enqueue();
      const id = await enqueue({ notify: 'news' });
      await until(async () => expect((await find(id)).progress?.value()).toEqual({ done: 3 }));
      await until(() => expect(progressed).toHaveLength(1));
      expect(progressed[0]).toMatchObject({ id, state: 'active', notify: 'news' });
      expect(progressed[0]?.progress?.value()).toEqual({ done: 3 });
      gate.letGo();
      gate.letGo();
      await over(quiet);
      await over(id);
      gate.contexts[1]?.progress({ done: 99 });
      expect((await find(id)).progress?.value()).toEqual({ done: 3 });
      expect(progressed).toHaveLength(1);
    });
  });

  describe(`${name}: what is cancelled`, () => {
    test('before it runs never runs', async () => {
      const { tasks, add, enqueue, over, ended, until } = await rig();
      let calls = 0;
      add(() => (calls += 1));
      const waiting = await enqueue({ notify: 'news' });
      const delayed = await enqueue({ delayMs: 60_000 });
      for (const id of [waiting, delayed]) {
        const task = await tasks.cancel(id);
        expect(task).toMatchObject({ id, state: 'cancelled', attempts: 0, result: null });
        expect(task?.finishedAtMs).toBeGreaterThanOrEqual(task?.enqueuedAtMs ?? Infinity);
        expect(await tasks.find(id)).toEqual(task);
        expect(await tasks.cancel(id)).toEqual(task);
      }
      tasks.start();
      await over(await enqueue());
      await until(() => expect(ended).toHaveLength(3));
      expect(ended.map(({ id, state }) => [id, state]).slice(0, 2)).toEqual([
        [waiting, 'cancelled'],
        [delayed, 'cancelled'],
      ]);
      expect(calls).toBe(1);
    });

    test('while it runs is told to stop, and what it does then does not count', async () => {
      const { tasks, add, enqueue, over, ended, until } = await rig();
      const gate = new Gate();
      add(gate.run, { concurrency: 1 });
      tasks.start();
      const id = await enqueue();
      await until(() => expect(gate.running).toBe(1));
      const task = await tasks.cancel(id);
      expect(task).toMatchObject({ id, state: 'cancelled', attempts: 1, result: null });
      expect(String(gate.contexts[0]?.signal.reason)).toContain('the task was cancelled');
      gate.letGo();
      expect(await over(id)).toEqual(task);
      await until(() => expect(ended).toHaveLength(1));
      const next = await enqueue();
      await until(() => expect(gate.running).toBe(1));
      gate.letGo();
      expect((await over(next)).state).toBe('completed');
    });

    test('between two attempts is not tried again', async () => {
      const { tasks, add, enqueue, find, until, over } = await rig({ backoffMs: 60_000 });
      let calls = 0;
      add(() => {
        calls += 1;
        throw new Error('no');
      });
      tasks.start();
      const id = await enqueue();
      await until(async () => expect((await find(id)).state).toBe('delayed'));
      expect(await tasks.cancel(id)).toMatchObject({ state: 'cancelled', attempts: 1 });
      expect((await over(id)).error?.detail).toBe('no');
      expect(calls).toBe(1);
    });

    test('when it is over stays as it is', async () => {
      const { tasks, add, enqueue, over } = await rig();
      add(() => 1);
      tasks.start();
      const task = await over(await enqueue());
      expect(await tasks.cancel(task.id)).toEqual(task);
    });

    test('makes room for another', async () => {
      const { tasks, add, enqueue } = await rig({ limits: { tasksWaiting: 1 } });
      add(() => 1);
      const id = await enqueue();
      await refusalOf(() => enqueue());
      await tasks.cancel(id);
      await enqueue();
    });
  });

  describe(`${name}: the same id`, () => {
    const id = taskIdOf('work', 'a key');
    const keyed = { id, isKeyed: true, digest: 'one' };

    test('is the same task, while it waits, runs and is over', async () => {
      const { tasks, add, enqueue, over, until, ended } = await rig();
      const gate = new Gate();
      add(gate.run);
      await enqueue(keyed);
      await enqueue(keyed);
      tasks.start();
      await until(() => expect(gate.running).toBe(1));
      await enqueue(keyed);
      gate.letGo();
      await over(id);
      await enqueue(keyed);
      expect(await tasks.digestOf(id)).toBe('one');
      await until(() => expect(ended).toHaveLength(1));
      expect(gate.contexts).toHaveLength(1);
    });

    test('is not another task', async () => {
      const { tasks, add, enqueue, over } = await rig();
      add(() => 1);
      await enqueue(keyed);
      const other = { ...keyed, digest: 'two' };
      expect((await refusalOf(() => enqueue(other))).is('conflict')).toBe(true);
      tasks.start();
      await over(id);
      expect((await refusalOf(() => enqueue(other))).is('conflict')).toBe(true);
    });

    test('is not taken in again when it was cancelled', async () => {
      const { tasks, add, enqueue, find } = await rig();
      add(() => 1);
      await enqueue(keyed);
      await tasks.cancel(id);
      await enqueue(keyed);
      expect((await find(id)).state).toBe('cancelled');
    });

    test('counts once, however often it comes at the same time', async () => {
      const { tasks, add, enqueue, over, until, ended } = await rig();
      let calls = 0;
      add(() => (calls += 1));
      await Promise.all(Array.from({ length: 10 }, () => enqueue(keyed)));
      tasks.start();
      await over(id);
      await until(() => expect(ended).toHaveLength(1));
      expect(calls).toBe(1);
    });
  });

  describe(`${name}: the limit`, () => {
    test('of those that wait is kept, and what is over it is refused for now', async () => {
      const { tasks, add, enqueue, until, count } = await rig({ limits: { tasksWaiting: 3 } });
      const gate = new Gate();
      add(gate.run, { concurrency: 1 });
      add(() => 1, { name: 'other' });
      tasks.start();
      await enqueue();
      await until(() => expect(gate.running).toBe(1));
      await enqueue();
      await enqueue({ delayMs: 60_000 });
      await enqueue();
      const refusal = await refusalOf(() => enqueue());
      expect(refusal.is('tooManyRequests')).toBe(true);
      expect(refusal.message).toContain('3 tasks work wait already');
      expect(count('refused')).toBe(1);
      await enqueue({ name: 'other' });
      gate.letGo();
      await until(() => expect(gate.contexts).toHaveLength(2));
      await enqueue();
      gate.letGo();
      await until(() => expect(gate.contexts).toHaveLength(3));
      gate.letGo();
      await until(() => expect(gate.contexts).toHaveLength(4));
      gate.letGo();
    });

    test('of those that wait is kept, however many come at once', async () => {
      const { add, enqueue } = await rig({ limits: { tasksWaiting: 5 } });
      add(() => 1);
      const all = await Promise.allSettled(Array.from({ length: 20 }, () => enqueue()));
      const taken = all.filter(({ status }) => status === 'fulfilled').length;
      expect(taken).toBeGreaterThan(0);
      expect(taken).toBeLessThanOrEqual(5);
    });

    test('of a result is kept', async () => {
      const { tasks, add, enqueue, over } = await rig({ limits: { taskResultBytes: 100 } });
      add((input) => 'x'.repeat(Number(input.value())));
      tasks.start();
      expect((await over(await enqueue({ input: new Json('98') }))).state).toBe('completed');
      const task = await over(await enqueue({ input: new Json('99') }));
      expect(task).toMatchObject({ state: 'failed', attempts: 1, result: null });
      expect(task.error?.message).toContain('the result has 101 bytes; at most 100 are kept');
    });

    test('of the progress is kept', async () => {
      const { tasks, add, enqueue, over } = await rig({ limits: { taskProgressBytes: 100 } });
      add((input, { progress }) => progress('x'.repeat(Number(input.value()))));
      tasks.start();
      const fits = await over(await enqueue({ input: new Json('98') }));
      expect(fits).toMatchObject({ state: 'completed' });
      const task = await over(await enqueue({ input: new Json('99'), attemptsMax: 1 }));
      expect(task.state).toBe('failed');
      expect(task.error?.detail).toContain('the progress has more than 100 bytes');
    });

    test('of results is kept by forgetting the oldest', async () => {
      const { tasks, add, enqueue, over, find, count } = await rig({ limits: { taskResults: 2 } });
      // Which of two that end in the same millisecond is older is not said.
      add(() => sleep(3), { concurrency: 1 });
      tasks.start();
      const [first, second, third] = [await enqueue(), await enqueue(), await enqueue()];
      await over(third);
      await vi.waitFor(async () => expect(await tasks.find(first)).toBeNull());
      expect((await find(second)).state).toBe('completed');
      expect(count('forgotten')).toBe(1);
    });
  });

  describe(`${name}: what is over`, () => {
    test('is kept for a time, and then it is not known', async () => {
      const { tasks, add, enqueue, over, until } = await rig({ keepMs: 800 });
      add(() => 1);
      tasks.start();
      const id = taskIdOf('work', 'again');
      const keyed = { id, isKeyed: true, digest: 'one' };
      await enqueue(keyed);
      expect((await over(id)).state).toBe('completed');
      await until(async () => expect(await tasks.find(id)).toBeNull());
      await enqueue({ ...keyed, digest: 'two' });
      expect((await over(id)).state).toBe('completed');
    });

    test('leaves nothing behind of what was kept for it', async () => {
      const { tasks, add, enqueue, over, until } = await rig();
      const left: unknown[] = [];
      add(
        (input) => {
          if (input.value() === 'bad') throw new Refusal('badRequest');
        },
        { ended: (input) => void left.push(input.value()) },
      );
      const cancelled = await enqueue({ input: new Json('"cancelled"') });
      await tasks.cancel(cancelled);
      tasks.start();
      await over(await enqueue({ input: new Json('"good"') }));
      await over(await enqueue({ input: new Json('"bad"') }));
      await until(() => expect(left).toEqual(['cancelled', 'good', 'bad']));
    });
  });

  describe(`${name}: who closes`, () => {
    test('lets what runs come to its end, and takes nothing more', async () => {
      const { tasks, add, enqueue, until, ended } = await rig();
      const gate = new Gate();
      add(gate.run, { concurrency: 1 });
      tasks.start();
      const id = await enqueue();
      await enqueue();
      await until(() => expect(gate.running).toBe(1));
      const closing = tasks.close();
      expect((await refusalOf(() => enqueue())).is('internal')).toBe(true);
      gate.letGo();
      await closing;
      expect(ended.map((task) => [task.id, task.state])).toEqual([[id, 'completed']]);
      expect(gate.contexts).toHaveLength(1);
      await tasks.close();
    });

    test('gives back what does not come to its end in time', async () => {
      const { tasks, add, enqueue, until, ended, count } = await rig({ drainMs: 100 });
      const gate = new Gate();
      add(gate.run);
      tasks.start();
      await enqueue();
      await until(() => expect(gate.running).toBe(1));
      let isClosed = false;
      const closing = tasks.close().then(() => (isClosed = true));
      await until(() => expect(isClosed).toBe(true));
      await closing;
      expect(String(gate.contexts[0]?.signal.reason)).toContain('the gateway closes');
      expect(count('returned')).toBe(1);
      expect(ended).toEqual([]);
      gate.letGo();
    });

    test('without having started closes', async () => {
      const { tasks, add, enqueue } = await rig();
      add(() => 1);
      await enqueue();
      await tasks.close();
    });
  });
}
