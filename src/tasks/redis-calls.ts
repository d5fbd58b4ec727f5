/**
 * What gateways call out to each other about tasks: that there is something to do, and that one is
 * not wanted any more. A call that is not heard costs time, nothing else.
 */
import type { Alarm, Clock } from '../kernel/clock.ts';
import { RedisAway } from '../redis/errors.ts';
import type { Redis } from '../redis/redis.ts';

export interface Heard {
  /** There are tasks of the name to do. */
  readonly work: (name: string) => void;
  readonly unwanted: (id: string) => void;
  /** Calls may have been missed. */
  readonly missed: () => void;
}

/** What a call begins with: the version, and what it is about. */
const WORK = '1w';
const UNWANTED = '1u';
const HEAD_LENGTH = 2;

/** The first call is heard at once; those that follow it soon are one. */
const TOGETHER_MS = 25;

export class RedisCalls {
  readonly #redis: Redis;
  readonly #clock: Clock;
  readonly #heard: Heard;
  readonly #fault: (where: string, error: unknown) => void;
  readonly #name: string;
  /** Names that were called a moment ago, and whether they are to be called again. */
  readonly #called = new Map<string, { again: boolean; readonly alarm: Alarm }>();

  constructor(
    redis: Redis,
    heard: Heard,
    { clock, fault }: { clock: Clock; fault: (where: string, error: unknown) => void },
  ) {
    this.#redis = redis;
    this.#clock = clock;
    this.#heard = heard;
    this.#fault = fault;
    this.#name = redis.names.bus('x', 'tasks');
    redis.bus.onUp(() => void this.#listen());
  }

  work(name: string): void {
    const called = this.#called.get(name);
    if (called !== undefined) {
      called.again = true;
      return;
    }
    void this.#call(WORK + name);
    const alarm = this.#clock.after(TOGETHER_MS, () => {
      const again = this.#called.get(name)?.again ?? false;
      this.#called.delete(name);
      if (again) this.work(name);
    });
    this.#called.set(name, { again: false, alarm });
  }

  unwanted(id: string): void {
    void this.#call(UNWANTED + id);
  }

  close(): void {
    for (const { alarm } of this.#called.values()) alarm.cancel();
    this.#called.clear();
  }

  async #listen(): Promise<void> {
    try {
      // The first time is what counts: the bus keeps it over every break.
      await this.#redis.bus.listen(this.#name, (message) => this.#hear(message.toString()));
      this.#heard.missed();
    } catch (error) {
      // Then the bus comes up once more.
      if (!(error instanceof RedisAway)) this.#fault('tasks', error);
    }
  }

  #hear(message: string): void {
    const about = message.slice(HEAD_LENGTH);
    if (message.startsWith(WORK)) this.#heard.work(about);
    else if (message.startsWith(UNWANTED)) this.#heard.unwanted(about);
  }

  async #call(message: string): Promise<void> {
    const { link, publishCommand } = this.#redis;
    try {
      await link.call(publishCommand, this.#name, message);
    } catch (error) {
      if (!(error instanceof RedisAway)) this.#fault('tasks', error);
    }
  }
}
