/**
 * Publications on their way to Redis. Those of one turn travel together; those of one channel as
 * one, and what is published there until the answer comes gathers for the next call.
 */
import type { Draft } from '../channel/publication.ts';
import { digestOf } from '../channel/publication.ts';
import { Deferred } from '../kernel/deferred.ts';
import type { Position } from '../channel/recovery.ts';
import { Refusal } from '../kernel/errors.ts';
import { RedisAway } from '../redis/errors.ts';
import type { ScriptArg } from '../redis/link.ts';
import { LIFE } from '../redis/link.ts';
import type { Redis } from '../redis/redis.ts';
import type { Reply } from '../redis/reply.ts';
import { listOf, numberOf, textOf } from '../redis/reply.ts';
import { scriptOf } from '../redis/script.ts';
import type { HistoryRules, Published, PublishOptions } from './broker.ts';
import { IDEMPOTENCY_TTL_MS, STREAM_OUTLIVES_MS } from './broker.ts';
import { bodyOf, messageOf, runOf } from './redis-body.ts';

const PUBLISH = scriptOf(
  new URL('redis-stream.lua', import.meta.url),
  new URL('redis-publish.lua', import.meta.url),
);

/** Publications in one call of the script: a fraction of a millisecond that Redis is not there for others. */
const BATCH_MAX = 100;
const BATCH_BYTES_MAX = 256 * 1024;
/** What waits for Redis; over it a publication is refused at once. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;

const NOT_KEPT: HistoryRules = { size: 0, ttlMs: 0 };
const NOWHERE: Position = { offset: 0, epoch: '' };

/** What the script says became of a publication. */
const OUTCOMES = ['published', 'repeated', 'outdated', 'conflict'] as const;

interface Item {
  readonly body: Buffer;
  readonly draft: Draft;
  readonly options: PublishOptions;
  readonly settle: { resolve(published: Published): void; reject(error: unknown): void };
}

/** Publications of one channel, one after the other, all kept or none. */
interface Batch {
  readonly channel: string;
  readonly history: HistoryRules | null;
  readonly items: Item[];
  bytes: number;
}

/** One channel, while something of it waits or is under way. */
interface Queue {
  readonly waiting: Batch[];
  calls: number;
}

export class RedisPublisher {
  readonly #redis: Redis;
  readonly #newEpoch: () => string;
  readonly #queues = new Map<string, Queue>();
  /** Those that were quiet until this turn. */
  #roused: Queue[] = [];
  #waitingBytes = 0;

  constructor(redis: Redis, newEpoch: () => string) {
    this.#redis = redis;
    this.#newEpoch = newEpoch;
  }

  /** @throws {RedisAway}, and a `Refusal` for a conflict. */
  publish(channel: string, draft: Draft, options: PublishOptions): Promise<Published> {
    if (!this.#redis.link.isUp) throw new RedisAway('not connected to Redis');
    const body = bodyOf(draft);
    if (this.#waitingBytes + body.length > WAITING_BYTES_MAX) {
      throw new RedisAway('too much waits for Redis');
    }
    this.#waitingBytes += body.length;
    const { promise, resolve, reject } = new Deferred<Published>();
    const batch = this.#batchFor(channel, options.history, body.length);
    batch.items.push({ body, draft, options, settle: { resolve, reject } });
    batch.bytes += body.length;
    return promise;
  }

  #batchFor(channel: string, history: HistoryRules | null, bytes: number): Batch {
    const { waiting } = this.#queueOf(channel);
    const last = waiting.at(-1);
    const fits =
      last !== undefined &&
      (last.history === null) === (history === null) &&
      last.items.length < BATCH_MAX &&
      last.bytes + bytes <= BATCH_BYTES_MAX;
    if (fits) return last;
    const batch: Batch = { channel, history, items: [], bytes: 0 };
    waiting.push(batch);
    return batch;
  }

  #queueOf(channel: string): Queue {
    const known = this.#queues.get(channel);
    if (known !== undefined) return known;
    const queue: Queue = { waiting: [], calls: 0 };
    this.#queues.set(channel, queue);
    if (this.#roused.length === 0) setImmediate(() => this.#flush());
    this.#roused.push(queue);
    return queue;
  }

