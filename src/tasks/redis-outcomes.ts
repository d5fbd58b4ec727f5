/** How tasks ended, in Redis, for as long as that is kept. */
import { Json } from '../kernel/data.ts';
import type { Redis } from '../redis/redis.ts';
import { listOf, numberOf, textOf } from '../redis/reply.ts';
import { scriptOf } from '../redis/script.ts';
import { nameOfTask } from './id.ts';
import type { Task } from './tasks.ts';

const KEEP = scriptOf(new URL('redis-keep.lua', import.meta.url));

/** A task that is over, and what it was made from. */
export interface Outcome {
  readonly task: Task;
  readonly digest: string;
}

/** What is known of a task besides its place in the queue. */
export interface Known {
  readonly outcome: Outcome | null;
  /** Somebody wants it to stop. */
  readonly isUnwanted: boolean;
}

/** How long the wish to cancel a task is kept: longer than any attempt at it. */
const UNWANTED_MS = 25 * 3_600_000;

export class RedisOutcomes {
  readonly #redis: Redis;
  readonly #keepMs: number;
  /** Of the tasks of one name. */
  readonly #resultsMax: number;

  constructor(redis: Redis, limits: { readonly keepMs: number; readonly resultsMax: number }) {
    this.#redis = redis;
    this.#keepMs = limits.keepMs;
    this.#resultsMax = limits.resultsMax;
  }

  /** @throws {RedisAway} */
  async read(id: string): Promise<Known> {
    const { outcome, unwanted } = this.#keysOf(id);
    const [text, wish] = listOf(await this.#redis.link.call('MGET', outcome, unwanted));
    const isThere = text !== null && text !== undefined;
    return { outcome: isThere ? outcomeOf(textOf(text)) : null, isUnwanted: wish !== null };
  }

  /** The first outcome stands; it is returned, and how many others were forgotten early. @throws {RedisAway} */
  async keep(given: Outcome): Promise<{ outcome: Outcome; isNew: boolean; forgotten: number }> {
    const { id } = given.task;
    const { outcome, kept, unwanted, prefix } = this.#keysOf(id);
    const reply = await this.#redis.link.run(
      KEEP,
      [outcome, kept, unwanted],
      [textOfOutcome(given), this.#keepMs, this.#resultsMax, id, prefix],
    );
    const [text, isNew, forgotten] = listOf(reply);
    return {
      outcome: outcomeOf(textOf(text)),
      isNew: numberOf(isNew) === 1,
      forgotten: numberOf(forgotten),
    };
  }

  /** Whoever runs it sees it when it begins, and looks again while it goes on. @throws {RedisAway} */
  async want(id: string): Promise<void> {
    await this.#redis.link.call('SET', this.#keysOf(id).unwanted, '1', 'PX', UNWANTED_MS);
  }

  /** Those of one name that somebody wants to stop. @throws {RedisAway} */
  async unwanted(ids: readonly string[]): Promise<string[]> {
    const [first, ...rest] = ids.map((id) => this.#keysOf(id).unwanted);
    if (first === undefined) return [];
    const wishes = listOf(await this.#redis.link.call('MGET', first, ...rest));
    return ids.filter((_, index) => wishes[index] !== null);
  }

  /** All that is about one name lies together, also in a Cluster. */
  #keysOf(id: string): Readonly<Record<'outcome' | 'kept' | 'unwanted' | 'prefix', string>> {
    const { names } = this.#redis;
    const name = nameOfTask(id);
    const place = names.prefixOf(names.partitionOf(name));
    const prefix = `${place}task:`;
    return {
      prefix,
      outcome: prefix + id,
      kept: `${place}kept-tasks:${name}`,
      unwanted: `${place}unwanted-task:${id}`,
    };
  }
}

/** JSON in JSON stays text, so that it comes out as it went in. */
function textOfOutcome({ task, digest }: Outcome): string {
  const { progress, result } = task;
  const texts = { progress: progress?.text ?? null, result: result?.text ?? null };
  return JSON.stringify({ ...task, ...texts, digest });
}

function outcomeOf(text: string): Outcome {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- We wrote it.
  const { digest, progress, result, ...task } = JSON.parse(text) as Stored;
  return {
    digest,
    task: { ...task, progress: jsonOrNull(progress), result: jsonOrNull(result) },
  };
}

type Stored = Omit<Task, 'progress' | 'result'> & {
  readonly digest: string;
  readonly progress: string | null;
  readonly result: string | null;
};

function jsonOrNull(text: string | null): Json | null {
  return text === null ? null : new Json(text);
}
