/** The durable log of publications in Postgres: what is published is written there, and read again. */
import { randomBytes } from 'node:crypto';
import type { ChannelName } from '../channel/name.ts';
import type { Draft } from '../channel/publication.ts';
import type { Position } from '../channel/recovery.ts';
import { backoffMs } from '../kernel/backoff.ts';
import type { Clock } from '../kernel/clock.ts';
import { Deferred } from '../kernel/deferred.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Limits } from '../kernel/limits.ts';
import type { Log, ThrottledLog } from '../kernel/log.ts';
import type { Count, Meters } from '../kernel/meters.ts';
import { pause } from '../kernel/pause.ts';
import { RETRY } from './retry.ts';
import { Gate } from './gate.ts';
import { insertUnknown } from './insert.ts';
import type { ArchivePage, Piece, PageQuery, PieceQuery } from './reader.ts';
import { readNewestEpoch, readPage, readPiece } from './reader.ts';
import type { Archived } from './record.ts';
import { lineEndOf, lineOf, UNPLACED } from './record.ts';
import { removeBefore } from './removal.ts';
import { migrate, NewerSchema } from './schema.ts';
import type { Ask, Sql } from './sql.ts';
import { SqlError } from './sql.ts';
import { Upkeep } from './upkeep.ts';
import { Writer } from './writer.ts';

export interface ArchiveOptions {
  /** The archive closes it. */
  readonly sql: Sql;
  /** Null: forever. */
  readonly retentionMs: number | null;
  readonly delayMs: number;
  /** What a read takes at most. */
  readonly waitMs: number;
  readonly limits: Limits;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly throttled: Pick<ThrottledLog, 'warn'>;
  readonly meters: Meters;
}

/** A publication that is to be archived: one of its methods is called once, when it is known what became of it. */
export interface Entry {
  /** The number of its line; see `written`. */
  keep(published: { readonly position: Position; readonly atMs: number }): number;
  /** 0: there is no line. */
  drop(): number;
}

/**
 * - `opening`: the database was not reached yet, or is away; publications wait.
 * - `newer`: its tables are of a later release, so nothing will ever be written from here.
 *
 *     opening --> open --> opening …
 *        \--> newer
 */
type State = 'opening' | 'open' | 'newer' | 'closed';

/** A read waits at most so long for what was published here before it. */
const SETTLE_MS = 500;
/** Within what a part may take to close. */
const CLOSE_MS = 8000;

export class Archive {
  readonly #options: ArchiveOptions;
  readonly #sql: Sql;
  readonly #writer: Writer;
  readonly #upkeep: Upkeep;
  readonly #gate: Gate;
  readonly #count: Count;
  /** Of this process: its publications without an offset are counted in it. */
  readonly #epoch = UNPLACED + randomBytes(9).toString('base64url');
  #unplaced = 0;
  #state: State = 'opening';
  #opened = new Deferred();
  #closed: Promise<void> | null = null;

