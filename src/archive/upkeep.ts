/** What is older than the retention is deleted, in steps, by one of the gateways at a time. */
import type { Alarm, Clock } from '../kernel/clock.ts';
import type { Count } from '../kernel/meters.ts';
import { pause } from '../kernel/pause.ts';
import { LOCK_CLASS } from './schema.ts';
import type { Ask, Sql } from './sql.ts';
import { numberIn, SqlError } from './sql.ts';

export interface UpkeepOptions {
  readonly sql: Sql;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Null: nothing is deleted. */
  readonly retentionMs: number | null;
  /** How many lines this gateway has written. */
  readonly written: () => number;
  readonly opened: () => Promise<void>;
  readonly failed: (error: unknown) => void;
  readonly count: Count;
}

/** How often it is looked for: gateways that were started together do not look together. */
const PERIOD_MS = 60_000;
/** Deleted in one step: some tens of milliseconds of the database. */
const STEP = 5000;
const PAUSE_MS = 20;
const DELETING = 2;

/**
 * Single deletes, and not partitions by time: a publication has one place in its channel, whichever
 * gateway writes it and however often, and only a key over all of the table holds that.
 */
const DELETE = `with locked as materialized (
    select pg_try_advisory_xact_lock(${LOCK_CLASS}, ${DELETING}) as mine
  ), expired as (
    delete from sluice_publications where (select mine from locked) and ctid = any(array(
      select ctid from sluice_publications
      where at < to_timestamp($1::float8 / 1000) order by at limit $2::float8::bigint
    )) returning 1
  )
  select count(*)::float8 as deleted from expired`;

const FORGET = `delete from sluice_removals where at < to_timestamp($1::float8 / 1000)`;

/** Rows that came before an engine that keeps no statistics by itself is told to: plans depend on them. */
const ANALYZE_AFTER = 1000;
/** Rows that went before one that does not do it by itself is told to reuse their room. */
const VACUUM_AFTER = 20_000;

export class Upkeep {
  readonly #options: UpkeepOptions;
  #alarm: Alarm | null = null;
  #isClosed = false;
  #step = STEP;
  #analyzed = 0;
  #deleted = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#wait();
  }

  close(): void {
    this.#isClosed = true;
    this.#alarm?.cancel();
  }

  #wait(): void {
    const { clock, random } = this.#options;
    const periodMs = PERIOD_MS * (0.5 + random() / 2);
    this.#alarm = clock.after(periodMs, () => void this.#run());
  }

  async #run(): Promise<void> {
    const { opened, failed, clock, retentionMs } = this.#options;
    await opened();
    try {
      if (retentionMs !== null) await this.#deleteBefore(clock.now() - retentionMs);
      await this.#maintain();
    } catch (error) {
      // What it could not do in time it can do in smaller steps, next time.
      if (error instanceof SqlError && error.trouble === 'slow') {
        this.#step = Math.max(1, Math.floor(this.#step / 2));
      }
      failed(error);
    }
    if (!this.#isClosed) this.#wait();
  }

  async #deleteBefore(ms: number): Promise<void> {
    const { sql, count, clock } = this.#options;
    let deleted = 0;
    do {
      deleted = await this.#deleteSome(sql.ask, ms);
      if (deleted > 0) count('expired', deleted);
      this.#deleted += deleted;
      await pause(clock, PAUSE_MS);
    } while (deleted >= this.#step && !this.#isClosed);
    this.#step = Math.min(STEP, this.#step * 2);
    await sql.ask(FORGET, [ms]);
  }

  async #deleteSome(ask: Ask, ms: number): Promise<number> {
    const [row] = await ask(DELETE, [ms, this.#step]);
    if (row === undefined) throw new SqlError('fault', 'a count has no row');
    return numberIn(row, 'deleted');
  }

  async #maintain(): Promise<void> {
    const { sql, written } = this.#options;
    const isMuchGone = this.#deleted >= VACUUM_AFTER;
    if (sql.maintain === null || (written() - this.#analyzed < ANALYZE_AFTER && !isMuchGone))
      return;
    this.#analyzed = written();
    if (isMuchGone) this.#deleted = 0;
    await sql.maintain(`${isMuchGone ? 'vacuum (analyze)' : 'analyze'} sluice_publications`);
  }
}
