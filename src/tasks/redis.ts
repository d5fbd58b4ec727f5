/** The tasks of many gateways: they wait in Redis, and any gateway that knows their name runs them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '../kernel/assert.ts';
import { Deferred } from '../kernel/deferred.ts';
import type { Clock } from '../kernel/clock.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Limits } from '../kernel/limits.ts';
import type { Count } from '../kernel/meters.ts';
import type { RawClient } from '../redis/client.ts';
import { untilReady } from '../redis/client.ts';
import { RedisAway, refusing } from '../redis/errors.ts';
import type { Redis } from '../redis/redis.ts';
import { numberOf } from '../redis/reply.ts';
import { nameOfTask } from './id.ts';
import { RedisCalls } from './redis-calls.ts';
import { RedisIntake } from './redis-intake.ts';
import { RedisLane } from './redis-lane.ts';
import { RedisOutcomes } from './redis-outcomes.ts';
import { LOCK_MS, RedisQueue, SWEEP_MS } from './redis-queue.ts';
import type { Order, Task, TaskKind, TaskListener, Tasks } from './tasks.ts';

export interface RedisTasksOptions {
  readonly redis: Redis;
  readonly clock: Clock;
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
  readonly fault: (where: string, error: unknown) => void;
  /** Sooner in tests. */
  readonly lockMs?: number;
  readonly sweepMs?: number;
}

/** How long Redis is waited for when what runs is given back. */
const GIVE_BACK_MS = 1500;
/** Whoever cancels a task waits for so long until nothing is left of it. */
const PATIENCE_MS = 1000;

/**
 * With no task nothing is opened or asked again and again: a gateway opens its connection for tasks
 * when one is handed in here, or when it hears that one was handed in elsewhere.
 */
export class RedisTasks implements Tasks {
  readonly #options: RedisTasksOptions;
  readonly #outcomes: RedisOutcomes;
  readonly #calls: RedisCalls;
  readonly #intake: RedisIntake;
  readonly #lanes = new Map<string, RedisLane>();
  readonly #kinds = new Map<string, TaskKind>();
  readonly #queues = new Map<string, Promise<RedisQueue>>();
  readonly #abandon = new AbortController();
  #client: RawClient | null = null;
  #opening: Promise<void> | null = null;
  /** Tasks that were cancelled here, and of which somebody is told. */
  readonly #telling = new Set<Promise<void>>();
  #returnedAtMs = -Infinity;
  #isStarted = false;
  #closed: Promise<void> | null = null;

