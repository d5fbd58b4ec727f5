/** A connection over which channels of the bus are heard: how they are asked for, and what became of it. */
import type { Redis } from 'ioredis';
import type { Surroundings } from './connection.ts';
import { close, connectionOf, open, restart } from './connection.ts';
import type { Target } from './target.ts';

export interface WireOptions {
  /** One server. */
  readonly target: Target;
  readonly surroundings: Surroundings;
  /** Its channels belong to slots, as a Cluster has them. */
  readonly isSharded: boolean;
  /** It is open, and nothing is heard over it yet. */
  opened(): void;
  closed(): void;
  heard(name: string, message: Buffer): void;
  /** Redis let go of names that it was not asked to: `names` has them no more. Once for many. */
  dropped(): void;
}

/** Channels in one SUBSCRIBE: some 50 KB, so that an answer to others does not wait for long. */
const BATCH = 500;

export class Wire {
  readonly #redis: Redis;
  readonly #isSharded: boolean;

  constructor({ target, surroundings, isSharded, ...events }: WireOptions) {
    this.#isSharded = isSharded;
    this.#redis = connectionOf(target, 'sluice-bus', surroundings);
    this.#redis.on('ready', () => events.opened());
    this.#redis.on('close', () => events.closed());
    const message = isSharded ? 'smessageBuffer' : 'messageBuffer';
    this.#redis.on(message, (name: Buffer, bytes: Buffer) => events.heard(name.toString(), bytes));
    let isTelling = false;
    this.#redis.on('moved', () => {
      if (isTelling) return;
      isTelling = true;
      setImmediate(() => {
        isTelling = false;
        events.dropped();
      });
    });
    open(this.#redis);
  }

  get isUp(): boolean {
    return this.#redis.status === 'ready';
  }

  /** What Redis listens for here, as far as it told us. */
  get names(): ReadonlySet<string> {
    const subscriber = this.#redis.condition?.subscriber || null;
    return new Set(subscriber?.channels(this.#isSharded ? 'ssubscribe' : 'subscribe'));
  }

  /** Done when Redis has confirmed all. Those of a Cluster are of one slot. */
  async subscribe(names: readonly string[]): Promise<void> {
    for (const some of batchesOf(names)) {
      await (this.#isSharded ? this.#redis.ssubscribe(...some) : this.#redis.subscribe(...some));
    }
  }

  async unsubscribe(names: readonly string[]): Promise<void> {
    for (const some of batchesOf(names)) {
      await (this.#isSharded
        ? this.#redis.sunsubscribe(...some)
        : this.#redis.unsubscribe(...some));
    }
  }

  /** Ends the connection of this moment: nothing is heard any more, and a new one is made. */
  restart(): void {
    restart(this.#redis);
  }

  close(): void {
    close(this.#redis);
  }
}

function* batchesOf(names: readonly string[]): Generator<readonly string[]> {
  for (let from = 0; from < names.length; from += BATCH) yield names.slice(from, from + BATCH);
}
