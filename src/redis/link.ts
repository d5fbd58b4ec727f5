/** What Redis is asked: commands over one connection, answered soon or not at all. */
import type { Redis } from 'ioredis';
import type { Surroundings } from './connection.ts';
import { close, connectionOf, open, restart } from './connection.ts';
import { awayOr, isNoScript, isTimeout, RedisAway } from './errors.ts';
import type { Reply } from './reply.ts';
import { replyOf } from './reply.ts';
import type { Script } from './script.ts';
import { allScripts } from './script.ts';
import type { Target } from './target.ts';

/** Stands among the arguments of a script for the life of the server that carries it out. */
export const LIFE = Symbol('life');

export type Arg = string | number | Buffer;
export type ScriptArg = Arg | typeof LIFE;

/** What a server is asked. */
export type Question =
  | {
      readonly script: Script;
      readonly keys: readonly string[];
      readonly args: readonly ScriptArg[];
    }
  | { readonly command: string; readonly args: readonly Arg[] };

/** An answer takes less than a second: `RedisAway` is thrown then, and what was asked may be done. */
export interface Link {
  /** It can be asked; or a part of it can, where several servers answer. */
  readonly isUp: boolean;
  /** Of all servers that answer. When one begins another life, the newest that it was told may be lost. */
  readonly lives: string;
  /** @throws {RedisAway} */
  run(script: Script, keys: readonly string[], args: readonly ScriptArg[]): Promise<Reply>;
  /** One command whose first argument is its key. @throws {RedisAway} */
  call(command: string, key: string, ...args: readonly Arg[]): Promise<Reply>;
  /** Calls back now if it is up, and each time it comes up again. */
  onUp(react: () => void): void;
  close(): Promise<void>;
}

/** Commands that wait for their answer; more than a second of work for a server of Redis. */
const PENDING_MAX = 50_000;

/** A standalone server, the master that the Sentinels name, or one master of a Cluster. */
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

  get lives(): string {
    return this.#life;
  }

  run(script: Script, keys: readonly string[], args: readonly ScriptArg[]): Promise<Reply> {
    return this.ask({ script, keys, args }, false);
  }

  call(command: string, key: string, ...args: readonly Arg[]): Promise<Reply> {
    return this.#send(command, [key, ...args], false);
  }

  /** `asking` is said to the server that a slot is moved to, before the slot is its own. */
  async ask(question: Question, asking: boolean): Promise<Reply> {
    if ('command' in question) return this.#send(question.command, question.args, asking);
    const { script, keys, args } = question;
    const rest = [keys.length, ...keys, ...args];
    try {
      return await this.#send('EVALSHA', [script.sha, ...rest], asking);
    } catch (error) {
      if (!isNoScript(error)) throw error;
      return this.#send('EVAL', [script.text, ...rest], asking);
    }
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

  async #send(command: string, args: readonly ScriptArg[], asking: boolean): Promise<Reply> {
    if (!this.#isUp) throw new RedisAway('not connected to Redis');
    if (this.#pending >= PENDING_MAX) throw new RedisAway('too much waits for Redis');
    this.#pending += 1;
    this.#cork();
    try {
      // It is about the next command, which follows at once; what becomes of that is told.
      if (asking) this.#redis.callBuffer('ASKING').catch(() => undefined);
      const sent = args.map((arg) => (arg === LIFE ? this.#life : arg));
      return replyOf(await this.#redis.callBuffer(command, ...sent));
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
      const told = allScripts().map(({ text }) => this.#redis.script('LOAD', text));
      const [info] = await Promise.all([this.#redis.info('server'), ...told]);
      this.#life = lifeOf(info);
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
