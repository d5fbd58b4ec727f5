/** What a backend can have done later: tasks in process as they stand here, and over HTTP by `api.ts`. */
import { channelNameOf } from '../channel/name.ts';
import type { Clock } from '../kernel/clock.ts';
import { Json } from '../kernel/data.ts';
import { durationMs } from '../kernel/duration.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Limits } from '../kernel/limits.ts';
import type { Maybe } from '../kernel/maybe.ts';
import { digest, newTaskId, TASK_NAME, taskIdOf } from '../tasks/id.ts';
import type { ChannelLists } from '../tasks/lists.ts';
import type { Order, Task, TaskContext, TaskError, Tasks, TaskState } from '../tasks/tasks.ts';
import { KEY_LENGTH_MAX } from './publication.ts';

/** Milliseconds, or a text such as `30s`. */
export type Time = number | string;

export interface EnqueueOptions {
  /** Run it so much later. */
  readonly delay?: Time | undefined;
  /** Run it then: a date, an ISO text, or milliseconds since 1970. One that is past is now. */
  readonly at?: Date | number | string | undefined;
  /** How often it is tried. */
  readonly attempts?: number | undefined;
  /** How long one attempt may take. */
  readonly timeout?: Time | undefined;
  /** A channel that is told how it ends, and how far it is. */
  readonly notify?: string | undefined;
  /** The same key for the same name is the same task: it is taken in once, and has the same id. */
  readonly idempotencyKey?: string | undefined;
}

export interface TaskOptions {
  readonly attempts?: number;
  readonly timeout?: Time;
  /** Tasks of the name that this gateway runs at once. */
  readonly concurrency?: number;
}

/** `input` is what was handed in, as JSON made it. What is returned is the result. */
export type TaskHandler = (input: unknown, context: TaskContext) => Maybe<unknown>;

/** A task as a program sees it. */
export interface TaskResult {
  readonly id: string;
  readonly name: string;
  readonly state: TaskState;
  /** What it told last of how far it is; undefined before. */
  readonly progress: unknown;
  /** Undefined until it completed. */
  readonly result: unknown;
  /** Why the last attempt failed. */
  readonly error: TaskError | null;
  readonly attempts: number;
  readonly attemptsMax: number;
  readonly enqueuedAtMs: number;
  readonly dueAtMs: number;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
}

/** A task that the gateway brings, or a program. */
export interface TaskDefinition {
  readonly name: string;
  readonly attempts?: number;
  readonly timeoutMs?: number;
  readonly concurrency?: number;
  /**
   * What is kept of what was handed in, which is a JSON value or a `Json`.
   * @throws {Refusal} for what cannot be run.
   */
  prepare?(input: unknown, about: { readonly delayMs: number }): Maybe<Json>;
  run(input: Json, context: TaskContext): Maybe<unknown>;
  ended?(input: Json): Maybe<void>;
  /** What was prepared was not taken in. */
  dropped?(input: Json): Maybe<void>;
}

/** Lists that a task makes for itself begin with it. */
export const OWN_LIST = '~';

export interface TaskOperationsContext {
  readonly tasks: Tasks;
  readonly lists: ChannelLists;
  readonly clock: Pick<Clock, 'now'>;
  readonly limits: Limits;
  /** Where neither the task nor who hands it in says otherwise. */
  readonly settings: {
    readonly concurrency: number;
    readonly attempts: number;
    readonly timeoutMs: number;
  };
  /** @throws {Refusal} when nothing can be published there. */
  readonly checkChannel: (channel: string) => void;
}

export class TaskOperations {
  readonly #context: TaskOperationsContext;
  readonly #definitions = new Map<string, TaskDefinition>();

  constructor(context: TaskOperationsContext) {
    this.#context = context;
  }

  /** What this gateway runs when it is asked for the name. @throws {Error} when it has one already. */
  task(name: string, handler: TaskHandler, options: TaskOptions = {}): void {
    const { attempts, timeout, concurrency } = options;
    const { limits } = this.#context;
    this.define({
      name,
      run: (input, context) => handler(input.value(), context),
      ...(attempts === undefined ? {} : { attempts: attemptsOf(attempts, limits) }),
      ...(timeout === undefined ? {} : { timeoutMs: timeoutOf(timeout, limits) }),
      ...(concurrency === undefined ? {} : { concurrency }),
    });
  }

