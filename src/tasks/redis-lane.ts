/** Runs the tasks of one name on this gateway: as many at once as it may, as they become due. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Alarm } from '../kernel/clock.ts';
import { RedisAway } from '../redis/errors.ts';
import type { Stop } from './attempt.ts';
import type { RedisQueue } from './redis-queue.ts';
import type { RunContext } from './redis-run.ts';
import { RedisRun } from './redis-run.ts';

export interface LaneContext extends RunContext {
  /** Opened when it is first wanted. @throws {RedisAway} */
  readonly queue: () => Promise<RedisQueue>;
  /** Redis is back since a moment ago, and others may have to tell what they did. */
  readonly othersReturn: () => boolean;
  readonly lockMs: number;
  readonly sweepMs: number;
}

/**
 * Gateways call each other when there is something to do. This often each looks by itself, too: for
 * what it did not hear, what became due, and what others lost.
 */
const LOOK_MS = 1000;
/** Whoever cancels a task waits for so long to see it cancelled. */
const PATIENCE_MS = 1000;

export class RedisLane {
  readonly #context: LaneContext;
  /** Those that this gateway has, by their ids. */
  readonly #runs = new Map<string, RedisRun>();
  /** Places that are taken: by a run, or by a handler that goes on after its attempt has ended. */
  #held = 0;
  #waiting = 0;
  #isOpen = true;
  #looking: Promise<void> | null = null;
  #again = false;
  #next: Alarm | null = null;
  #holding: Alarm | null = null;
  #sweptAtMs = 0;

  constructor(context: LaneContext) {
    this.#context = context;
  }

  get active(): number {
    return this.#runs.size;
  }

  get held(): number {
    return this.#held;
  }

  /** Over all gateways, as it was seen a moment ago. */
  get waiting(): number {
    return this.#waiting;
  }

  /** There may be something to do. */
  wake(): void {
    if (!this.#isOpen) return;
    this.#again = true;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
      // Somebody called in the very last moment.
      if (this.#again) this.wake();
    });
  }

  /** Resolves when it has ended, unless that takes long; false: it does not run here. */
  async cancel(id: string): Promise<boolean> {
    const run = this.#runs.get(id);
    if (run === undefined) return false;
    run.stop('cancelled');
    await Promise.race([run.told, sleep(PATIENCE_MS, undefined, { ref: false })]);
    return true;
  }

  /** Takes no more; resolves when what it has is over. */
  async drain(): Promise<void> {
    this.#isOpen = false;
    this.#next?.cancel();
    await this.#looking;
    await Promise.all([...this.#runs.values()].map(({ told }) => told));
    this.#holding?.cancel();
  }

  stopAll(why: Stop): void {
    for (const run of this.#runs.values()) run.stop(why);
  }

  async #look(): Promise<void> {
    const { clock, fault, kind } = this.#context;
    this.#next?.cancel();
    let dueAtMs: number | null = null;
    try {
      const queue = await this.#context.queue();
      while (this.#again) {
        this.#again = false;
        await this.#sweep(queue);
        dueAtMs = await this.#takeAll(queue);
      }
    } catch (error) {
      this.#again = false;
      if (!(error instanceof RedisAway)) fault(`tasks ${kind.name}`, error);
    }
    if (!this.#isOpen) return;
    const untilDueMs = dueAtMs === null ? LOOK_MS : dueAtMs - clock.now();
    this.#next = clock.after(Math.max(0, Math.min(LOOK_MS, untilDueMs)), () => this.wake());
  }

  /** Takes what there is a place for; returns when the next one is due. */
  async #takeAll(queue: RedisQueue): Promise<number | null> {
    while (this.#isOpen && this.#held < this.#context.kind.concurrency) {
      const found = await queue.take();
      if ('dueAtMs' in found) return found.dueAtMs;
      const run = new RedisRun(found, queue, this.#context);
      const { id } = found.order;
      this.#held += 1;
      this.#runs.set(id, run);
      // It came when this gateway was about to close.
      if (!this.#isOpen) run.stop('returned');
      void run.told.then(() => this.#runs.delete(id));
      void run.done.then(() => {
        this.#held -= 1;
        this.wake();
      });
      this.#holdOn(queue);
    }
    return null;
  }

  async #sweep(queue: RedisQueue): Promise<void> {
    const { clock, sweepMs, othersReturn, count } = this.#context;
    const now = clock.now();
    if (now - this.#sweptAtMs < sweepMs) return;
    this.#sweptAtMs = now;
    if (!othersReturn()) {
      const lost = await queue.sweep();
      if (lost.length > 0) count('swept', lost.length);
    }
    this.#waiting = await queue.waiting();
  }

  /** Says again and again that what this gateway has is its own, as long as it has something. */
  #holdOn(queue: RedisQueue): void {
    if (this.#holding !== null) return;
    const { clock, lockMs } = this.#context;
    this.#holding = clock.after(lockMs / 3, () => {
      void this.#hold(queue).then(() => {
        this.#holding = null;
        if (this.#runs.size > 0) this.#holdOn(queue);
      });
    });
  }

  async #hold(queue: RedisQueue): Promise<void> {
    const { outcomes, fault } = this.#context;
    try {
      const taken = [...this.#runs.values()].map((run) => run.taken);
      const ids = taken.map(({ order }) => order.id);
      if (ids.length === 0) return;
      for (const id of await queue.hold(taken)) this.#runs.get(id)?.stop('lost');
      // The call to stop may not have been heard.
      for (const id of await outcomes.unwanted(ids)) this.#runs.get(id)?.stop('cancelled');
    } catch (error) {
      // While Redis is away nobody else can have them; when it is back it tells whether they are ours.
      if (!(error instanceof RedisAway)) fault('tasks held', error);
    }
  }
}
