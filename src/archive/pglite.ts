/** Postgres within the process: PGlite, in a thread of its own. */
import { resolve as absolute } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Alarm, Clock } from '../kernel/clock.ts';
import { Deferred } from '../kernel/deferred.ts';
import type { Answer, Order, Place, Question } from './pglite-wire.ts';
import type { Ask, Param, Sql, SqlRow } from './sql.ts';
import { SqlError, troubleOf } from './sql.ts';

export interface PgliteOptions {
  /** `pglite:` and a folder; without one the data is in memory. */
  readonly url: string;
  readonly clock: Pick<Clock, 'after'>;
  readonly statementTimeoutMs: number;
}

const THREAD = import.meta.url.endsWith('.ts')
  ? new URL('./pglite-worker.ts', import.meta.url)
  : new URL('./pglite-worker.js', import.meta.url);

const TRANSACTION_MS = 60_000;
/** To make a new database takes seconds. */
const OPEN_MS = 60_000;
const CLOSE_MS = 5000;

/** A question that is not answered. */
interface Job {
  readonly question: Question;
  readonly owner: Owner | null;
  readonly settle: Deferred<readonly SqlRow[]>;
  readonly alarm: Alarm;
}

/** A transaction that has the database to itself. */
type Owner = Readonly<Record<string, never>>;

export class Pglite implements Sql {
  readonly name: string;
  readonly width = 1;
  readonly #options: PgliteOptions;
  readonly #place: Place;
  #thread: Worker | null = null;
  #isOpen = false;
  #isClosed = false;
  /** What the thread does; it does one thing at a time, whether somebody still waits for it or not. */
  #current: Job | null = null;
  #queue: Job[] = [];
  #owner: Owner | null = null;

  constructor(options: PgliteOptions) {
    const path = options.url.replace(/^pglite:/, '');
    this.#options = options;
    this.#place = { folder: path === '' ? null : absolute(path) };
    this.name = options.url;
  }

  readonly ask: Ask = (text, params) =>
    this.#put(text, params, { owner: null, limitMs: this.#options.statementTimeoutMs });

  readonly maintain = async (statement: string): Promise<void> => {
    await this.#put(statement, undefined, { owner: null, limitMs: TRANSACTION_MS });
  };

  async transaction<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    const owner: Owner = {};
    const put: Ask = (text, params) => this.#put(text, params, { owner, limitMs: TRANSACTION_MS });
    try {
      await put('begin');
      const result = await work((text, params) => {
        if (this.#owner === owner) return put(text, params);
        return Promise.reject(new SqlError('away', 'the transaction ended with its thread'));
      });
      await put('commit');
      return result;
    } catch (error) {
      // Where even that fails the thread is gone, and the transaction with it.
      if (this.#owner === owner) await put('rollback').catch(() => {});
      throw error;
    } finally {
      if (this.#owner === owner) this.#owner = null;
      this.#advance();
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const thread = this.#thread;
    if (thread === null) return;
    const gone = new Deferred();
    thread.once('exit', () => gone.resolve());
    const alarm = this.#options.clock.after(CLOSE_MS, () => gone.resolve());
    thread.postMessage('close' satisfies Order);
    await gone.promise;
    alarm.cancel();
    await thread.terminate();
  }

  #put(
    text: string,
    params: readonly Param[] | undefined,
    { owner, limitMs }: { readonly owner: Owner | null; readonly limitMs: number },
  ): Promise<readonly SqlRow[]> {
    if (this.#isClosed) return Promise.reject(new SqlError('away', 'the archive is closed'));
    this.#thread ??= this.#start();
    const settle = new Deferred<readonly SqlRow[]>();
    const allMs = this.#isOpen ? limitMs : OPEN_MS + limitMs;
    const alarm = this.#options.clock.after(allMs, () => {
      this.#queue = this.#queue.filter((other) => other !== job);
      settle.reject(new SqlError('slow', `it took longer than ${allMs} ms`));
    });
    const job: Job = { question: { text, params: params ?? null }, owner, settle, alarm };
    this.#queue.push(job);
    this.#advance();
    return settle.promise;
  }

  #advance(): void {
    if (this.#current !== null) return;
    const next = this.#queue.find(({ owner }) => this.#owner === null || owner === this.#owner);
    if (next === undefined) return;
    this.#queue = this.#queue.filter((other) => other !== next);
    this.#current = next;
    this.#owner = next.owner;
    this.#thread?.postMessage(next.question satisfies Order);
  }

  #start(): Worker {
    const thread = new Worker(THREAD, { workerData: this.#place });
    thread.on('message', (answer: Answer) => {
      if (answer === 'open') this.#isOpen = true;
      else this.#answered(thread, answer);
    });
    let reason = 'the thread of the database ended';
    thread.on('error', (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    thread.on('exit', () => this.#ended(thread, reason));
    return thread;
  }

  #answered(thread: Worker, answer: Exclude<Answer, 'open'>): void {
    const job = this.#current;
    this.#current = null;
    job?.alarm.cancel();
    if (answer.rows !== null) job?.settle.resolve(answer.rows);
    else {
      const { message, state } = answer;
      job?.settle.reject(new SqlError(troubleOf(state ?? undefined), message));
      // What could not be opened is opened by another thread; the folder may be free then.
      if (!this.#isOpen) {
        this.#ended(thread, message);
        void thread.terminate();
      }
    }
    this.#advance();
  }

  /** The next question starts another. */
  #ended(thread: Worker, reason: string): void {
    if (this.#thread !== thread) return;
    const jobs = [...(this.#current === null ? [] : [this.#current]), ...this.#queue];
    this.#thread = null;
    this.#isOpen = false;
    this.#current = null;
    this.#queue = [];
    this.#owner = null;
    for (const { alarm, settle } of jobs) {
      alarm.cancel();
      settle.reject(new SqlError('away', reason));
    }
  }
}
