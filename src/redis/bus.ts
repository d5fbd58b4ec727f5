/** What Redis tells us: the channels of the bus that are listened to, kept over every break. */
import type { Redis } from 'ioredis';
import { Deferred } from '../kernel/deferred.ts';
import type { Maybe } from '../kernel/maybe.ts';
import type { Surroundings } from './connection.ts';
import { close, connectionOf, open, restart } from './connection.ts';
import { awayOr, RedisAway } from './errors.ts';
import type { Target } from './target.ts';

/** Called with each message of a channel. Must not throw. */
export type Hear = (message: Buffer) => void;

export interface Bus {
  /** Everything that is listened to is heard. */
  readonly isUp: boolean;
  /**
   * Done when Redis has confirmed it: what is published from then on is heard.
   * @throws {RedisAway}
   */
  listen(name: string, hear: Hear): Maybe<void>;
  /** It is heard for a while yet, so that who comes back soon costs Redis nothing. */
  unlisten(name: string): void;
  /** Calls back now if it is up, and each time it comes up: for who listens from the beginning. */
  onUp(react: () => void): void;
  /** Calls back each time that everything is heard again after it was not. */
  onRestored(react: (names: readonly string[]) => void): void;
  /** For whoever finds that nothing is heard any more, though it is up. */
  restart(): void;
  close(): Promise<void>;
}

/** A channel that nobody listens to any more is kept for so long. */
const UNLISTEN_AFTER_MS = 1000;
/** Channels in one SUBSCRIBE: some 50 KB, so that an answer to others does not wait for long. */
const BATCH = 500;

interface Ear {
  readonly name: string;
  hear: Hear;
  /** Null: it is heard. */
  confirmed: Promise<void> | null;
  /** When it was left, where it was. */
  leftAtMs: number;
}

/** The channels of one server. */
export class SingleBus implements Bus {
  readonly #redis: Redis;
  readonly #surroundings: Surroundings;
  readonly #ears = new Map<string, Ear>();
  readonly #reactions: ((names: readonly string[]) => void)[] = [];
  readonly #upReactions: (() => void)[] = [];
  #asking: { readonly ears: Ear[]; readonly confirmed: Promise<void> } | null = null;
  /** Those nobody listens to any more, in the order of their leaving. */
  readonly #left = new Set<Ear>();
  #isUp = false;
  #wasUp = false;
  #sweep: ReturnType<typeof setTimeout> | null = null;

  constructor(target: Target, surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#redis = connectionOf(target, 'sluice-bus', surroundings);
    this.#redis.on('ready', () => void this.#resubscribe());
    this.#redis.on('close', () => {
      this.#isUp = false;
    });
    this.#redis.on('messageBuffer', (name: Buffer, message: Buffer) => {
      this.#ears.get(name.toString())?.hear(message);
    });
    open(this.#redis);
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  listen(name: string, hear: Hear): Maybe<void> {
    if (!this.#isUp) throw new RedisAway('not connected to Redis');
    const known = this.#ears.get(name);
    if (known !== undefined) {
      this.#left.delete(known);
      known.hear = hear;
      return known.confirmed ?? undefined;
    }
    const ear: Ear = { name, hear, confirmed: null, leftAtMs: 0 };
    this.#ears.set(name, ear);
    ear.confirmed = this.#ask(ear);
    return ear.confirmed;
  }

  unlisten(name: string): void {
    const ear = this.#ears.get(name);
    if (ear === undefined || this.#left.has(ear)) return;
    ear.leftAtMs = Date.now();
    this.#left.add(ear);
    this.#plan();
  }

  onUp(react: () => void): void {
    this.#upReactions.push(react);
    if (this.#isUp) react();
  }

  onRestored(react: (names: readonly string[]) => void): void {
    this.#reactions.push(react);
  }

  restart(): void {
    restart(this.#redis);
  }

  close(): Promise<void> {
    this.#isUp = false;
    this.#ears.clear();
    if (this.#sweep !== null) clearTimeout(this.#sweep);
    close(this.#redis);
    return Promise.resolve();
  }

  /** All that is asked for within a turn travels together. */
  #ask(ear: Ear): Promise<void> {
    if (this.#asking === null) {
      const ears: Ear[] = [];
      const { promise, resolve, reject } = new Deferred();
      this.#asking = { ears, confirmed: promise };
      setImmediate(() => {
        this.#asking = null;
        this.#subscribe(ears).then(resolve, reject);
      });
    }
    this.#asking.ears.push(ear);
    return this.#asking.confirmed;
  }

  async #subscribe(ears: readonly Ear[]): Promise<void> {
    try {
      for (let from = 0; from < ears.length; from += BATCH) {
        const names = ears.slice(from, from + BATCH).map(({ name }) => name);
        await this.#redis.subscribe(...names);
      }
      for (const ear of ears) ear.confirmed = null;
    } catch (error) {
      // Whether they are subscribed is not known: only a new connection is sure to have none.
      for (const ear of ears) this.#forget(ear);
      this.restart();
      throw awayOr(error);
    }
  }

  #forget(ear: Ear): void {
    if (this.#ears.get(ear.name) !== ear) return;
    this.#ears.delete(ear.name);
    this.#left.delete(ear);
  }

  /** A new connection knows nothing: it is told all, and only then is the bus up. */
  async #resubscribe(): Promise<void> {
    for (const ear of this.#ears.values()) {
      if (this.#left.has(ear) || ear.confirmed !== null) this.#forget(ear);
    }
    const names = [...this.#ears.keys()];
    try {
      for (let from = 0; from < names.length; from += BATCH) {
        await this.#redis.subscribe(...names.slice(from, from + BATCH));
      }
    } catch (error) {
      const { message } = error instanceof Error ? error : new Error(String(error));
      this.#surroundings.log.warn('redis resubscribe', { error: message }, 'could not resubscribe');
      this.restart();
      return;
    }
    if (this.#redis.status !== 'ready') return;
    this.#isUp = true;
    const first = !this.#wasUp;
    this.#wasUp = true;
    for (const react of this.#upReactions) react();
    if (first) return;
    for (const react of this.#reactions) react(names);
  }

  #plan(): void {
    if (this.#sweep !== null || this.#left.size === 0) return;
    this.#sweep = setTimeout(() => {
      this.#sweep = null;
      this.#leave();
      this.#plan();
    }, UNLISTEN_AFTER_MS);
    this.#sweep.unref();
  }

  #leave(): void {
    const due = Date.now() - UNLISTEN_AFTER_MS;
    const names: string[] = [];
    for (const ear of this.#left) {
      if (ear.leftAtMs > due) break;
      if (ear.confirmed !== null) continue;
      names.push(ear.name);
      this.#forget(ear);
    }
    if (names.length === 0 || !this.#isUp) return;
    this.#redis.unsubscribe(...names).catch(() => this.restart());
  }
}
