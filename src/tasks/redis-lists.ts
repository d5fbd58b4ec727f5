/** Lists of channels in Redis, for whichever gateway runs the task they are for. */
import { Refusal } from '../kernel/errors.ts';
import { refusing } from '../redis/errors.ts';
import type { Redis } from '../redis/redis.ts';
import { listOf, numberOf, textOf } from '../redis/reply.ts';
import { scriptOf } from '../redis/script.ts';
import type { ChannelLists, ListLimits } from './lists.ts';
import { LIST_KEPT_MS, missingPart, tooLong, tooManyChannels, tooManyLists } from './lists.ts';

const PUT = scriptOf(new URL('redis-list.lua', import.meta.url));

/** A name of a channel has none. */
const SEPARATOR = '\n';

/** Numbers of parts in one command. */
const STEP = 1000;

export class RedisLists implements ChannelLists {
  readonly #redis: Redis;
  readonly #limits: ListLimits;

  constructor(redis: Redis, limits: ListLimits) {
    this.#redis = redis;
    this.#limits = limits;
  }

  async put(list: string, part: number, channels: readonly string[]): Promise<number> {
    const { broadcastChannels, broadcastListBytes, broadcastLists } = this.#limits;
    const names = channels.join(SEPARATOR);
    const args = [list, part, names, channels.length, LIST_KEPT_MS];
    const most = [broadcastChannels, broadcastListBytes, broadcastLists];
    const keys = [this.#keyOf(list), this.#index];
    const reply = await refusing(() => this.#redis.link.run(PUT, keys, [...args, ...most]));
    const count = numberOf(reply);
    if (count === -1) throw new Refusal('badRequest', tooManyChannels(this.#limits));
    if (count === -2) throw new Refusal('badRequest', tooLong(this.#limits));
    if (count === -3) throw new Refusal('tooManyRequests', tooManyLists(this.#limits));
    return count;
  }

  async count(list: string, parts: number): Promise<number> {
    let count = 0;
    for (let from = 0; from < parts; from += STEP) {
      const length = Math.min(STEP, parts - from);
      const fields = Array.from({ length }, (_, index) => `n${from + index}`);
      const reply = await refusing(() =>
        this.#redis.link.call('HMGET', this.#keyOf(list), ...fields),
      );
      for (const [index, size] of listOf(reply).entries()) {
        if (size === null) throw new Refusal('badRequest', missingPart(list, from + index));
        count += numberOf(size);
      }
    }
    return count;
  }

  async read(list: string, part: number): Promise<readonly string[] | null> {
    const reply = await refusing(() =>
      this.#redis.link.call('HGET', this.#keyOf(list), `p${part}`),
    );
    return reply === null ? null : textOf(reply).split(SEPARATOR);
  }

  async keep(list: string, forMs: number): Promise<void> {
    await refusing(async () => {
      await this.#redis.link.call('PEXPIRE', this.#keyOf(list), forMs);
      await this.#redis.link.call('ZADD', this.#index, 'XX', Date.now() + forMs, list);
    });
  }

  async remove(list: string): Promise<void> {
    await refusing(async () => {
      await this.#redis.link.call('UNLINK', this.#keyOf(list));
      await this.#redis.link.call('ZREM', this.#index, list);
    });
  }

  /** In a Cluster all lists lie together: so it can be seen how many there are. */
  #keyOf(list: string): string {
    return `${this.#redis.names.prefixOf(0)}channel-list:${list}`;
  }

  get #index(): string {
    return `${this.#redis.names.prefixOf(0)}channel-lists`;
  }
}
