/** A task held in process. */
import { sizeOf } from '../kernel/data.ts';
import type { Json } from '../kernel/data.ts';
import type { Timed } from '../kernel/wheel.ts';
import type { Attempt } from './attempt.ts';
import type { Order, Task, TaskError, TaskState } from './tasks.ts';

/** What it takes besides its texts, without exactness. */
const OVERHEAD_BYTES = 512;

/** On the wheel while it waits for its time, and again while it is kept. */
export class MemoryTask implements Timed {
  dueMs = 0;
  next: Timed | null = null;
  previous: Timed | null = null;
  readonly order: Order;
  state: TaskState = 'waiting';
  progress: Json | null = null;
  result: Json | null = null;
  error: TaskError | null = null;
  attempts = 0;
  startedAtMs: number | null = null;
  finishedAtMs: number | null = null;
  /** While it is active. */
  attempt: Attempt | null = null;
  readonly #enqueuedAtMs: number;
  readonly #due: (task: MemoryTask) => void;

  constructor(order: Order, enqueuedAtMs: number, due: (task: MemoryTask) => void) {
    this.order = order;
    this.#enqueuedAtMs = enqueuedAtMs;
    this.#due = due;
  }

  expire(): void {
    this.#due(this);
  }

  /** What it weighs in the store, without exactness. The input is of no use any more when it is over. */
  get bytes(): number {
    const isOver = this.finishedAtMs !== null;
    const input = isOver ? 0 : sizeOf(this.order.input);
    return OVERHEAD_BYTES + input + (this.result === null ? 0 : sizeOf(this.result));
  }

  /** As it stands. */
  snapshot(): Task {
    const { id, name, attemptsMax, notify, delayMs } = this.order;
    const { state, progress, result, error, attempts, startedAtMs, finishedAtMs } = this;
    const enqueuedAtMs = this.#enqueuedAtMs;
    const dueAtMs = enqueuedAtMs + delayMs;
    const said = { id, name, state, progress, result, error, attempts, attemptsMax };
    return { ...said, enqueuedAtMs, dueAtMs, startedAtMs, finishedAtMs, notify };
  }
}
