/** A store in process: bounded, and what was not read for the longest time goes first. */
import type { Clock } from '../kernel/clock.ts';
import type { Meters } from '../kernel/meters.ts';
import type { Timed, Wheel } from '../kernel/wheel.ts';
import type { Kept, Lifetime, Store } from './cache.ts';

export interface MemoryStoreContext {
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly meters: Meters;
  readonly entriesMax: number;
  /** Of all keys and values, as they are counted here. */
  readonly bytesMax: number;
}

/** What an entry weighs besides its text: the map, the wheel and the objects. */
const ENTRY_BYTES = 200;

class Item implements Timed {
  readonly key: string;
  readonly text: string;
  readonly bytes: number;
  readonly freshUntilMs: number;
  readonly dueMs: number;
  readonly expire: () => void;
  next: Timed | null = null;
  previous: Timed | null = null;

  constructor(about: Omit<Item, 'bytes' | 'next' | 'previous'>) {
    this.key = about.key;
    this.text = about.text;
    this.bytes = about.key.length + about.text.length + ENTRY_BYTES;
    this.freshUntilMs = about.freshUntilMs;
    this.dueMs = about.dueMs;
    this.expire = about.expire;
  }
}

export class MemoryStore implements Store {
  readonly #context: MemoryStoreContext;
  readonly #countEvicted: () => void;
  /** In the order of their last use. */
  readonly #items = new Map<string, Item>();
  #bytes = 0;

  constructor(context: MemoryStoreContext) {
    const { meters } = context;
    this.#context = context;
    this.#countEvicted = meters.counter(
      'cache_evictions',
      'Values that went before their time, for others.',
    );
    meters.gauge('cache_entries', 'Values in the cache.', () => this.#items.size);
    meters.gauge('cache_bytes', 'What they weigh.', () => this.#bytes);
  }

  read(key: string): Kept | null {
    const item = this.#items.get(key);
    const now = this.#context.clock.now();
    // The wheel takes it away a little later.
    if (item === undefined || now >= item.dueMs) return null;
    this.#items.delete(key);
    this.#items.set(key, item);
    return { text: item.text, fresh: now < item.freshUntilMs };
  }

  write(key: string, text: string, { ttlMs, staleMs }: Lifetime): void {
    this.remove(key);
    const freshUntilMs = this.#context.clock.now() + ttlMs;
    const dueMs = freshUntilMs + staleMs;
    const item = new Item({ key, text, freshUntilMs, dueMs, expire: () => this.remove(key) });
    this.#items.set(key, item);
    this.#bytes += item.bytes;
    this.#context.wheel.add(item);
    this.#evict(item);
  }

  remove(key: string): void {
    const item = this.#items.get(key);
    if (item === undefined) return;
    this.#items.delete(key);
    this.#bytes -= item.bytes;
    this.#context.wheel.remove(item);
  }

  async close(): Promise<void> {
    for (const key of this.#items.keys()) this.remove(key);
  }

  /** Others go first, but for one that has no room even alone. */
  #evict(newest: Item): void {
    const { entriesMax, bytesMax } = this.#context;
    for (const key of newest.bytes > bytesMax ? [newest.key] : this.#items.keys()) {
      if (this.#items.size <= entriesMax && this.#bytes <= bytesMax) return;
      this.remove(key);
      this.#countEvicted();
    }
  }
}
