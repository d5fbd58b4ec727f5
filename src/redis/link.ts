/** What Redis is asked: commands over one connection, answered soon or not at all. */
import type { Redis } from 'ioredis';
import type { Surroundings } from './connection.ts';
import { close, connectionOf, open, restart } from './connection.ts';
import { awayOr, isNoScript, isTimeout, RedisAway } from './errors.ts';
import type { Reply } from './reply.ts';
import { replyOf } from './reply.ts';
import type { Script } from './script.ts';
import type { Target } from './target.ts';

export type Arg = string | number | Buffer;

/** An answer takes less than a second: `RedisAway` is thrown then, and what was asked may be done. */
export interface Link {
  readonly isUp: boolean;
  /**
   * Which life of the server answers: another after it was started again, and another after a
   * fail-over. '' where several servers answer, each with a life of its own.
   */
  readonly life: string;
  /** @throws {RedisAway} */
  run(script: Script, keys: readonly string[], args: readonly Arg[]): Promise<Reply>;
  /** One command whose first argument is its key. @throws {RedisAway} */
  call(command: string, key: string, ...args: readonly Arg[]): Promise<Reply>;
  /** Calls back now if it is up, and each time it comes up again. */
  onUp(react: () => void): void;
  close(): Promise<void>;
}

/** Commands that wait for their answer; more than a second of work for a server of Redis. */
const PENDING_MAX = 50_000;

/** A standalone server, or the master that the Sentinels name. */
export class SingleLink implements Link {
  readonly #redis: Redis;
  readonly #surroundings: Surroundings;
  readonly #reactions: (() => void)[] = [];
  #life = '';
  #isUp = false;
  #pending = 0;
  #corked = false;

  constructor(target: Target, surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#redis = connectionOf(target, 'sluice-commands', surroundings);
    this.#redis.on('ready', () => void this.#begin());
    this.#redis.on('close', () => {
      this.#isUp = false;
    });
    open(this.#redis);
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get life(): string {
    return this.#life;
  }

  async run(script: Script, keys: readonly string[], args: readonly Arg[]): Promise<Reply> {
    const rest = [keys.length, ...keys, ...args];
    try {
      return await this.#send('EVALSHA', [script.sha, ...rest]);
    } catch (error) {
      if (!isNoScript(error)) throw error;
      return this.#send('EVAL', [script.text, ...rest]);
    }
  }

  call(command: string, key: string, ...args: readonly Arg[]): Promise<Reply> {
    return this.#send(command, [key, ...args]);
  }

  onUp(react: () => void): void {
    this.#reactions.push(react);
    if (this.#isUp) react();
  }

  close(): Promise<void> {
    this.#isUp = false;
    close(this.#redis);
    return Promise.resolve();
  }

  async #send(command: string, args: readonly Arg[]): Promise<Reply> {
    if (!this.#isUp) throw new RedisAway('not connected to Redis');
    if (this.#pending >= PENDING_MAX) throw new RedisAway('too much waits for Redis');
    this.#pending += 1;
    this.#cork();
    try {
      return replyOf(await this.#redis.callBuffer(command, ...args));
    } catch (error) {
      if (isTimeout(error)) this.#giveUp();
      throw awayOr(error);
    } finally {
      this.#pending -= 1;
    }
  }

  /** It may never answer, and the answers after this one are as late. Nothing more is asked of it. */
  #giveUp(): void {
    this.#isUp = false;
    restart(this.#redis);
  }

  /** What is sent within a turn leaves in one write. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    const { stream } = this.#redis;
    stream.cork();
    process.nextTick(() => {
      this.#corked = false;
      stream.uncork();
    });
  }

  async #begin(): Promise<void> {
    try {
      this.#life = lifeOf(await this.#redis.info('server'));
    } catch (error) {
      const { message } = error instanceof Error ? error : new Error(String(error));
      this.#surroundings.log.warn('redis begin', { error: message }, 'Redis does not answer');
      restart(this.#redis);
      return;
    }
    if (this.#redis.status !== 'ready') return;
    this.#isUp = true;
    for (const react of this.#reactions) react();
  }
}

function lifeOf(info: string): string {
  return /^run_id:(\w+)/m.exec(info)?.[1] ?? '-';
}
