/** Tasks in process: what all tasks promise, and what they hold. */
import { limits as limitsOf } from '../../src/kernel/limits.ts';
import { ThrottledLog } from '../../src/kernel/log.ts';
import { Meters } from '../../src/kernel/meters.ts';
import { Wheel } from '../../src/kernel/wheel.ts';
import { MemoryTasks } from '../../src/tasks/memory.ts';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Json } from '../../src/kernel/data.ts';
import { ManualClock } from '../support/clock.ts';
import { KeptLog } from '../support/log.ts';
import type { Opened, Rig, TasksSettings } from './tasks-suite.ts';
import { Gate, rigOf, tasksSuite } from './tasks-suite.ts';
import type { TaskListener } from '../../src/tasks/tasks.ts';

interface MemoryOpened extends Opened {
  readonly tasks: MemoryTasks;
  readonly clock: ManualClock;
  readonly log: KeptLog;
}

async function open(settings: TasksSettings, listener: TaskListener): Promise<MemoryOpened> {
  const clock = new ManualClock();
  const log = new KeptLog();
  const meters = new Meters();
  const tasks = new MemoryTasks({
    ...settings,
    clock,
    wheel: new Wheel(clock),
    random: () => 0.5,
    listener,
    limits: limitsOf(settings.limits),
    count: meters.counter('tasks', '', 'event'),
    log: new ThrottledLog(log, () => clock.now()),
    fault: (where, error) => expect.fail(`${where}: ${String(error)}`),
  });
  onTestFinished(async () => {
    const closed = tasks.close();
    clock.advance(60_000);
    await closed;
  });
  return {
    tasks,
    clock,
    log,
    pass: (ms) => clock.advance(ms),
    count: (event) => meters.count('tasks', event),
  };
}

tasksSuite('in process', open);

/** Lets what was begun go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function memoryRig(
  set: Partial<TasksSettings> = {},
): Promise<Rig & Pick<MemoryOpened, 'clock' | 'log'> & { readonly tasks: MemoryTasks }> {
  let opened: MemoryOpened | null = null;
  const rig = await rigOf(async (...given) => (opened = await open(...given)), set);
  return { ...rig, ...opened! };
}

describe('tasks in process', () => {
  test('wait for their next attempt twice as long each time, half of it by chance', async () => {
    const { add, enqueue, tasks, clock } = await memoryRig({ backoffMs: 1000 });
    const beganAtMs: number[] = [];
    add(() => {
      beganAtMs.push(clock.now());
      throw new Error('no');
    });
    tasks.start();
    await enqueue({ attemptsMax: 4 });
    for (let passed = 0; passed < 8000; passed += 250) {
      await settle();
      clock.advance(250);
    }
    const waits = beganAtMs.slice(1).map((ms, index) => ms - beganAtMs[index]!);
    // The wheel is late by one tick at the most, and chance is a half.
    for (const [index, mostMs] of [1000, 2000, 4000].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(mostMs * 0.75);
      expect(waits[index]).toBeLessThanOrEqual(mostMs * 0.75 + 500);
    }
  });

  test('hold the bytes of inputs and results, and nothing when those are forgotten', async () => {
    const { add, enqueue, tasks, clock } = await memoryRig({ keepMs: 10_000 });
    add(() => 'y'.repeat(5000));
    await enqueue({ input: Json.of('x'.repeat(20_000)) });
    expect(tasks.size.bytes).toBeGreaterThan(20_000);
    expect(tasks.size).toMatchObject({ tasks: 1, waiting: 1, active: 0 });
    tasks.start();
    await settle();
    expect(tasks.size.bytes).toBeGreaterThan(5000);
    expect(tasks.size.bytes).toBeLessThan(8000);
    clock.advance(11_000);
    expect(tasks.size).toEqual({ tasks: 0, bytes: 0, active: 0, held: 0, waiting: 0 });
  });

  test('forget results when there is no room, and then take in no more', async () => {
    const limits = { taskStoreBytes: 10_000 };
    const { add, enqueue, tasks, find, count } = await memoryRig({ limits });
    add(() => 'y'.repeat(3000));
    add(() => 1, { name: 'waits', concurrency: 0 });
    tasks.start();
    const first = await enqueue();
    const second = await enqueue();
    await settle();
    expect((await find(first)).state).toBe('completed');
    const big = { name: 'waits', input: Json.of('x'.repeat(4000)) };
    await enqueue(big);
    await expect(find(first)).rejects.toThrow('is not known');
    expect((await find(second)).state).toBe('completed');
    expect(count('forgotten')).toBe(1);
    await enqueue(big);
    expect(count('forgotten')).toBe(2);
    await expect(enqueue(big)).rejects.toThrow('fill the memory');
    expect(tasks.size.bytes).toBeLessThanOrEqual(10_000);
  });

  test('that are left when the gateway closes are told of', async () => {
    const { add, enqueue, tasks, log, clock } = await memoryRig({ drainMs: 1000 });
    const gate = new Gate();
    add(gate.run, { concurrency: 1 });
    tasks.start();
    await enqueue();
    await enqueue({ delayMs: 1000 });
    await settle();
    const closed = tasks.close();
    clock.advance(1000);
    await closed;
    expect(log.of('warn')).toMatchObject([{ fields: { tasks: 2 } }]);
    expect(tasks.size.tasks).toBe(0);
    gate.letGo();
  });

  test('have no alarm while there is nothing to do', async () => {
    const { add, enqueue, tasks, clock, over } = await memoryRig({ keepMs: 1000 });
    add(() => 1);
    tasks.start();
    expect(clock.pending).toBe(0);
    await over(await enqueue());
    clock.advance(2000);
    expect(clock.pending).toBe(0);
  });
});
