/** Takes in tasks for Redis: as many as may wait, and no more than can be on their way at once. */
import { sizeOf } from '../kernel/data.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Count } from '../kernel/meters.ts';
import { refusing } from '../redis/errors.ts';
import type { RedisQueue } from './redis-queue.ts';
import type { Order } from './tasks.ts';

/** Inputs on their way to Redis; over it a task is refused at once. */
const SENDING_BYTES_MAX = 64 * 1024 * 1024;

export interface IntakeOptions {
  /** Of the tasks of one name. */
  readonly waitingMax: number;
  /** @throws {RedisAway} */
  readonly queueOf: (name: string) => Promise<RedisQueue>;
  readonly count: Count;
}

export class RedisIntake {
  readonly #options: IntakeOptions;
  /** Tasks on their way, by their names. */
  readonly #sending = new Map<string, number>();
  #bytes = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** @throws {Refusal} */
  async put(order: Order): Promise<void> {
    const { name, input } = order;
    const bytes = sizeOf(input);
    if (this.#bytes + bytes > SENDING_BYTES_MAX) {
      throw new Refusal('internal', 'too much waits for Redis');
    }
    const before = this.#sending.get(name) ?? 0;
    this.#sending.set(name, before + 1);
    this.#bytes += bytes;
    try {
      await refusing(() => this.#put(order, before));
    } finally {
      this.#sending.set(name, (this.#sending.get(name) ?? 1) - 1);
      this.#bytes -= bytes;
    }
  }

  /** What other gateways hand in at this very moment may come on top. */
  async #put(order: Order, before: number): Promise<void> {
    const { waitingMax, queueOf, count } = this.#options;
    const queue = await queueOf(order.name);
    if ((await queue.waiting()) + before >= waitingMax) {
      count('refused');
      throw new Refusal('tooManyRequests', `${waitingMax} tasks ${order.name} wait already`);
    }
    await queue.put(order);
  }
}
