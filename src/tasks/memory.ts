/** The tasks of one gateway alone: they wait in its memory, and end with it. */
import { backoffMs } from '../kernel/backoff.ts';
import type { Clock } from '../kernel/clock.ts';
import { assert } from '../kernel/assert.ts';
import { Deferred } from '../kernel/deferred.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Limits } from '../kernel/limits.ts';
import type { ThrottledLog } from '../kernel/log.ts';
import type { Count } from '../kernel/meters.ts';
import type { Wheel } from '../kernel/wheel.ts';
import type { Ending } from './attempt.ts';
import { Attempt } from './attempt.ts';
import { Shelf } from './memory-shelf.ts';
import { MemoryTask } from './memory-task.ts';
import { Pulse } from './pulse.ts';
import type { Order, Task, TaskKind, TaskListener, Tasks } from './tasks.ts';
import { BACKOFF_MS_MAX, TELL_MS } from './tasks.ts';

export interface MemoryTasksOptions {
  readonly clock: Clock;
  readonly wheel: Wheel;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly listener: TaskListener;
  readonly limits: Limits;
  /** How long a task is kept when it is over. */
  readonly keepMs: number;
  /** Before the second attempt. */
  readonly backoffMs: number;
  /** How long what runs may go on when it closes. */
  readonly drainMs: number;
  /** What became of tasks. */
  readonly count: Count;
  readonly log: ThrottledLog;
  readonly fault: (where: string, error: unknown) => void;
}

/** The tasks of one name. */
interface Lane {
  readonly kind: TaskKind;
  /** In the order in which they became due. */
  readonly ready: Set<MemoryTask>;
  delayed: number;
  /** Places that are taken: by an attempt, or by a handler that goes on after its attempt has ended. */
  held: number;
  isWoken: boolean;
}

export class MemoryTasks implements Tasks {
  readonly #options: MemoryTasksOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #tasks = new Map<string, MemoryTask>();
  readonly #active = new Set<MemoryTask>();
  readonly #shelf = new Shelf();
  /** What goes on until nothing more is told of a task. */
  readonly #running = new Set<Promise<void>>();
  readonly #abandon = new AbortController();
  #bytes = 0;
  #isOpen = false;
  #closed: Promise<void> | null = null;

  constructor(options: MemoryTasksOptions) {
    this.#options = options;
  }

