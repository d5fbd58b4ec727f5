/** One attempt at a task: it ends in time, whatever its handler does. */
import type { Alarm, Clock } from '../kernel/clock.ts';
import { Json, sizeOf } from '../kernel/data.ts';
import { Deferred } from '../kernel/deferred.ts';
import { ERRORS, Refusal } from '../kernel/errors.ts';
import type { TaskContext, TaskError, TaskKind } from './tasks.ts';

/** Why an attempt was ended from outside: somebody cancelled the task, or this gateway has to let it go. */
export type Stop = 'cancelled' | 'returned' | 'lost';

export type Ending =
  | { readonly type: 'completed'; readonly result: Json }
  /** `final`: another attempt would end like this one. */
  | { readonly type: 'failed'; readonly error: TaskError; readonly final: boolean }
  | { readonly type: 'stopped'; readonly why: Stop };

/** The reason that the signal of a handler aborts with. */
export class TaskStopped extends Error {
  override readonly name = 'TaskStopped';
  readonly why: Stop | 'timeout';

  constructor(why: Stop | 'timeout') {
    super(REASONS[why]);
    this.why = why;
  }
}

const REASONS = {
  cancelled: 'the task was cancelled',
  returned: 'the gateway closes; the task is run again',
  lost: 'the task is run by another gateway',
  timeout: 'the time of the attempt is over',
} as const satisfies Record<Stop | 'timeout', string>;

export interface AttemptOptions {
  readonly kind: Pick<TaskKind, 'name' | 'run'>;
  readonly id: string;
  readonly input: Json;
  readonly attempt: number;
  readonly attemptsMax: number;
  readonly timeoutMs: number;
  readonly lastProgress: Json | null;
  readonly clock: Clock;
  readonly limits: { readonly taskResultBytes: number; readonly taskProgressBytes: number };
  /** Not called after the attempt has ended. */
  readonly progressed: (progress: Json) => void;
}

/** Begun by its construction. */
export class Attempt {
  /** Resolves at the latest when the time is over. */
  readonly ended: Promise<Ending>;
  /** Resolves when the handler has come to its end, too: until then it may use what it has. */
  readonly settled: Promise<void>;
  readonly #options: AttemptOptions;
  readonly #abort = new AbortController();
  readonly #end = new Deferred<Ending>();
  readonly #alarm: Alarm;
  #isOver = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.ended = this.#end.promise;
    this.#alarm = options.clock.after(options.timeoutMs, () => this.#timeOut());
    this.settled = this.#run();
  }

  /** Does nothing when it has ended. */
  stop(why: Stop): void {
    this.#finish({ type: 'stopped', why });
    this.#abort.abort(new TaskStopped(why));
  }

  async #run(): Promise<void> {
    const { kind, input, limits } = this.#options;
    try {
      const returned = await kind.run(input, this.#context());
      const result = returned instanceof Json ? returned : Json.of(returned);
      const size = sizeOf(result);
      if (size > limits.taskResultBytes) {
        const detail = `the result has ${size} bytes; at most ${limits.taskResultBytes} are kept`;
        throw new Refusal('limitExceeded', detail);
      }
      this.#finish({ type: 'completed', result });
    } catch (error) {
      this.#finish(failureOf(error));
    }
  }

  #context(): TaskContext {
    const { kind, id, attempt, attemptsMax, lastProgress } = this.#options;
    return {
      id,
      name: kind.name,
      attempt,
      attemptsMax,
      lastProgress: lastProgress?.value() ?? null,
      signal: this.#abort.signal,
      progress: (value) => this.#progress(value),
    };
  }

  #progress(value: unknown): void {
    if (this.#isOver) return;
    const { progressed, limits } = this.#options;
    const progress = Json.of(value);
    if (sizeOf(progress) > limits.taskProgressBytes) {
      throw new Error(`the progress has more than ${limits.taskProgressBytes} bytes`);
    }
    progressed(progress);
  }

  #timeOut(): void {
    const late = new Refusal('internal', `no end within ${this.#options.timeoutMs} ms`);
    this.#finish(failureOf(late));
    this.#abort.abort(new TaskStopped('timeout'));
  }

  #finish(ending: Ending): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#alarm.cancel();
    this.#end.resolve(ending);
  }
}

/** Longer ones are cut: they are kept, and sent to others. */
const MESSAGE_LENGTH_MAX = 1000;

function failureOf(error: unknown): Ending {
  if (error instanceof Refusal) {
    const { code, temporary } = error.entry;
    const message = error.message.slice(0, MESSAGE_LENGTH_MAX);
    return { type: 'failed', error: { code, message }, final: !temporary };
  }
  const { code, message } = ERRORS.internal;
  const detail = wordsOf(error).slice(0, MESSAGE_LENGTH_MAX);
  return { type: 'failed', error: { code, message, detail }, final: false };
}

/** Handlers throw anything. */
function wordsOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : `it threw ${typeof error}`;
}