  define(definition: TaskDefinition): void {
    const { name, concurrency } = definition;
    if (!TASK_NAME.test(name)) {
      throw new Error(`${JSON.stringify(name)} is no name for a task: ${TASK_NAME.source}`);
    }
    if (this.#definitions.has(name)) throw new Error(`there is a task ${name} already`);
    if (concurrency !== undefined && !(Number.isSafeInteger(concurrency) && concurrency >= 0)) {
      throw new Error(`the concurrency of the task ${name} is a whole number`);
    }
    this.#definitions.set(name, definition);
    const { settings, tasks } = this.#context;
    tasks.add({
      name,
      // A gateway that runs no tasks runs none of any name.
      concurrency: settings.concurrency === 0 ? 0 : (concurrency ?? settings.concurrency),
      run: (input, context) => definition.run(input, context),
      ended: (input) => definition.ended?.(input),
    });
  }

  /** The id of the task. It is not lost any more when this resolves. */
  async enqueue(name: string, input?: unknown, options: EnqueueOptions = {}): Promise<string> {
    const definition = await this.#definitionOf(name);
    const terms = this.#termsOf(name, definition, input, options);
    const order = await this.#prepared(definition, input, terms);
    if (order !== null) await this.#handIn(definition, order);
    return terms.id;
  }

  /** @throws {Refusal} `unknownTask` when it is not known, or its result is not kept any more. */
  async find(id: string): Promise<Task> {
    return (await this.#context.tasks.find(id)) ?? unknown(id);
  }

  /** As it stands then; what runs may still be stopping. @throws {Refusal} `unknownTask` */
  async cancel(id: string): Promise<Task> {
    return (await this.#context.tasks.cancel(id)) ?? unknown(id);
  }

  /** Puts a part into a list of channels, for a broadcast; returns how many it has now. */
  async putChannels(list: string, part: number, channels: readonly string[]): Promise<number> {
    if (list.startsWith(OWN_LIST)) {
      throw new Refusal('badRequest', `the name of a list does not begin with ${OWN_LIST}`);
    }
    checkNames(channels, this.#context.limits.channelNameLength);
    return this.#context.lists.put(list, part, channels);
  }

  /** Null: another gateway runs it. @throws {Refusal} */
  async #definitionOf(name: string): Promise<TaskDefinition | null> {
    const definition = this.#definitions.get(name);
    if (definition !== undefined) return definition;
    if (TASK_NAME.test(name) && (await this.#context.tasks.knows(name))) return null;
    const known = [...this.#definitions.keys()].join(', ');
    throw new Refusal('unknownTask', `${shown(name)} is none of ${known}`);
  }

  /** @throws {Refusal} */
  #termsOf(
    name: string,
    definition: TaskDefinition | null,
    input: unknown,
    options: EnqueueOptions,
  ): Omit<Order, 'input'> {
    const { limits, settings, checkChannel } = this.#context;
    const { idempotencyKey: key = '', notify = '' } = options;
    if (key.length > KEY_LENGTH_MAX) {
      throw new Refusal('badRequest', `idempotency_key has more than ${KEY_LENGTH_MAX} characters`);
    }
    if (notify !== '') checkChannel(notify);
    // What nobody asked for is not refused.
    const usual = {
      attempts: Math.min(definition?.attempts ?? settings.attempts, limits.taskAttempts),
      timeout: Math.min(definition?.timeoutMs ?? settings.timeoutMs, limits.taskTimeoutMs),
    };
    return {
      name,
      ...identityOf(name, input, key),
      delayMs: this.#delayOf(options),
      attemptsMax: attemptsOf(options.attempts ?? usual.attempts, limits),
      timeoutMs: timeoutOf(options.timeout ?? usual.timeout, limits),
      notify,
    };
  }

  async #handIn(definition: TaskDefinition | null, order: Order): Promise<void> {
    try {
      await this.#context.tasks.enqueue(order);
    } catch (error) {
      // Of what failed it is not known whether it was taken in.
      const isRefused = error instanceof Refusal && !error.is('internal');
      if (isRefused) await definition?.dropped?.(order.input);
      throw error;
    }
  }

  /** Null: it was handed in before. @throws {Refusal} */
  async #prepared(
    definition: TaskDefinition | null,
    input: unknown,
    terms: Omit<Order, 'input'>,
  ): Promise<Order | null> {
    const { tasks, limits } = this.#context;
    if (definition?.prepare !== undefined && terms.isKeyed) {
      const before = await tasks.digestOf(terms.id);
      // To prepare it may leave something behind. What is not the same is refused when it is handed in.
      if (before === terms.digest) return null;
    }
    const prepared = (await definition?.prepare?.(input, terms)) ?? jsonOf(input);
    const bytes = Buffer.byteLength(prepared.text);
    if (bytes > limits.taskInputBytes) {
      const detail = `the input has ${bytes} bytes; it may have ${limits.taskInputBytes}`;
      throw new Refusal('badRequest', detail);
    }
    return { ...terms, input: prepared };
  }

  /** @throws {Refusal} */
  #delayOf({ delay, at }: EnqueueOptions): number {
    if (delay !== undefined && at !== undefined) {
      throw new Refusal('badRequest', 'delay and at are two words for one thing');
    }
    const { clock, limits } = this.#context;
    const delayMs = at === undefined ? msOf(delay ?? 0, 'delay') : momentOf(at) - clock.now();
    if (delayMs > limits.taskDelayMs) {
      throw new Refusal('badRequest', `its time is more than ${limits.taskDelayMs} ms off`);
    }
    return Math.max(0, Math.ceil(delayMs));
  }
}

/** For a program: with values in the place of texts. */
export function resultOf(task: Task): TaskResult {
  const { notify: _, progress, result, ...rest } = task;
  return { ...rest, progress: progress?.value(), result: result?.value() };
}

/** @throws {Refusal} that says which one is no name of a channel; whether there is one shows later. */
export function checkNames(channels: readonly string[], lengthMax: number, from = 0): void {
  for (const [index, channel] of channels.entries()) {
    try {
      channelNameOf(channel, lengthMax);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new Refusal('badRequest', `channels[${from + index}]: ${error.message}`);
    }
  }
}

function jsonOf(input: unknown): Json {
  return input instanceof Json ? input : Json.of(input);
}

/** The same key for the same name is the same task, and then it must be the same input. */
function identityOf(
  name: string,
  input: unknown,
  key: string,
): Pick<Order, 'id' | 'isKeyed' | 'digest'> {
  if (key === '') return { id: newTaskId(name), isKeyed: false, digest: '' };
  return { id: taskIdOf(name, key), isKeyed: true, digest: digest(jsonOf(input).text) };
}

function unknown(id: string): never {
  throw new Refusal('unknownTask', `${shown(id)} is not known, or not kept any more`);
}

/** A peer's own words are repeated to it, but not at any length. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

function attemptsOf(attempts: number, { taskAttempts }: Limits): number {
  if (Number.isSafeInteger(attempts) && attempts >= 1 && attempts <= taskAttempts) return attempts;
  throw new Refusal('badRequest', `attempts are from 1 to ${taskAttempts}`);
}

function timeoutOf(timeout: Time, { taskTimeoutMs }: Limits): number {
  const ms = msOf(timeout, 'timeout');
  if (ms >= 1 && ms <= taskTimeoutMs) return ms;
  throw new Refusal('badRequest', `timeout is from 1 to ${taskTimeoutMs} ms`);
}

function msOf(time: Time, field: string): number {
  const ms = typeof time === 'string' ? durationMs(time) : time;
  if (ms !== undefined && Number.isFinite(ms) && ms >= 0) return Math.ceil(ms);
  throw new Refusal('badRequest', `${field} is milliseconds, or a text such as '30s'`);
}

/** A number below it was meant as seconds: as milliseconds it is in 1973. */
const MOMENT_MS_MIN = 1e11;

function momentOf(at: Date | number | string): number {
  const ms = at instanceof Date || typeof at === 'string' ? new Date(at).getTime() : at;
  if (Number.isFinite(ms) && ms >= MOMENT_MS_MIN) return ms;
  throw new Refusal(
    'badRequest',
    "at is milliseconds since 1970, or a text such as '2027-01-31T12:00:00Z'",
  );
}
