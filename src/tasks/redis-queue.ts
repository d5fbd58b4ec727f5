/**
 * The tasks of one name that are not over, in Redis and in the keeping of BullMQ: what waits, for
 * what time, and who has what, until when.
 *
 * Only its queue is used, over a client that does not wait. Its `Worker` would keep what it wants to
 * say while Redis is away, cannot be closed then, and takes tasks where it can only hold them; and a
 * queue of BullMQ has no limit, no place for what was cancelled, and lets results go late.
 */
import { randomUUID } from 'node:crypto';
import type { JobJson, Queue, QueueOptions, WorkerOptions } from 'bullmq';
import { Json } from '../kernel/data.ts';
import type { RawClient } from '../redis/client.ts';
import { awayOr } from '../redis/errors.ts';
import type { Order, Task, TaskError, TaskState } from './tasks.ts';

/** A gateway that says nothing for so long has lost its tasks. */
export const LOCK_MS = 10_000;
/** How often it is looked for tasks that were lost; the second look finds them. */
export const SWEEP_MS = 5000;

/** A task that this gateway has, until it lets it go or somebody takes it for lost. */
export interface Taken {
  readonly order: Order;
  /** As it stands now: active. */
  readonly task: Task;
  /** How often its gateway was lost. */
  readonly losses: number;
  /** What proves that it is ours. */
  readonly token: string;
  readonly job: JobJson;
}

/** The task is not ours any more: it took too long to say that it is. */
export class TaskLost extends Error {
  override readonly name = 'TaskLost';
}

/** What BullMQ keeps for us, besides the attempts. */
type Stored = Omit<Order, 'id' | 'name' | 'input' | 'attemptsMax'> & { readonly input: string };

/** Its stream of events is for those who watch a queue; nobody of ours does. */
const EVENTS_MAX = 100;

/** What a queue is told of how its workers behave, as we are the worker. */
type Behaviour = Pick<WorkerOptions, 'lockDuration' | 'stalledInterval' | 'maxStalledCount'>;

export class RedisQueue {
  readonly #queue: Queue;
  readonly #name: string;
  readonly #lockMs: number;

  private constructor(queue: Queue, name: string, lockMs: number) {
    this.#queue = queue;
    this.#name = name;
    this.#lockMs = lockMs;
  }

  /** `client` is ready. `prefix`: what all keys begin with, so that they lie together. */
  static async open(
    name: string,
    client: RawClient,
    { prefix, lockMs, sweepMs }: { prefix: string; lockMs: number; sweepMs: number },
  ): Promise<RedisQueue> {
    // Loaded where there is a task, and nowhere else.
    const { Queue } = await import('bullmq');
    const options: QueueOptions & Behaviour = {
      connection: client,
      prefix,
      // We know the version; and it would write to the console.
      skipVersionCheck: true,
      streams: { events: { maxLen: EVENTS_MAX } },
      lockDuration: lockMs,
      stalledInterval: sweepMs,
      // We count them, and tell.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
    };
    const queue = new Queue(name, options);
    // The client tells of its errors itself; without a listener they would end the process.
    queue.on('error', () => undefined);
    return new RedisQueue(queue, name, lockMs);
  }