  /** What is held. */
  get size(): Readonly<Record<'tasks' | 'bytes' | 'active' | 'held' | 'waiting', number>> {
    const size = { waiting: 0, held: 0 };
    for (const { ready, delayed, held } of this.#lanes.values()) {
      size.waiting += ready.size + delayed;
      size.held += held;
    }
    return { ...size, tasks: this.#tasks.size, bytes: this.#bytes, active: this.#active.size };
  }

  add(kind: TaskKind): void {
    assert(!this.#lanes.has(kind.name), `the task ${kind.name} is added once`);
    const ready = new Set<MemoryTask>();
    this.#lanes.set(kind.name, { kind, ready, delayed: 0, held: 0, isWoken: false });
  }

  start(): void {
    if (this.#closed !== null) return;
    this.#isOpen = true;
    for (const lane of this.#lanes.values()) this.#wake(lane);
  }

  knows(name: string): boolean {
    return this.#lanes.has(name);
  }

  enqueue(order: Order): void {
    const { clock, wheel, count } = this.#options;
    if (this.#closed !== null) throw new Refusal('internal', 'the gateway closes');
    const known = this.#tasks.get(order.id);
    if (known !== undefined) {
      if (known.order.digest === order.digest) return;
      throw new Refusal('conflict', 'idempotency_key was used for another task');
    }
    const lane = this.#laneOf(order.name);
    const task = new MemoryTask(order, clock.now(), this.#due);
    this.#makeRoom(lane, task);
    this.#tasks.set(order.id, task);
    this.#bytes += task.bytes;
    count('enqueued');
    if (order.delayMs > 0) {
      task.state = 'delayed';
      task.dueMs = clock.now() + order.delayMs;
      lane.delayed += 1;
      wheel.add(task);
    } else {
      lane.ready.add(task);
      this.#wake(lane);
    }
  }

  find(id: string): Task | null {
    return this.#tasks.get(id)?.snapshot() ?? null;
  }

  digestOf(id: string): string | null {
    return this.#tasks.get(id)?.order.digest ?? null;
  }

  async cancel(id: string): Promise<Task | null> {
    const task = this.#tasks.get(id);
    if (task === undefined) return null;
    const lane = this.#laneOf(task.order.name);
    if (task.attempt !== null) {
      task.attempt.stop('cancelled');
      await task.attempt.ended;
    } else if (task.state === 'waiting' || task.state === 'delayed') {
      this.#leave(lane, task);
      this.#track(this.#finish(lane, task, 'cancelled'));
    }
    return task.snapshot();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { clock, wheel, drainMs, log } = this.#options;
    this.#isOpen = false;
    const drained = Promise.all(this.#running);
    const late = new Deferred();
    const alarm = clock.after(drainMs, () => late.resolve());
    await Promise.race([drained, late.promise]);
    alarm.cancel();
    this.#abandon.abort();
    for (const { attempt } of this.#active) attempt?.stop('returned');
    await Promise.all(this.#running);
    const left = this.size.waiting;
    if (left > 0) log.warn('tasks left', { tasks: left }, 'tasks end with the gateway: no Redis');
    for (const task of this.#tasks.values()) wheel.remove(task);
    this.#tasks.clear();
  }

  /** A delayed task is due, or one that is over was kept for long enough. */
  readonly #due = (task: MemoryTask): void => {
    if (task.state !== 'delayed') {
      this.#forget(task);
      return;
    }
    const lane = this.#laneOf(task.order.name);
    lane.delayed -= 1;
    this.#makeReady(lane, task);
  };

  #makeReady(lane: Lane, task: MemoryTask): void {
    task.state = 'waiting';
    lane.ready.add(task);
    this.#wake(lane);
  }

  /** What is handed in within a turn is begun after it. */
  #wake(lane: Lane): void {
    if (lane.isWoken) return;
    lane.isWoken = true;
    queueMicrotask(() => {
      lane.isWoken = false;
      for (const task of lane.ready) {
        if (!this.#isOpen || lane.held >= lane.kind.concurrency) return;
        this.#begin(lane, task);
      }
    });
  }

  #begin(lane: Lane, task: MemoryTask): void {
    const { clock, limits, listener } = this.#options;
    const { id, input, attemptsMax, timeoutMs, notify } = task.order;
    lane.ready.delete(task);
    lane.held += 1;
    this.#active.add(task);
    task.state = 'active';
    task.attempts += 1;
    task.startedAtMs = clock.now();
    const tell = new Pulse<void>(clock, TELL_MS, async () => listener.progressed(task.snapshot()));
    const attempt = new Attempt({
      kind: lane.kind,
      id,
      input,
      attempt: task.attempts,
      attemptsMax,
      timeoutMs,
      lastProgress: task.progress,
      clock,
      limits,
      progressed(progress) {
        task.progress = progress;
        if (notify !== '') tell.push();
      },
    });
    task.attempt = attempt;
    const told = attempt.ended.then((ending) => {
      tell.close();
      task.attempt = null;
      this.#active.delete(task);
      return this.#ended(lane, task, ending);
    });
    this.#track(told);
    void Promise.all([told, attempt.settled]).then(() => {
      lane.held -= 1;
      this.#wake(lane);
    });
  }

  #ended(lane: Lane, task: MemoryTask, ending: Ending): Promise<void> | void {
    const { clock, wheel, random, count } = this.#options;
    if (ending.type === 'completed') {
      task.result = ending.result;
      this.#bytes += ending.result.text.length;
      return this.#finish(lane, task, 'completed');
    }
    if (ending.type === 'stopped') {
      if (ending.why === 'cancelled') return this.#finish(lane, task, 'cancelled');
      count('returned');
      this.#makeReady(lane, task);
      return;
    }
    task.error = ending.error;
    if (ending.final || task.attempts >= task.order.attemptsMax) {
      return this.#finish(lane, task, 'failed');
    }
    count('retried');
    task.state = 'delayed';
    const backoff = { firstMs: this.#options.backoffMs, longestMs: BACKOFF_MS_MAX };
    task.dueMs = clock.now() + backoffMs(backoff, task.attempts, random());
    lane.delayed += 1;
    wheel.add(task);
  }

  async #finish(lane: Lane, task: MemoryTask, state: Task['state']): Promise<void> {
    const { clock, wheel, keepMs, limits, listener, count, fault } = this.#options;
    const before = task.bytes;
    task.state = state;
    task.finishedAtMs = clock.now();
    this.#bytes += task.bytes - before;
    task.dueMs = task.finishedAtMs + keepMs;
    wheel.add(task);
    count(state);
    const { name } = lane.kind;
    if (this.#shelf.sizeOf(name) >= limits.taskResults) {
      this.#forgetEarly(this.#shelf.oldestOf(name));
    }
    while (this.#bytes > limits.taskStoreBytes && this.#forgetEarly(this.#shelf.oldest));
    this.#shelf.add(task);
    try {
      await lane.kind.ended?.(task.order.input);
    } catch (error) {
      fault('task ended', error);
    }
    await listener.ended(task.snapshot(), this.#abandon.signal);
  }

  /** @throws {Refusal} */
  #makeRoom(lane: Lane, task: MemoryTask): void {
    const { limits, count } = this.#options;
    const { tasksWaiting, taskStoreBytes } = limits;
    if (lane.ready.size + lane.delayed >= tasksWaiting) {
      count('refused');
      throw new Refusal('tooManyRequests', `${tasksWaiting} tasks ${lane.kind.name} wait already`);
    }
    while (this.#bytes + task.bytes > taskStoreBytes) {
      if (!this.#forgetEarly(this.#shelf.oldest)) {
        count('refused');
        throw new Refusal('tooManyRequests', 'the tasks that wait fill the memory for them');
      }
    }
  }

  /** False: there is none. */
  #forgetEarly(kept: MemoryTask | undefined): boolean {
    if (kept === undefined) return false;
    this.#options.count('forgotten');
    this.#forget(kept);
    return true;
  }

  #forget(task: MemoryTask): void {
    this.#options.wheel.remove(task);
    this.#tasks.delete(task.order.id);
    this.#shelf.remove(task);
    this.#bytes -= task.bytes;
  }

  #leave(lane: Lane, task: MemoryTask): void {
    this.#options.wheel.remove(task);
    if (!lane.ready.delete(task)) lane.delayed -= 1;
  }

  #track(running: Promise<void>): void {
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
  }

  #laneOf(name: string): Lane {
    const lane = this.#lanes.get(name);
    assert(lane !== undefined, `the task ${name} was added`);
    return lane;
  }
}
