/** What is to be archived waits here, within bounds, and is written in batches. */
import { backoffMs } from '../kernel/backoff.ts';
import type { Alarm, Clock } from '../kernel/clock.ts';
import { Deferred } from '../kernel/deferred.ts';
import type { ThrottledLog } from '../kernel/log.ts';
import type { Count } from '../kernel/meters.ts';
import { pause } from '../kernel/pause.ts';
import { RETRY } from './retry.ts';
import { insert } from './insert.ts';
import type { LineEnd, Place } from './record.ts';
import { lineOf } from './record.ts';
import type { Sql } from './sql.ts';
import { SqlError } from './sql.ts';

export interface WriterOptions {
  readonly sql: Sql;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly throttled: Pick<ThrottledLog, 'warn'>;
  readonly publicationsMax: number;
  readonly bytesMax: number;
  readonly delayMs: number;
  /** What became of publications. */
  readonly count: Count;
  /** Resolves when the database may be asked. */
  readonly opened: () => Promise<void>;
  readonly failed: (error: unknown) => void;
}

/**
 * Lines in one statement, and about their bytes: so many that the database is kept busy, so few that
 * the event loop is not: about a millisecond to join and send them.
 *
 * One text of JSON, and not arrays or COPY: measured with 500 lines of 300 bytes on two cores,
 * 71,000 a second on Postgres 15 and 35,000 to 42,000 on PGlite, with 2.8 us of the event loop for
 * each; `unnest` of arrays 55,000 and 31,000 to 37,000 with 8.8 us; COPY into a table that is then
 * inserted from 54,000 with 6.8 us; VALUES 45,000 and 26,000 with 3.5 us.
 */
const BATCH_MAX = 500;
const BATCH_BYTES_MAX = 256 * 1024;

/** About what the beginning of a line weighs. */
const PLACE_BYTES = 64;

export class Writer {
  readonly #options: WriterOptions;
  /** Oldest first. */
  readonly #lines: string[] = [];
  #bytes = 0;
  /** Those that are being published, and have no place yet. */
  #reserved = 0;
  /** How many lines there ever were, and how many of them are written. */
  #added = 0;
  #written = 0;
  /** Lines up to here have waited long enough. */
  #due = 0;
  #waiting: { readonly until: number; readonly resolve: () => void }[] = [];
  #alarm: Alarm | null = null;
  #isRunning = false;
  #isClosed = false;
  /** Less than `BATCH_MAX` after a batch was too much. */
  #batchMax = BATCH_MAX;
  #attempts = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** What waits, and what is about to. */
  get size(): { readonly publications: number; readonly bytes: number } {
    return { publications: this.#lines.length + this.#reserved, bytes: this.#bytes };
  }

  /** Lines up to this number are written. */
  get written(): number {
    return this.#written;
  }

  /** Keeps room for a line; false where there is none. Followed by `add` or by `release`. */
  reserve(end: LineEnd): boolean {
    const { publicationsMax, bytesMax } = this.#options;
    const bytes = end.length + PLACE_BYTES;
    const { publications } = this.size;
    if (publications >= publicationsMax || this.#bytes + bytes > bytesMax) return false;
    this.#reserved += 1;
    this.#bytes += bytes;
    return true;
  }

  release(end: LineEnd): void {
    this.#reserved -= 1;
    this.#bytes -= end.length + PLACE_BYTES;
  }

  /** The number of the line; see `written`. */
  add(place: Place, end: LineEnd): number {
    this.release(end);
    const line = lineOf(place, end);
    this.#lines.push(line);
    this.#bytes += line.length;
    this.#added += 1;
    this.#setAlarm();
    if (this.#isFull()) this.#start();
    return this.#added;
  }

  /** Whether all that waits at this moment is written within the time. It is begun at once. */
  async settled(withinMs: number): Promise<boolean> {
    const until = this.#added;
    if (this.#written >= until) return true;
    const turn = new Deferred();
    const waiter = { until, resolve: () => turn.resolve() };
    this.#waiting.push(waiter);
    const alarm = this.#options.clock.after(withinMs, waiter.resolve);
    this.#begin();
    await turn.promise;
    alarm.cancel();
    this.#waiting = this.#waiting.filter((other) => other !== waiter);
    return this.#written >= until;
  }

  /** Writes what is left, and tells how much could not be written within the time. */
  async close(withinMs: number): Promise<number> {
    await this.settled(withinMs);
    this.#isClosed = true;
    this.#alarm?.cancel();
    return this.#lines.length + this.#reserved;
  }

  #setAlarm(): void {
    this.#alarm ??= this.#options.clock.after(this.#options.delayMs, () => this.#begin());
  }

  #begin(): void {
    this.#alarm?.cancel();
    this.#alarm = null;
    this.#due = this.#added;
    this.#start();
  }

  #start(): void {
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (!this.#isClosed && (this.#written < this.#due || this.#isFull())) {
      await this.#options.opened();
      await this.#writeSome();
    }
    this.#isRunning = false;
  }

  /** There is enough for one statement. */
  #isFull(): boolean {
    const { length } = this.#lines;
    return length >= BATCH_MAX || (length > 0 && this.#bytes >= BATCH_BYTES_MAX);
  }

  async #writeSome(): Promise<void> {
    const batch = this.#nextBatch();
    try {
      const written = await insert(this.#options.sql.ask, batch);
      this.#options.count('written', written);
      if (written < batch.length) this.#options.count('known', batch.length - written);
      this.#batchMax = Math.min(BATCH_MAX, this.#batchMax * 2);
      this.#attempts = 0;
      this.#drop(batch);
    } catch (error) {
      await this.#failed(error, batch);
    }
  }

  #nextBatch(): readonly string[] {
    let bytes = 0;
    let count = 0;
    for (const line of this.#lines) {
      bytes += line.length;
      if (count >= this.#batchMax || (count > 0 && bytes > BATCH_BYTES_MAX)) break;
      count += 1;
    }
    return this.#lines.slice(0, count);
  }

  #drop(batch: readonly string[]): void {
    this.#lines.splice(0, batch.length);
    for (const line of batch) this.#bytes -= line.length;
    this.#written += batch.length;
    for (const { until, resolve } of this.#waiting) if (this.#written >= until) resolve();
  }

  /** Nothing is given up but what the database takes neither now nor later, and that alone. */
  async #failed(error: unknown, batch: readonly string[]): Promise<void> {
    const { count, throttled, failed, clock, random } = this.#options;
    const trouble = error instanceof SqlError ? error.trouble : 'fault';
    if (trouble === 'refused' && batch.length === 1) {
      count('rejected');
      const { message: reason } = error instanceof Error ? error : new Error(String(error));
      const fields = { reason, ...namesOf(batch[0] ?? '{}') };
      throttled.warn('archive rejected', fields, 'the archive does not take a publication');
      this.#drop(batch);
      return;
    }
    count('retried');
    this.#attempts += 1;
    if (trouble === 'refused' || trouble === 'slow') this.#batchMax = Math.ceil(batch.length / 2);
    if (trouble === 'refused') return;
    failed(error);
    await pause(clock, backoffMs(RETRY, this.#attempts, random()));
  }
}

/** Which publication it is, without what it says. */
function namesOf(line: string): Readonly<Record<string, unknown>> {
  const { c: channel, e: epoch, p: offset }: Readonly<Record<string, unknown>> = JSON.parse(line);
  return { channel, epoch, offset };
}
