/** Work for later, with results: tasks are handed in, wait, are run by some gateway, and are kept for a time. */
import type { Json } from '../kernel/data.ts';
import type { Maybe } from '../kernel/maybe.ts';

/**
 *     delayed ──▶ waiting ──▶ active ──▶ completed
 *        ▲           ▲          │  │ └──▶ failed
 *        │           └──────────┘  │
 *        └─────────────────────────┘
 *
 * From `active` it goes back to `waiting` when its gateway closes or is lost, and to `delayed` when
 * an attempt failed and there is another. `cancelled` is reached from wherever it is not over yet.
 */
export type TaskState = 'waiting' | 'delayed' | 'active' | 'completed' | 'failed' | 'cancelled';

export interface TaskError {
  readonly code: number;
  /** Fit to be read by clients. */
  readonly message: string;
  /** For the backend alone: what the handler threw. */
  readonly detail?: string;
}

/** A task as it stands. */
export interface Task {
  readonly id: string;
  readonly name: string;
  readonly state: TaskState;
  /** What its handler told last. */
  readonly progress: Json | null;
  /** Of one that completed. */
  readonly result: Json | null;
  /** Why the last attempt failed. */
  readonly error: TaskError | null;
  /** Attempts so far; one whose gateway closed or was lost is made again and counts once. */
  readonly attempts: number;
  readonly attemptsMax: number;
  readonly enqueuedAtMs: number;
  /** Not to be run before. */
  readonly dueAtMs: number;
  /** When the last attempt began. */
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  /** The channel that hears of it; '' for none. */
  readonly notify: string;
}

export function isOver({ state }: Pick<Task, 'state'>): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** A task as it is handed in. */
export interface Order {
  /** Begins with the name; see `id.ts`. */
  readonly id: string;
  readonly name: string;
  readonly input: Json;
  /** Of what was asked for, so that the same id with another input is told apart. */
  readonly digest: string;
  /** The id was made from a key: it may have been handed in before. */
  readonly isKeyed: boolean;
  /** 0: at once. */
  readonly delayMs: number;
  readonly attemptsMax: number;
  /** Of one attempt. */
  readonly timeoutMs: number;
  readonly notify: string;
}

/** What a handler is told besides its input. */
export interface TaskContext {
  readonly id: string;
  readonly name: string;
  /** 1 for the first. */
  readonly attempt: number;
  readonly attemptsMax: number;
  /** What an attempt before this one told last: where to go on. Null for none. */
  readonly lastProgress: unknown;
  /** Aborts when the task is cancelled, its time is over, or it is given back. */
  readonly signal: AbortSignal;
  /** Tells how far it is: any JSON value. It is saved soon, not at once. */
  readonly progress: (value: unknown) => void;
}

/**
 * What is done for the tasks of one name. It may be called more than once for one task: what it does
 * should be so that doing it twice does no harm.
 */
export interface TaskKind {
  readonly name: string;
  /** Tasks of the name that run here at once. */
  readonly concurrency: number;
  /**
   * What it returns is the result. A `Refusal` that is not temporary ends the task; anything else
   * that is thrown ends the attempt.
   */
  run(input: Json, context: TaskContext): Maybe<unknown>;
  /** The task is over, however it ended: what was kept for it may go. */
  ended?(input: Json): Maybe<void>;
}

/** The longest wait before the next attempt of a task. */
export const BACKOFF_MS_MAX = 300_000;

/** How often the progress of one task is told. What ends sooner is told once. */
export const TELL_MS = 1000;

/** What tasks tell of themselves. */
export interface TaskListener {
  /**
   * The task is over. Called at least once; does not reject. It may take its time, for the task holds
   * its place until then, but not when `signal` aborts: the gateway closes.
   */
  ended(task: Task, signal: AbortSignal): Promise<void>;
  /** How far it is, once in `TELL_MS` at the most; of one that somebody wants to hear of. */
  progressed(task: Task): void;
}

/**
 * At least once: a task that was taken in is run until it completes, fails as often as it may, or is
 * cancelled. Tasks of one name are begun in the order in which they are due.
 */
export interface Tasks {
  /** Before `start` or after it. The name is new. */
  add(kind: TaskKind): void;
  /** Begins to run tasks. */
  start(): void;
  /** Whether there is a gateway that runs tasks of the name. @throws {Refusal} */
  knows(name: string): Maybe<boolean>;
  /**
   * Takes it in, once for each id.
   * @throws {Refusal} `tooManyRequests` when too many wait, `conflict` when the id was used for
   * another order, `internal` when it cannot be said whether it was taken in.
   */
  enqueue(order: Order): Maybe<void>;
  /** Null: it is not known, or not any more. @throws {Refusal} */
  find(id: string): Maybe<Task | null>;
  /** The digest of the order of that id; null where it is not known. @throws {Refusal} */
  digestOf(id: string): Maybe<string | null>;
  /**
   * Ends it, unless it is over. One that runs is told to stop, and may still be `active` in what is
   * returned. Null: it is not known. @throws {Refusal}
   */
  cancel(id: string): Maybe<Task | null>;
  /** Lets what runs end for a while, and gives back what does not. Idempotent. */
  close(): Promise<void>;
}
