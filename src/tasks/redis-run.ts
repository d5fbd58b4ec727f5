/** A task that this gateway has taken: it is run, told of, and let go. */
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../kernel/backoff.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Json } from '../kernel/data.ts';
import { ERRORS } from '../kernel/errors.ts';
import type { Limits } from '../kernel/limits.ts';
import type { Count } from '../kernel/meters.ts';
import { RedisAway } from '../redis/errors.ts';
import type { Ending, Stop } from './attempt.ts';
import { Attempt } from './attempt.ts';
import { Pulse } from './pulse.ts';
import type { RedisOutcomes } from './redis-outcomes.ts';
import type { RedisQueue, Taken } from './redis-queue.ts';
import { TaskLost } from './redis-queue.ts';
import type { Task, TaskError, TaskKind, TaskListener } from './tasks.ts';
import { BACKOFF_MS_MAX, TELL_MS } from './tasks.ts';

export interface RunContext {
  readonly kind: TaskKind;
  readonly outcomes: RedisOutcomes;
  readonly listener: TaskListener;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly limits: Limits;
  readonly backoffMs: number;
  /** Aborts when this gateway cannot wait for Redis any longer. */
  readonly abandoned: AbortSignal;
  readonly count: Count;
  readonly fault: (where: string, error: unknown) => void;
}

/** How often progress is saved. */
const SAVE_MS = 250;
/** Between two tries to tell Redis something that it has to know. */
const AGAIN_MS = 250;

export class RedisRun {
  readonly taken: Taken;
  /** Nothing more is asked of Redis for it. */
  readonly told: Promise<void>;
  /** Its place is free: its handler has come to its end, too. */
  readonly done: Promise<void>;
  readonly #queue: RedisQueue;
  readonly #context: RunContext;
  readonly #save: Pulse<Json>;
  readonly #tell: Pulse<Json>;
  #attempt: Attempt | null = null;
  #stopped: Stop | null = null;
  #progress: Json | null;

  constructor(taken: Taken, queue: RedisQueue, context: RunContext) {
    const { clock, listener } = context;
    this.taken = taken;
    this.#queue = queue;
    this.#context = context;
    this.#progress = taken.task.progress;
    this.#save = new Pulse(clock, SAVE_MS, (progress) => this.#saveOrLeave(progress));
    this.#tell = new Pulse(clock, TELL_MS, async (progress) =>
      listener.progressed({ ...taken.task, progress }),
    );
    this.told = this.#carryOut();
    this.done = this.told.then(() => this.#attempt?.settled);
  }

  stop(why: Stop): void {
    this.#stopped ??= why;
    this.#attempt?.stop(why);
  }

  async #carryOut(): Promise<void> {
    const { count, fault } = this.#context;
    try {
      await this.#run();
    } catch (error) {
      // Somebody else has it, or will have.
      if (error instanceof TaskLost || error instanceof RedisAway) count('lost');
      else fault('task', error);
    } finally {
      this.#save.close();
      this.#tell.close();
    }
  }

  async #run(): Promise<void> {
    const { outcomes, limits } = this.#context;
    const { order, losses } = this.taken;
    const { outcome, isUnwanted } = await this.#surely(() => outcomes.read(order.id));
    // It was over, but whoever had it could not say so, or not to all.
    if (outcome !== null) return this.#letGo(outcome.task);
    if (isUnwanted) return this.#finish({ state: 'cancelled' });
    if (losses > limits.taskLosses) {
      const { code } = ERRORS.limitExceeded;
      const message = `its gateway was lost ${losses} times while it ran`;
      return this.#finish({ state: 'failed', error: { code, message } });
    }
    if (this.#stopped !== null) return this.#end({ type: 'stopped', why: this.#stopped });
    return this.#end(await this.#begin().ended);
  }

  #begin(): Attempt {
    const { kind, clock, limits } = this.#context;
    const { order, task } = this.taken;
    const attempt = new Attempt({
      ...order,
      kind,
      clock,
      limits,
      attempt: task.attempts,
      lastProgress: task.progress,
      progressed: (progress) => this.#progressed(progress),
    });
    this.#attempt = attempt;
    return attempt;
  }

  #progressed(progress: Json): void {
    this.#progress = progress;
    this.#save.push(progress);
    if (this.taken.order.notify !== '') this.#tell.push(progress);
  }

  async #end(ending: Ending): Promise<void> {
    const { random, count } = this.#context;
    this.#save.close();
    this.#tell.close();
    if (ending.type === 'completed') {
      return this.#finish({ state: 'completed', result: ending.result });
    }
    if (ending.type === 'stopped') {
      if (ending.why === 'cancelled') return this.#finish({ state: 'cancelled' });
      if (ending.why === 'lost') throw new TaskLost('it was not held in time');
      await this.#saveProgress();
      await this.#surely(() => this.#queue.giveBack(this.taken));
      count('returned');
      return;
    }
    const { attempts, attemptsMax } = this.taken.task;
    const { error } = ending;
    if (ending.final || attempts >= attemptsMax) return this.#finish({ state: 'failed', error });
    const backoff = { firstMs: this.#context.backoffMs, longestMs: BACKOFF_MS_MAX };
    const delayMs = backoffMs(backoff, attempts, random());
    await this.#saveProgress();
    await this.#surely(() => this.#queue.retry(this.taken, delayMs, error));
    count('retried');
  }

  async #finish(
    how: Pick<Task, 'state'> & { readonly result?: Json; readonly error?: TaskError },
  ): Promise<void> {
    const { outcomes, clock, count } = this.#context;
    const { task: begun, order } = this.taken;
    const task = { ...begun, ...how, progress: this.#progress, finishedAtMs: clock.now() };
    const kept = await this.#surely(() => outcomes.keep({ task, digest: order.digest }));
    if (kept.isNew) count(how.state);
    if (kept.forgotten > 0) count('forgotten', kept.forgotten);
    await this.#letGo(kept.outcome.task);
  }

  /** The outcome is kept: should this gateway be lost now, the next one goes on from here. */
  async #letGo(task: Task): Promise<void> {
    const { kind, listener, abandoned, fault } = this.#context;
    try {
      await kind.ended?.(this.taken.order.input);
    } catch (error) {
      fault('task ended', error);
    }
    await listener.ended(task, abandoned);
    await this.#surely(() => this.#queue.finish(this.taken));
  }

  /** Where the next attempt goes on. */
  async #saveProgress(): Promise<void> {
    const progress = this.#progress;
    if (progress === null) return;
    await this.#surely(() => this.#queue.tell(this.taken, progress));
  }

  async #saveOrLeave(progress: Json): Promise<void> {
    try {
      await this.#queue.tell(this.taken, progress);
    } catch (error) {
      // There will be more of it.
      if (error instanceof RedisAway || error instanceof TaskLost) return;
      this.#context.fault('task progress', error);
    }
  }

  /** Asks until Redis is there, or this gateway cannot wait any longer. */
  async #surely<T>(ask: () => Promise<T>): Promise<T> {
    const { abandoned } = this.#context;
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof RedisAway) || abandoned.aborted) throw error;
        await sleep(AGAIN_MS);
      }
    }
  }
}
