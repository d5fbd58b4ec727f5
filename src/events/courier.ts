/** Brings the events to the backend: one batch after the other, each until it is taken. */
import type { Backoff } from '../kernel/backoff.ts';
import { backoffMs } from '../kernel/backoff.ts';
import type { Alarm, Clock } from '../kernel/clock.ts';
import { Deferred } from '../kernel/deferred.ts';
import { Refusal } from '../kernel/errors.ts';
import type { ThrottledLog } from '../kernel/log.ts';
import type { Count } from '../kernel/meters.ts';
import type { WrittenBatch } from './event.ts';
import type { Journal, Page } from './journal.ts';
import type { FailureKind } from './undelivered.ts';
import { Undelivered } from './undelivered.ts';

/**
 * Resolves when the backend has taken the batch. @throws {Undelivered}; whatever else it throws is
 * a failure that may pass, but for a `Refusal` that is not temporary.
 */
export type Deliver = (batch: WrittenBatch, signal: AbortSignal) => Promise<void>;

export interface CourierSettings {
  readonly batchMax: number;
  /** How long an event waits for others to come with it. */
  readonly batchDelayMs: number;
  readonly timeoutMs: number;
  /** For how long an event is tried that fails at the backend, alone. */
  readonly giveUpMs: number;
}

export interface CourierOptions extends CourierSettings {
  readonly journal: Journal;
  readonly deliver: Deliver;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly log: ThrottledLog;
  readonly countDelivered: Count;
  /** By the kind of the failure. */
  readonly countFailed: Count;
  /** Whether it is the store of the journal that is away. */
  readonly isAway: (error: unknown) => boolean;
  readonly fault: (where: string, error: unknown) => void;
}

/** Before the second attempt, and twice as long before each one after it; half of it by chance. */
const RETRY: Backoff = { firstMs: 100, longestMs: 30_000 };
/** What the backend may ask for. */
const RETRY_AFTER_MS_MAX = 300_000;
/** How often an event is refused before it is believed. */
const REFUSALS_MAX = 5;
/** The store is looked at so often while it is away. */
const AWAY_MS = 1000;

/** The first event that waits, and what became of it when it was tried alone. */
interface Trouble {
  readonly id: number;
  readonly sinceMs: number;
  refusals: number;
}

/** Until when the courier waits: for events, for more of them, or before it tries again. */
interface Pause {
  readonly why: 'rest' | 'gather' | 'backoff';
  readonly ms: number;
}

const AT_ONCE: Pause = { why: 'gather', ms: 0 };

