/** What a Cluster is asked: each question goes to the master of its slot, and follows the slot when it moves. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Deferred } from '../kernel/deferred.ts';
import type { Cluster, Master } from './cluster.ts';
import { ANSWER_MS } from './connection.ts';
import { Redirected, RedisAway } from './errors.ts';
import type { Arg, Link, Question, ScriptArg } from './link.ts';
import type { Reply } from './reply.ts';
import type { Script } from './script.ts';
import { slotOf } from './slot.ts';

/** Before what is being moved is asked for again. */
const PAUSE_MS = 20;
/** Questions that follow a slot, or wait for one that does. */
const DETOURS_MAX = 10_000;

/** A question, and until when it is of use. */
interface Errand {
  readonly slot: number;
  readonly question: Question;
  readonly deadlineMs: number;
}

/** Where an errand was last, and what it was told there. */
interface Hint {
  readonly error: Redirected;
  readonly by: Master;
}

/**
 * A server that is away takes only its own slots with it. What a server redirects was not carried
 * out, and is asked again elsewhere, within the same second; anything else is never sent twice.
 */
export class ClusterLink implements Link {
  readonly #cluster: Cluster;
  /** By key, the last of those that were redirected: what comes after it waits for it. */
  readonly #detours = new Map<string, Promise<void>>();
  #detoured = 0;
  #isClosed = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get isUp(): boolean {
    return this.#cluster.masters.some(({ link }) => link.isUp);
  }

  get lives(): string {
    const lives = this.#cluster.masters.map(({ address, link }) => `${address} ${link.lives}`);
    return lives.toSorted().join();
  }

  run(script: Script, keys: readonly string[], args: readonly ScriptArg[]): Promise<Reply> {
    return this.#ask(keys[0] ?? '', { script, keys, args });
  }

  call(command: string, key: string, ...args: readonly Arg[]): Promise<Reply> {
    return this.#ask(key, { command, args: [key, ...args] });
  }

  onUp(react: () => void): void {
    const reactIfUp = (): void => {
      if (this.isUp) react();
    };
    this.#cluster.onChange(reactIfUp);
    reactIfUp();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#cluster.close();
  }

  async #ask(key: string, question: Question): Promise<Reply> {
    const slot = slotOf(key);
    const errand = { slot, question, deadlineMs: performance.now() + ANSWER_MS };
    if (this.#detours.has(key)) return this.#detour(key, errand, null);
    const by = this.#masterOf(slot);
    try {
      return await by.link.ask(question, false);
    } catch (error) {
      if (!(error instanceof Redirected)) throw error;
      return this.#detour(key, errand, { error, by });
    }
  }

  /** Those of one key go one after the other, in the order in which they were redirected. */
  async #detour(key: string, errand: Errand, hint: Hint | null): Promise<Reply> {
    if (this.#detoured >= DETOURS_MAX) throw new RedisAway('too much waits for slots that move');
    this.#detoured += 1;
    const before = this.#detours.get(key);
    const { promise: done, resolve: end } = new Deferred();
    this.#detours.set(key, done);
    try {
      await before;
      return await this.#follow(errand, hint);
    } finally {
      this.#detoured -= 1;
      if (this.#detours.get(key) === done) this.#detours.delete(key);
      end();
    }
  }

  async #follow(errand: Errand, first: Hint | null): Promise<Reply> {
    let hint = first;
    for (let hops = 0; ; hops += 1) {
      // Two servers that each send us to the other agree in a moment.
      if (hops > 1 || hint?.error.redirection === 'TRYAGAIN') await sleep(PAUSE_MS);
      const by = this.#next(errand, hint);
      // One that was not known before is up in a moment.
      if (!by.link.isUp) continue;
      try {
        const asking = hint?.error.redirection === 'ASK';
        const leftMs = errand.deadlineMs - performance.now();
        return await within(leftMs, by.link.ask(errand.question, asking));
      } catch (error) {
        if (!(error instanceof Redirected)) throw error;
        hint = { error, by };
      }
    }
  }

  /** @throws {RedisAway} where there is no server to ask, or no time. */
  #next({ slot, deadlineMs }: Errand, hint: Hint | null): Master {
    if (performance.now() >= deadlineMs || this.#isClosed) {
      throw new RedisAway('the slot is being moved', { cause: hint?.error });
    }
    if (hint?.error.redirection === 'ASK') {
      return this.#cluster.at(hint.error.address, hint.by.address);
    }
    if (hint?.error.redirection === 'MOVED') {
      this.#cluster.moved(slot, hint.error.address, hint.by.address);
    }
    return this.#masterOf(slot);
  }

  #masterOf(slot: number): Master {
    const master = this.#cluster.masterOf(slot);
    if (master === null) throw new RedisAway('no server of the Cluster has the slot');
    return master;
  }
}

/** Its outcome is not known if it takes longer. */
async function within<T>(ms: number, asked: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new RedisAway('Redis takes too long')), ms);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
