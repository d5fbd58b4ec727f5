/** The journal of all gateways on one Redis: what one of them leaves behind the others go on with. */
import type { Lease } from '../redis/lease.ts';
import type { Redis } from '../redis/redis.ts';
import type { EventType } from './event.ts';
import type { Happening } from './happening.ts';
import type { Journal, JournalOptions, Page, Rest } from './journal.ts';
import { LedgerNames } from './redis-names.ts';
import { RedisReader } from './redis-reader.ts';
import { RedisWriter } from './redis-writer.ts';

export interface RedisJournalOptions extends JournalOptions {
  readonly redis: Redis;
  readonly lease: Lease;
  readonly types: ReadonlySet<EventType>;
  /** How many happenings may wait for Redis. */
  readonly pendingMax: number;
  readonly fault: (where: string, error: unknown) => void;
}

/**
 * Every gateway enters what happens there, one delivers. Numbers, order and what was told of whom
 * are given and kept by the scripts, each in one step; so whoever carries one out sees what all
 * have entered, and what the backend will have heard.
 */
export class RedisJournal implements Journal {
  readonly #writer: RedisWriter;
  readonly #reader: RedisReader;

  constructor(options: RedisJournalOptions) {
    const names = new LedgerNames(options.redis, options);
    const reader = new RedisReader({ ...options, names });
    this.#reader = reader;
    this.#writer = new RedisWriter({
      ...options,
      names,
      filled() {
        if (reader.isCourier) options.filled();
      },
    });
  }

  get size(): number {
    return this.#writer.size + this.#reader.size;
  }

  get oldestMs(): number | null {
    return this.#reader.oldestMs ?? this.#writer.oldestMs;
  }

  enter(happening: Happening): void {
    this.#writer.enter(happening);
  }

  take(eventsMax: number): Promise<Page | Rest> {
    return this.#reader.take(eventsMax);
  }

  done(page: Page, outcome: 'delivered' | 'dropped'): Promise<void> {
    return this.#reader.done(page, outcome);
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  async close(): Promise<void> {
    this.#writer.close();
    await this.#reader.close();
  }
}
