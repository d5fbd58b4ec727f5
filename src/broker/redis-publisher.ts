/** Publications on their way to Redis: those of one turn travel together, those of one channel as one. */
import type { Draft } from '../channel/publication.ts';
import { digestOf } from '../channel/publication.ts';
import { Deferred } from '../kernel/deferred.ts';
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
import { bodyOf, unplacedMessage } from './redis-body.ts';

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
const UNPLACED: Published = { position: { offset: 0, epoch: '' }, outcome: 'published' };

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

export class RedisPublisher {
  readonly #redis: Redis;
  readonly #newEpoch: () => string;
  /** Of this turn, in the order they were begun, and of each channel the last. */
  #batches: Batch[] = [];
  readonly #open = new Map<string, Batch>();
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
    const open = this.#open.get(channel);
    const fits =
      open !== undefined &&
      (open.history === null) === (history === null) &&
      open.items.length < BATCH_MAX &&
      open.bytes + bytes <= BATCH_BYTES_MAX;
    if (fits) return open;
    const batch: Batch = { channel, history, items: [], bytes: 0 };
    if (this.#batches.length === 0) setImmediate(() => this.#flush());
    this.#batches.push(batch);
    this.#open.set(channel, batch);
    return batch;
  }

  #flush(): void {
    const batches = this.#batches;
    this.#batches = [];
    this.#open.clear();
    for (const batch of batches) void this.#send(batch);
  }

  async #send(batch: Batch): Promise<void> {
    try {
      await (isPlain(batch) ? this.#sendPlain(batch) : this.#run(batch));
    } catch (error) {
      for (const { settle: item } of batch.items) item.reject(error);
    } finally {
      this.#waitingBytes -= batch.bytes;
    }
  }

  /** Without a place in a stream and without keys there is nothing for a script to do. */
  async #sendPlain({ channel, items }: Batch): Promise<void> {
    const { names, link, publishCommand } = this.#redis;
    const message = unplacedMessage(items.map(({ body }) => body));
    await link.call(publishCommand, names.bus('c', channel), message);
    for (const { settle: item } of items) item.resolve(UNPLACED);
  }

  async #run(batch: Batch): Promise<void> {
    const { keys, args } = this.#callOf(batch);
    settle(batch, listOf(await this.#redis.link.run(PUBLISH, keys, args)));
  }

  #callOf({ channel, history, items }: Batch): { keys: string[]; args: ScriptArg[] } {
    const { names, publishCommand } = this.#redis;
    const keys = [names.key('s', channel), names.key('m', channel)];
    const { size, ttlMs } = history ?? NOT_KEPT;
    const args: ScriptArg[] = [names.bus('c', channel), publishCommand, LIFE];
    args.push(this.#newEpoch(), size, ttlMs, ttlMs + STREAM_OUTLIVES_MS, IDEMPOTENCY_TTL_MS);
    for (const { body, draft, options } of items) {
      const { idempotencyKey, version, versionEpoch } = options;
      if (idempotencyKey === '' && version === 0) {
        args.push(body, 0);
        continue;
      }
      // A name has no control character, so the two cannot run into each other.
      if (idempotencyKey !== '') keys.push(`${names.key('i', channel)}\0${idempotencyKey}`);
      const [place, digest] = idempotencyKey === '' ? [0, ''] : [keys.length, digestOf(draft)];
      args.push(body, 1, place, digest, version, versionEpoch);
    }
    return { keys, args };
  }
}

function isPlain({ history, items }: Batch): boolean {
  if (history !== null) return false;
  return items.every(({ options }) => options.idempotencyKey === '' && options.version === 0);
}

function settle({ items }: Batch, [epoch, ...results]: readonly Reply[]): void {
  for (const [index, { settle: item }] of items.entries()) {
    const [outcome, offset, of] = results.slice(index * 3, index * 3 + 3);
    const published = publishedOf(outcome, numberOf(offset), textOf(of ?? epoch));
    if (published === null) {
      item.reject(new Refusal('conflict', 'idempotency_key was used for other data'));
    } else {
      item.resolve(published);
    }
  }
}

function publishedOf(reply: Reply | undefined, offset: number, epoch: string): Published | null {
  const outcome = OUTCOMES[numberOf(reply)];
  if (outcome === undefined || outcome === 'conflict') return null;
  return { position: { offset, epoch }, outcome };
}