  /** Once for each id; another time changes nothing. @throws {RedisAway} */
  async put(order: Order): Promise<void> {
    const { id, name: _, input, attemptsMax, ...rest } = order;
    const stored: Stored = { ...rest, input: input.text };
    await asked(() =>
      this.#queue.add(this.#name, stored, {
        jobId: id,
        delay: order.delayMs,
        attempts: attemptsMax,
        stackTraceLimit: 0,
      }),
    );
  }

  /** Those that wait, also for their time. @throws {RedisAway} */
  async waiting(): Promise<number> {
    const counts = await asked(() => this.#queue.getBackend().getCounts(['wait', 'delayed']));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** The one that is due first; or, where none is, when the next will be. @throws {RedisAway} */
  async take(): Promise<Taken | { readonly dueAtMs: number | null }> {
    const token = randomUUID();
    const [job, id, , dueAtMs]: readonly unknown[] = await asked(() =>
      this.#queue.getBackend().moveToActive(token, this.#name),
    );
    if (!isJob(job))
      return { dueAtMs: typeof dueAtMs === 'number' && dueAtMs > 0 ? dueAtMs : null };
    const order = orderOf(String(id), this.#name, job);
    const task = taskOf(order, job, 'active');
    return { order, task, losses: job.stalledCounter, token, job };
  }

  /** Null: it is not there, or not any more. @throws {RedisAway} */
  async find(id: string): Promise<{ readonly task: Task; readonly order: Order } | null> {
    const backend = this.#queue.getBackend();
    const [job, state] = await asked(() =>
      Promise.all([backend.getJobData(id), backend.getState(id)]),
    );
    if (job === undefined || state === 'unknown') return null;
    const order = orderOf(id, this.#name, job);
    return { task: taskOf(order, job, stateOf(state)), order };
  }

  /** False: somebody has it. @throws {RedisAway} */
  async remove(id: string): Promise<boolean> {
    return (await asked(() => this.#queue.getBackend().remove(id, false))) === 1;
  }

  /** Says that they are ours still; returns those that are not. @throws {RedisAway} */
  async hold(taken: readonly Taken[]): Promise<string[]> {
    const ids = taken.map(({ order }) => order.id);
    const tokens = taken.map(({ token }) => token);
    return asked(() => this.#queue.getBackend().extendLocks(ids, tokens, this.#lockMs));
  }

  /** @throws {RedisAway} */
  async tell({ order }: Taken, progress: Json): Promise<void> {
    // A value that is no object is one, too, to BullMQ.
    const value = { p: progress.text };
    await lostOrAsked(() => this.#queue.getBackend().updateProgress(order.id, value));
  }

  /** It is over, and its outcome is kept. @throws {RedisAway, TaskLost} */
  async finish(taken: Taken): Promise<void> {
    const { Job } = await import('bullmq');
    const job = Job.fromJSON(this.#queue, taken.job, taken.order.id);
    await lostOrAsked(() =>
      this.#queue.getBackend().moveToCompleted(job, null, true, taken.token, false),
    );
  }

  /** Another attempt later. @throws {RedisAway, TaskLost} */
  async retry({ order, token }: Taken, delayMs: number, error: TaskError): Promise<void> {
    const fieldsToUpdate = { failedReason: JSON.stringify(error) };
    await lostOrAsked(() =>
      this.#queue
        .getBackend()
        .moveToDelayed(order.id, Date.now(), delayMs, token, { fieldsToUpdate }),
    );
  }

  /** Whoever is next may have it, at once. @throws {RedisAway, TaskLost} */
  async giveBack({ order, token }: Taken): Promise<void> {
    await lostOrAsked(() => this.#queue.getBackend().moveJobFromActiveToWait(order.id, token));
  }

  /** Lets others have what was lost; returns their ids. @throws {RedisAway} */
  async sweep(): Promise<string[]> {
    return asked(() => this.#queue.getBackend().moveStalledJobsToWait());
  }

  /** The client is not the queue's to close. */
  async close(): Promise<void> {
    await this.#queue.close();
  }
}

function isJob(job: unknown): job is JobJson {
  return typeof job === 'object' && job !== null;
}

function orderOf(id: string, name: string, { data, opts }: JobJson): Order {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- We wrote it.
  const { input, ...stored } = JSON.parse(data) as Stored;
  return { ...stored, id, name, input: new Json(input), attemptsMax: opts.attempts ?? 1 };
}

function taskOf(order: Order, job: JobJson, state: TaskState): Task {
  const { id, name, attemptsMax, delayMs, notify } = order;
  const { timestamp: enqueuedAtMs, processedOn, attemptsMade, failedReason } = job;
  return {
    id,
    name,
    state,
    progress: progressOf(job.progress),
    result: null,
    error: failedReason === undefined ? null : errorOf(failedReason),
    attempts: attemptsMade + (state === 'active' ? 1 : 0),
    attemptsMax,
    enqueuedAtMs,
    dueAtMs: enqueuedAtMs + delayMs,
    startedAtMs: processedOn ?? null,
    finishedAtMs: null,
    notify,
  };
}

function progressOf(progress: JobJson['progress']): Json | null {
  if (typeof progress !== 'object' || !('p' in progress)) return null;
  return typeof progress.p === 'string' ? new Json(progress.p) : null;
}

function errorOf(text: string): TaskError {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- We wrote it.
  return JSON.parse(text) as TaskError;
}

function stateOf(state: string): TaskState {
  if (state === 'active' || state === 'delayed') return state;
  return 'waiting';
}

/** What Redis cannot do now is `RedisAway`, whoever asked it. */
async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw error instanceof TypeError ? error : awayOr(error);
  }
}

/** Scripts of BullMQ answer with a negative code when a job is not there, or not the asker's. */
async function lostOrAsked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const refused = error instanceof Error && 'code' in error && typeof error.code === 'number';
    if (refused) throw new TaskLost(error.message, { cause: error });
    throw error instanceof TypeError ? error : awayOr(error);
  }
}
