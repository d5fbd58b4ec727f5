/** Tells the channels that want to hear of tasks how they end, and how far they are. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Json } from '../kernel/data.ts';
import { Refusal } from '../kernel/errors.ts';
import type { ThrottledLog } from '../kernel/log.ts';
import type { Count } from '../kernel/meters.ts';
import type { Task, TaskListener } from '../tasks/tasks.ts';
import { keyOf } from './builtin/key.ts';
import type { Operations } from './operations.ts';
import { write } from './reply.ts';
import { taskNews } from './task-wire.ts';

export interface HeraldContext {
  readonly publish: Operations['publish'];
  readonly log: ThrottledLog;
  /** A channel did not hear how a task ended. */
  readonly countUnheard: Count;
  readonly fault: (where: string, error: unknown) => void;
}

/** The event of these publications. */
export const TASK_EVENT = 'task';

const AGAIN_MS_MIN = 100;
const AGAIN_MS_MAX = 5000;

export class TaskHerald implements TaskListener {
  readonly #context: HeraldContext;

  constructor(context: HeraldContext) {
    this.#context = context;
  }

  /** Again and again, until it is published or cannot be. */
  async ended(task: Task, signal: AbortSignal): Promise<void> {
    if (task.notify === '') return;
    for (let waitMs = AGAIN_MS_MIN; ; waitMs = Math.min(AGAIN_MS_MAX, waitMs * 2)) {
      try {
        // A task that is told of twice is heard of once.
        await this.#publish(task, { idempotencyKey: `${keyOf(task.id)}:end` });
        return;
      } catch (error) {
        const isTemporary = error instanceof Refusal && error.entry.temporary;
        if (!isTemporary || signal.aborted) return this.#giveUp(task, error);
        await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** It is not kept: what comes after it says more. */
  progressed(task: Task): void {
    this.#publish(task, { skipHistory: true }).catch((error: unknown) => {
      if (!(error instanceof Refusal)) this.#context.fault('task news', error);
    });
  }

  async #publish(
    task: Task,
    options: { readonly idempotencyKey?: string; readonly skipHistory?: boolean },
  ): Promise<void> {
    const news = new Json(write(taskNews(task)));
    await this.#context.publish(task.notify, news, { ...options, event: TASK_EVENT });
  }

  #giveUp({ id, notify }: Task, error: unknown): void {
    const { log, countUnheard, fault } = this.#context;
    countUnheard();
    if (!(error instanceof Refusal)) fault('task news', error);
    else log.warn('task news', { task: id, channel: notify, reason: error.message }, 'not told');
  }
}
