/** A store in Redis, for all gateways that share it. Each call has one key. */
import type { Redis } from '../redis/redis.ts';
import { numberOf, textOf } from '../redis/reply.ts';
import type { Kept, Lifetime, Store } from './cache.ts';

/** Before the JSON stands how long the value may be given out after its time: `30000:{…}`. */
const FORM = /^(\d{1,15}):/;

export class RedisStore implements Store {
  readonly #redis: Pick<Redis, 'link' | 'names'>;

  constructor(redis: Pick<Redis, 'link' | 'names'>) {
    this.#redis = redis;
  }

  async read(key: string): Promise<Kept | null> {
    const name = this.#name(key);
    const reply = await this.#redis.link.call('GET', name);
    if (reply === null) return null;
    const kept = keptOf(textOf(reply));
    if (kept === null) throw new Error('a key of the cache holds something else');
    const { staleMs, text } = kept;
    if (staleMs === 0) return { text, fresh: true };
    // By the clock of Redis, which is one for all.
    const leftMs = numberOf(await this.#redis.link.call('PTTL', name));
    return { text, fresh: leftMs > staleMs };
  }

  async write(key: string, text: string, { ttlMs, staleMs }: Lifetime): Promise<void> {
    const [fresh, stale] = [Math.ceil(ttlMs), Math.ceil(staleMs)];
    const value = `${stale}:${text}`;
    await this.#redis.link.call('SET', this.#name(key), value, 'PX', fresh + stale);
  }

  async remove(key: string): Promise<void> {
    await this.#redis.link.call('DEL', this.#name(key));
  }

  /** The connection is its owner's. */
  async close(): Promise<void> {}

  #name(key: string): string {
    return this.#redis.names.key('cache', key);
  }
}

/** Null for what is not of our making: Redis is not ours alone. */
function keptOf(value: string): { readonly staleMs: number; readonly text: string } | null {
  const [head, staleMs] = FORM.exec(value) ?? [];
  if (head === undefined) return null;
  const text = value.slice(head.length);
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  return { staleMs: Number(staleMs), text };
}