  constructor(options: RedisTasksOptions) {
    const { redis, keepMs, limits } = options;
    this.#options = options;
    this.#outcomes = new RedisOutcomes(redis, { keepMs, resultsMax: limits.taskResults });
    this.#intake = new RedisIntake({
      waitingMax: limits.tasksWaiting,
      queueOf: (name) => this.#queueOf(name),
      count: options.count,
    });
    const heard = {
      work: (name: string) => this.#laneOf(name)?.wake(),
      unwanted: (id: string) => void this.#lanes.get(nameOfTask(id))?.cancel(id),
      missed: () => void this.#look(),
    };
    this.#calls = new RedisCalls(redis, heard, options);
    // The bus may be up before the link is.
    let wasUp = false;
    redis.link.onUp(() => {
      if (wasUp) this.#noteReturn();
      wasUp = true;
      void this.#look();
    });
  }

  /** What this gateway has. */
  get size(): { readonly active: number; readonly held: number; readonly waiting: number } {
    const size = { active: 0, held: 0, waiting: 0 };
    for (const { active, held, waiting } of this.#lanes.values()) {
      size.active += active;
      size.held += held;
      size.waiting += waiting;
    }
    return size;
  }

  add(kind: TaskKind): void {
    assert(!this.#kinds.has(kind.name), `the task ${kind.name} is added once`);
    this.#kinds.set(kind.name, kind);
    if (this.#isStarted) void this.#lookFor(kind.name);
  }

  start(): void {
    this.#isStarted = true;
    void this.#look();
  }

  async knows(name: string): Promise<boolean> {
    if (this.#kinds.has(name)) return true;
    return refusing(async () => {
      const { redis } = this.#options;
      return numberOf(await redis.link.call('SISMEMBER', this.#namesKey, name)) === 1;
    });
  }

  async enqueue(order: Order): Promise<void> {
    const { id, name, isKeyed } = order;
    assert(nameOfTask(id) === name, 'the id of a task begins with its name');
    if (this.#closed !== null) throw new Refusal('internal', 'the gateway closes');
    if (isKeyed && (await this.#isRepeated(order))) return;
    await this.#intake.put(order);
    this.#options.count('enqueued');
    this.#laneOf(name)?.wake();
    this.#calls.work(name);
    // Another of this key may have come in between, and then it is the one that is there.
    if (isKeyed) await this.#isRepeated(order);
  }

  async find(id: string): Promise<Task | null> {
    return (await refusing(() => this.#find(id)))?.task ?? null;
  }

  async digestOf(id: string): Promise<string | null> {
    return (await refusing(() => this.#find(id)))?.digest ?? null;
  }

  async cancel(id: string): Promise<Task | null> {
    return refusing(async () => {
      const found = await this.#find(id);
      if (found === null || found.order === null) return found?.task ?? null;
      if (found.task.state !== 'active') return this.#cancelWaiting(found.task, found.order);
      await this.#outcomes.want(id);
      const isHere = (await this.#lanes.get(found.task.name)?.cancel(id)) ?? false;
      if (!isHere) this.#calls.unwanted(id);
      return (await this.#find(id))?.task ?? null;
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Where it is: in the queue, or among those that are over. @throws {RedisAway} */
  async #find(id: string): Promise<{
    readonly task: Task;
    readonly order: Order | null;
    readonly digest: string;
  } | null> {
    const name = nameOfTask(id);
    if (name === '') return null;
    const known = await this.#outcomes.read(id);
    if (known.outcome !== null) return { ...known.outcome, order: null };
    // Ids are the peer's: a queue is opened for names of ours alone.
    if (!(await this.knows(name))) return null;
    const found = await (await this.#queueOf(name)).find(id);
    if (found !== null) return { ...found, digest: found.order.digest };
    // It may have ended in between.
    const { outcome } = await this.#outcomes.read(id);
    return outcome === null ? null : { ...outcome, order: null };
  }

  /**
   * It is over before it is taken out: who begins with it in between sees that, and lets it go; and
   * who has begun with it is told to stop, and cannot make anything else of it.
   */
  async #cancelWaiting(waiting: Task, order: Order): Promise<Task> {
    const { clock, count } = this.#options;
    const cancelled: Task = { ...waiting, state: 'cancelled', finishedAtMs: clock.now() };
    const kept = await this.#outcomes.keep({ task: cancelled, digest: order.digest });
    const { task } = kept.outcome;
    if (kept.isNew) count('cancelled');
    const telling = this.#takeOut(task, order);
    this.#telling.add(telling);
    void telling.then(() => this.#telling.delete(telling));
    await Promise.race([telling, sleep(PATIENCE_MS, undefined, { ref: false })]);
    return task;
  }

  /** Should this gateway be lost before it is done, whoever takes the task up goes on with it. */
  async #takeOut(task: Task, order: Order): Promise<void> {
    const { listener, fault } = this.#options;
    try {
      await this.#kinds.get(order.name)?.ended?.(order.input);
      await listener.ended(task, this.#abandon.signal);
      const queue = await this.#queueOf(order.name);
      if (await queue.remove(order.id)) return;
      const isHere = await this.#lanes.get(order.name)?.cancel(order.id);
      if (isHere !== true) this.#calls.unwanted(order.id);
    } catch (error) {
      if (!(error instanceof RedisAway)) fault('task cancelled', error);
    }
  }

  /** @throws {Refusal} `conflict` */
  async #isRepeated(order: Order): Promise<boolean> {
    const digest = await this.digestOf(order.id);
    if (digest !== null && digest !== order.digest) {
      throw new Refusal('conflict', 'idempotency_key was used for another task');
    }
    return digest !== null;
  }

  /** Null where this gateway does not run tasks of the name. */
  #laneOf(name: string): RedisLane | null {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const kind = this.#kinds.get(name);
    if (kind === undefined || kind.concurrency === 0 || !this.#isStarted) return null;
    if (this.#closed !== null) return null;
    const { lockMs = LOCK_MS, sweepMs = SWEEP_MS } = this.#options;
    const lane = new RedisLane({
      ...this.#options,
      kind,
      lockMs,
      sweepMs,
      outcomes: this.#outcomes,
      abandoned: this.#abandon.signal,
      queue: () => this.#queueOf(name),
      othersReturn: () => this.#othersReturn(),
    });
    this.#lanes.set(name, lane);
    return lane;
  }

  /**
   * Redis is back, or a part of it. For as long as a task is held nothing is taken over then; and
   * after that it is for twice as long at least, though the link may come and go.
   */
  #noteReturn(): void {
    const now = this.#options.clock.now();
    const { lockMs = LOCK_MS } = this.#options;
    const sinceMs = now - this.#returnedAtMs;
    if (sinceMs < 0 || sinceMs >= 3 * lockMs) this.#returnedAtMs = now;
  }

  #othersReturn(): boolean {
    const { clock, lockMs = LOCK_MS } = this.#options;
    const sinceMs = clock.now() - this.#returnedAtMs;
    // A clock that was set back delays nothing.
    return sinceMs >= 0 && sinceMs < lockMs;
  }

  /** @throws {RedisAway} */
  async #queueOf(name: string): Promise<RedisQueue> {
    const client = await this.#ready();
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      const { lockMs = LOCK_MS, sweepMs = SWEEP_MS } = this.#options;
      queue = RedisQueue.open(name, client, { prefix: this.#prefixOf(name), lockMs, sweepMs });
      this.#queues.set(name, queue);
    }
    return queue;
  }

  async #ready(): Promise<RawClient> {
    if (!this.#options.redis.link.isUp) throw new RedisAway('not connected to Redis');
    if (this.#closed !== null && this.#client === null) throw new RedisAway('the gateway closes');
    this.#client ??= this.#options.redis.open('sluice-tasks');
    const client = this.#client;
    if (client.status === 'ready' && this.#opening === null) return client;
    // However many want it, one waits.
    this.#opening ??= untilReady(client).finally(() => {
      this.#opening = null;
    });
    await this.#opening;
    return client;
  }

  /** Tells that tasks of these names are run here, and looks for those that were handed in. */
  async #look(): Promise<void> {
    if (!this.#isStarted || !this.#options.redis.link.isUp) return;
    for (const name of this.#kinds.keys()) await this.#lookFor(name);
  }

  async #lookFor(name: string): Promise<void> {
    const { redis, fault } = this.#options;
    if (this.#kinds.get(name)?.concurrency === 0 || !redis.link.isUp) return;
    try {
      await redis.link.call('SADD', this.#namesKey, name);
      // BullMQ makes it with the first task.
      const meta = `${this.#prefixOf(name)}:${name}:meta`;
      if (numberOf(await redis.link.call('EXISTS', meta)) === 1) this.#laneOf(name)?.wake();
    } catch (error) {
      // It is done again when Redis is back.
      if (!(error instanceof RedisAway)) fault('tasks', error);
    }
  }

  async #close(): Promise<void> {
    const { clock, drainMs } = this.#options;
    this.#calls.close();
    const lanes = [...this.#lanes.values()];
    const drained = Promise.all([...lanes.map((lane) => lane.drain()), ...this.#telling]);
    const inTime = async (ms: number): Promise<void> => {
      const late = new Deferred();
      const alarm = clock.after(ms, () => late.resolve());
      await Promise.race([drained, late.promise]);
      alarm.cancel();
    };
    await inTime(drainMs);
    for (const lane of lanes) lane.stopAll('returned');
    await inTime(GIVE_BACK_MS);
    this.#abandon.abort();
    // What is on its way fails now, and what waits for an answer ends.
    this.#client?.disconnect();
    await drained;
    for (const queue of this.#queues.values()) await (await queue).close();
  }

  /** All keys of one name lie together, also in a Cluster. */
  #prefixOf(name: string): string {
    const { names } = this.#options.redis;
    return `${names.prefixOf(names.partitionOf(name))}tasks`;
  }

  /** The names of tasks that some gateway runs. */
  get #namesKey(): string {
    return `${this.#options.redis.names.prefixOf(0)}task-names`;
  }
}