  #flush(): void {
    const roused = this.#roused;
    this.#roused = [];
    for (const queue of roused) this.#sendAll(queue);
  }

  #sendAll(queue: Queue): void {
    const batches = queue.waiting.splice(0);
    queue.calls = batches.length;
    for (const batch of batches) void this.#send(batch, queue);
  }

  async #send(batch: Batch, queue: Queue): Promise<void> {
    const { history, items } = batch;
    try {
      if (history === null && items.every(isPlain)) await this.#publish(batch);
      else await this.#run(batch);
    } catch (error) {
      for (const { settle: item } of items) item.reject(error);
    } finally {
      this.#waitingBytes -= batch.bytes;
      queue.calls -= 1;
      if (queue.calls === 0) this.#goOn(batch.channel, queue);
    }
  }

  /** What is kept nowhere, and compared with nothing, needs no script. */
  async #publish({ channel, items }: Batch): Promise<void> {
    const { names, link, publishCommand } = this.#redis;
    const message = messageOf(runOf(items.map(({ body }) => body)));
    // Redis tells no time then.
    const published: Published = { position: NOWHERE, outcome: 'published', atMs: Date.now() };
    await link.call(publishCommand, names.bus('c', channel), message);
    for (const { settle: item } of items) item.resolve(published);
  }

  async #run({ channel, history, items }: Batch): Promise<void> {
    const { names, link, publishCommand } = this.#redis;
    const runs = runsOf(items);
    const keys = [names.key('s', channel), names.key('m', channel)];
    const { size, ttlMs } = history ?? NOT_KEPT;
    const args: ScriptArg[] = [names.bus('c', channel), publishCommand, LIFE];
    args.push(this.#newEpoch(), size, ttlMs, ttlMs + STREAM_OUTLIVES_MS, IDEMPOTENCY_TTL_MS);
    for (const run of runs) this.#ask(run, names.key('i', channel), keys, args);
    settle(runs, listOf(await link.run(PUBLISH, keys, args)));
  }

  #ask(run: readonly Item[], keyPrefix: string, keys: string[], args: ScriptArg[]): void {
    const bodies = runOf(run.map(({ body }) => body));
    const [first] = run;
    if (first === undefined || isPlain(first)) {
      args.push(0, bodies);
      return;
    }
    const { draft, options } = first;
    const { idempotencyKey, version, versionEpoch } = options;
    // A name has no control character, so the two cannot run into each other.
    if (idempotencyKey !== '') keys.push(`${keyPrefix}\0${idempotencyKey}`);
    const [place, digest] = idempotencyKey === '' ? [0, ''] : [keys.length, digestOf(draft)];
    args.push(1, bodies, place, digest, version, versionEpoch);
  }

  /** Nothing of the channel is under way any more. */
  #goOn(channel: string, queue: Queue): void {
    if (queue.waiting.length > 0) this.#sendAll(queue);
    else this.#queues.delete(channel);
  }
}

/** Whether it is published whatever was published before. */
function isPlain({ options: { idempotencyKey, version } }: Item): boolean {
  return idempotencyKey === '' && version === 0;
}

/** Plain ones that follow each other are one; each of the others is alone. */
function runsOf(items: readonly Item[]): readonly (readonly Item[])[] {
  const runs: Item[][] = [];
  let plain: Item[] | null = null;
  for (const item of items) {
    if (isPlain(item) && plain !== null) {
      plain.push(item);
      continue;
    }
    const run = [item];
    runs.push(run);
    plain = isPlain(item) ? run : null;
  }
  return runs;
}

function settle(runs: readonly (readonly Item[])[], reply: readonly Reply[]): void {
  const [epoch, ...results] = reply;
  for (const [index, run] of runs.entries()) {
    const [outcome, first, of, atMs] = results.slice(index * 4, index * 4 + 4);
    const offset = numberOf(first);
    const epochOf = textOf(of ?? epoch);
    for (const [further, { settle: item }] of run.entries()) {
      const position = { offset: offset === 0 ? 0 : offset + further, epoch: epochOf };
      const published = publishedOf(outcome, position, numberOf(atMs));
      if (published === null) {
        item.reject(new Refusal('conflict', 'idempotency_key was used for other data'));
      } else {
        item.resolve(published);
      }
    }
  }
}

function publishedOf(reply: Reply | undefined, position: Position, atMs: number): Published | null {
  const outcome = OUTCOMES[numberOf(reply)];
  if (outcome === undefined || outcome === 'conflict') return null;
  return { position, outcome, atMs };
}