  constructor(options: ArchiveOptions) {
    const { limits, meters } = options;
    this.#options = options;
    this.#sql = options.sql;
    this.#count = meters.counter('archive', 'Publications and the archive, by outcome.', 'outcome');
    const common = {
      ...options,
      count: this.#count,
      opened: () => this.#opened.promise,
      failed: (error: unknown) => this.#failed(error),
    };
    this.#writer = new Writer({
      ...common,
      publicationsMax: limits.archiveBufferPublications,
      bytesMax: limits.archiveBufferBytes,
    });
    this.#upkeep = new Upkeep({ ...common, written: () => this.#writer.written });
    this.#gate = new Gate({
      ...options,
      // One connection is for what is written.
      insideMax: Math.min(limits.archiveReads, Math.max(1, this.#sql.width - 1)),
      allMax: limits.archiveReads,
    });
    this.#addGauges(meters);
    void this.#open();
  }

  /** The database answers, as far as is known. */
  get isUp(): boolean {
    return this.#state === 'open';
  }

  /** Lines of this process up to this number are in the archive. */
  get written(): number {
    return this.#writer.written;
  }

  /**
   * Keeps room for a publication that is about to be made.
   * @throws {Refusal} where there is none: it must not be published then.
   */
  admit(channel: ChannelName, draft: Draft): Entry {
    const end = lineEndOf(channel, draft);
    const isShut = this.#state === 'newer' || this.#state === 'closed';
    if (isShut || !this.#writer.reserve(end)) {
      this.#count('refused');
      throw new Refusal('internal', 'try again: the archive takes no more for now');
    }
    return {
      keep: ({ position, atMs }) => this.#writer.add({ ...this.#placeOf(position), atMs }, end),
      drop: () => {
        this.#writer.release(end);
        return 0;
      },
    };
  }

  /** With what was published here before. @throws {Refusal} where the database does not answer. */
  async page(query: PageQuery): Promise<ArchivePage> {
    const { waitMs, limits } = this.#options;
    this.#refuseUnlessOpen();
    await this.#writer.settled(Math.min(SETTLE_MS, waitMs / 2));
    return this.#read((ask) => readPage(ask, query, limits.archiveAnswerBytes));
  }

  /** The life of a channel's stream that was archived last. @throws {Refusal}, as above. */
  newestEpoch(channel: ChannelName): Promise<string | null> {
    return this.#read((ask) => readNewestEpoch(ask, channel));
  }

  /** What is archived by now of one life of a stream. @throws {Refusal}, as above. */
  piece(query: PieceQuery): Promise<Piece> {
    return this.#read((ask) => readPiece(ask, query, this.#options.limits.archiveAnswerBytes));
  }

  /** Whether all that was published here is written within the time. */
  settled(withinMs: number): Promise<boolean> {
    return this.#writer.settled(withinMs);
  }

  /** Up to a place a stream is read as history no more. @throws {Refusal}, as above. */
  remove(channel: ChannelName, top: Position): Promise<void> {
    const { clock } = this.#options;
    return this.#read((ask) => removeBefore(ask, { channel, ...top, atMs: clock.now() }));
  }

  /** Archives what is found in a stream and may be archived already. @throws {Refusal}, as above. */
  async restore(channel: ChannelName, found: readonly Archived[]): Promise<void> {
    if (found.length === 0) return;
    const lines = found.map(({ publication, epoch, atMs }) =>
      lineOf({ epoch, offset: publication.offset, atMs }, lineEndOf(channel, publication)),
    );
    this.#count('restored', await this.#read((ask) => insertUnknown(ask, lines)));
  }

  /** Writes what waits, as far as the database answers. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#upkeep.close();
    const left = await this.#writer.close(CLOSE_MS);
    if (left > 0) {
      this.#count('left', left);
      this.#options.log.error({ publications: left }, 'closed before the archive had all');
    }
    this.#state = 'closed';
    await this.#sql.close();
  }

  #placeOf({ offset, epoch }: Position): Position {
    if (offset > 0) return { offset, epoch };
    this.#unplaced += 1;
    return { offset: this.#unplaced, epoch: this.#epoch };
  }

  async #open(): Promise<void> {
    const { clock, random, log } = this.#options;
    for (let attempt = 0; !this.#isClosed(); attempt += 1) {
      try {
        const version = await migrate(this.#sql);
        if (this.#isClosed()) return;
        this.#state = 'open';
        log.info({ archive: this.#sql.name, version }, 'the archive is open');
        this.#opened.resolve();
        return;
      } catch (error) {
        if (error instanceof NewerSchema) this.#shut(error);
        else this.#tell(error);
      }
      await pause(clock, backoffMs(RETRY, attempt + 1, random()));
    }
  }

  /** What was asked of the database failed. */
  #failed(trouble: unknown): void {
    this.#tell(trouble);
    const isAway = trouble instanceof SqlError && trouble.trouble === 'away';
    if (!isAway || this.#state !== 'open') return;
    this.#state = 'opening';
    this.#opened = new Deferred();
    void this.#open();
  }

  /** Said once: it is looked at again every few seconds, and nothing else becomes of it by itself. */
  #shut({ message: reason }: NewerSchema): void {
    if (this.#state === 'newer' || this.#isClosed()) return;
    this.#state = 'newer';
    this.#options.log.error({ archive: this.#sql.name, reason }, 'the archive cannot be used');
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #tell(error: unknown): void {
    if (this.#isClosed()) return;
    const reason = error instanceof Error ? error.message : String(error);
    const { publications } = this.#writer.size;
    const fields = { archive: this.#sql.name, reason, waiting: publications };
    this.#options.throttled.warn('archive', fields, 'the archive does not do what it should');
  }

  /** Within its time, or not at all. */
  async #read<T>(act: (ask: Ask) => Promise<T>): Promise<T> {
    this.#refuseUnlessOpen();
    const { clock, waitMs } = this.#options;
    const late = new Deferred<never>();
    const alarm = clock.after(waitMs, () => {
      late.reject(new Refusal('internal', 'try again: the archive did not answer in time'));
    });
    try {
      return await Promise.race([this.#readInside(act), late.promise]);
    } finally {
      alarm.cancel();
    }
  }

  /** Whoever was told that it was late still counts until the database has ended it. */
  async #readInside<T>(act: (ask: Ask) => Promise<T>): Promise<T> {
    if (!(await this.#gate.enter())) {
      throw new Refusal('tooManyRequests', 'the archive is read by too many');
    }
    try {
      this.#refuseUnlessOpen();
      return await act(this.#sql.ask);
    } catch (error) {
      if (!(error instanceof SqlError) || error.trouble === 'refused') throw error;
      this.#failed(error);
      throw new Refusal('internal', 'try again: the archive did not answer');
    } finally {
      this.#gate.leave();
    }
  }

  #refuseUnlessOpen(): void {
    if (this.#state !== 'open') throw new Refusal('internal', 'try again: the archive is away');
  }

  #addGauges(meters: Meters): void {
    const size = (): Writer['size'] => this.#writer.size;
    meters.gauge('archive_up', 'Whether the archive answers.', () => (this.isUp ? 1 : 0));
    meters.gauge(
      'archive_buffer_publications',
      'Publications that wait for the archive.',
      () => size().publications,
    );
    meters.gauge('archive_buffer_bytes', 'Their bytes.', () => size().bytes);
  }
}