export class Courier {
  readonly #options: CourierOptions;
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;
  /** Half as many after each batch that failed, so that what is to blame is found. */
  #batchMax: number;
  #failuresInRow = 0;
  #trouble: Trouble | null = null;
  #isClosing = false;
  /** The journal called while it was being looked at. */
  #isFilled = false;
  #waiting: Waiting | null = null;

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#batchMax = options.batchMax;
    this.#running = this.#run();
  }

  /** There may be something to take. */
  filled(): void {
    const waiting = this.#waiting;
    if (waiting === null) this.#isFilled = true;
    if (waiting?.why !== 'rest') return;
    waiting.why = 'gather';
    waiting.alarm?.cancel();
    waiting.alarm = this.#options.clock.after(this.#options.batchDelayMs, waiting.end);
  }

  /** Goes on until nothing waits any more, but no longer than `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    const alarm = this.#options.clock.after(graceMs, () => this.#ended.abort());
    // No other timer may keep the process alive for as long as that.
    const alive = setInterval(() => undefined, graceMs);
    if (this.#waiting?.why !== 'backoff') this.#waiting?.end();
    await this.#running;
    clearInterval(alive);
    alarm.cancel();
  }

  async #run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const pause = await this.#step();
      if (this.#isClosing && pause.why === 'rest') return;
      const isOver = pause.ms <= 0 || (this.#isClosing && pause.why === 'gather');
      if (!isOver) await this.#wait(pause);
    }
  }

  async #step(): Promise<Pause> {
    const { journal, isAway, fault } = this.#options;
    try {
      this.#isFilled = false;
      const taken = await journal.take(this.#batchMax);
      if ('restMs' in taken) return this.#rest(taken.restMs);
      return await this.#bring(taken);
    } catch (error) {
      if (!isAway(error)) fault('events', error);
      return { why: 'rest', ms: AWAY_MS };
    }
  }

  #rest(ms: number): Pause {
    if (!this.#isFilled) return { why: 'rest', ms };
    return { why: 'gather', ms: this.#options.batchDelayMs };
  }

  async #bring(page: Page): Promise<Pause> {
    const { journal, batchMax, batchDelayMs, countDelivered } = this.#options;
    try {
      await this.#deliver(page);
    } catch (error) {
      if (page.signal.aborted || this.#ended.signal.aborted) return AT_ONCE;
      return await this.#failed(page, error);
    }
    this.#failuresInRow = 0;
    this.#batchMax = Math.min(this.#batchMax * 2, batchMax);
    countDelivered('', page.batch.events.length);
    await journal.done(page, 'delivered');
    return page.isFull ? AT_ONCE : { why: 'gather', ms: batchDelayMs };
  }

  async #deliver({ batch, signal }: Page): Promise<void> {
    const { clock, timeoutMs, deliver } = this.#options;
    const given = new AbortController();
    const failed = new Deferred<never>();
    given.signal.addEventListener('abort', () => failed.reject(given.signal.reason));
    const giveUp = (): void => given.abort();
    const late = new Undelivered('failed', `not taken within ${timeoutMs} ms`);
    const alarm = clock.after(timeoutMs, () => given.abort(late));
    const others = [signal, this.#ended.signal];
    for (const other of others) other.addEventListener('abort', giveUp);
    try {
      // Whoever does not heed the signal is left behind.
      await Promise.race([deliver(batch, given.signal), failed.promise]);
    } finally {
      for (const other of others) other.removeEventListener('abort', giveUp);
      alarm.cancel();
    }
  }

  async #failed(page: Page, error: unknown): Promise<Pause> {
    const { kind, message, retryAfterMs } = undelivered(error);
    const { countFailed, log } = this.#options;
    countFailed(kind);
    log.warn('events', { failure: kind, reason: message }, 'the backend did not take events');
    const { length } = page.batch.events;
    if (kind !== 'unreachable' && length > 1) this.#batchMax = Math.ceil(length / 2);
    if (kind === 'refused' && length > 1) return AT_ONCE;
    if (kind !== 'unreachable' && length === 1 && this.#isHopeless(page, kind)) {
      await this.#giveUp(page, message);
      return AT_ONCE;
    }
    this.#failuresInRow += 1;
    return { why: 'backoff', ms: this.#backoffMs(retryAfterMs) };
  }

  /** Whether the one event of the page was tried for long enough. */
  #isHopeless({ lastId }: Page, kind: FailureKind): boolean {
    const nowMs = this.#options.clock.now();
    if (this.#trouble?.id !== lastId) this.#trouble = { id: lastId, sinceMs: nowMs, refusals: 0 };
    if (kind === 'refused') this.#trouble.refusals += 1;
    const { refusals, sinceMs } = this.#trouble;
    return refusals >= REFUSALS_MAX || nowMs - sinceMs >= this.#options.giveUpMs;
  }

  async #giveUp(page: Page, reason: string): Promise<void> {
    const [event] = page.batch.events;
    this.#options.log.warn('event dropped', { event, reason }, 'an event was given up');
    this.#failuresInRow = 0;
    await this.#options.journal.done(page, 'dropped');
  }

  #backoffMs(retryAfterMs: number): number {
    const ms = backoffMs(RETRY, this.#failuresInRow, this.#options.random());
    return Math.max(ms, Math.min(retryAfterMs, RETRY_AFTER_MS_MAX));
  }

  #wait({ why, ms }: Pause): Promise<void> {
    const { promise, resolve } = new Deferred();
    const end = (): void => {
      this.#waiting?.alarm?.cancel();
      this.#waiting = null;
      this.#ended.signal.removeEventListener('abort', end);
      resolve();
    };
    const alarm = ms === Infinity ? null : this.#options.clock.after(ms, end);
    this.#waiting = { why, alarm, end };
    this.#ended.signal.addEventListener('abort', end);
    return promise;
  }
}

interface Waiting {
  why: Pause['why'];
  alarm: Alarm | null;
  readonly end: () => void;
}

function undelivered(error: unknown): Undelivered {
  if (error instanceof Undelivered) return error;
  const { message } = error instanceof Error ? error : new Error(String(error));
  const isFinal = error instanceof Refusal && !error.entry.temporary;
  return new Undelivered(isFinal ? 'refused' : 'failed', message, { cause: error });
}
