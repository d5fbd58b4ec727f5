/** Reads of the archive: a page of a channel, or a piece of one life of its stream. */
import type { Publication } from '../channel/publication.ts';
import type { Archived, Place } from './record.ts';
import { archivedOf, COLUMNS, placeOf, UNPLACED } from './record.ts';
import type { Ask, Param, SqlRow } from './sql.ts';
import { numberIn, textIn } from './sql.ts';

/** Publications of a channel in the order of their times, or of one epoch in that of their offsets. */
export interface PageQuery {
  readonly channel: string;
  /** From, and up to but without. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  /** Without it: of all lives of the stream, and those that have no offset. */
  readonly epoch?: string | undefined;
  /** From, and up to and with. Only with an epoch. */
  readonly fromOffset?: number | undefined;
  readonly toOffset?: number | undefined;
  readonly reverse: boolean;
  /** At least 1. */
  readonly limit: number;
  /** Goes on behind it. */
  readonly after: Place | null;
}

export interface ArchivePage {
  readonly publications: readonly Archived[];
  /** Where the next page goes on; null: there is none. */
  readonly next: Place | null;
}

/** One life of a stream, between two offsets and without them. */
export interface PieceQuery {
  readonly channel: string;
  readonly epoch: string;
  /** The life that goes on from this one; '' where it is the one that is. */
  readonly heir: string;
  readonly after: number;
  readonly before: number;
  readonly reverse: boolean;
  readonly limit: number;
}

/** Conditions, and the values that they name by number. */
class Conditions {
  readonly params: Param[] = [];
  readonly #conditions: string[] = [];

  /** `$` in the text stands for the values, one after the other. */
  add(text: string, ...values: readonly Param[]): void {
    let at = 0;
    this.#conditions.push(
      text.replaceAll('$', () => {
        this.params.push(values[at] ?? null);
        at += 1;
        return `$${this.params.length}`;
      }),
    );
  }

  get text(): string {
    return this.#conditions.join(' and ');
  }
}

const TIME = 'to_timestamp($::float8 / 1000)';
const OFFSET = '$::float8::bigint';

/** About what a row weighs besides its data. */
const ROW_BYTES = 200;

/** What a row will weigh in the answer; bytes are told in base64. */
const WEIGHT = `coalesce(octet_length(data), 0) + coalesce(octet_length(bytes), 0) * 4 / 3
  + coalesce(octet_length(about::text), 0) + ${ROW_BYTES}`;

export async function readPage(ask: Ask, query: PageQuery, bytesMax: number): Promise<ArchivePage> {
  const { epoch, reverse, limit } = query;
  const order = epoch === undefined ? ['at', 'epoch', 'place'] : ['place'];
  const shape = { order, reverse, limit, bytesMax };
  const { rows, more } = await readRows(ask, conditionsOf(query), shape);
  const last = rows.at(-1);
  return {
    publications: rows.map(archivedOf),
    next: more && last !== undefined ? placeOf(last) : null,
  };
}

function conditionsOf(query: PageQuery): Conditions {
  const { channel, fromMs, toMs, epoch, fromOffset, toOffset, after, reverse } = query;
  const where = new Conditions();
  where.add('channel = $', channel);
  if (fromMs !== undefined) where.add(`at >= ${TIME}`, fromMs);
  if (toMs !== undefined) where.add(`at < ${TIME}`, toMs);
  if (epoch !== undefined) where.add('epoch = $', epoch);
  if (fromOffset !== undefined) where.add(`place >= ${OFFSET}`, fromOffset);
  if (toOffset !== undefined) where.add(`place <= ${OFFSET}`, toOffset);
  if (after === null) return where;
  const beyond = reverse ? '<' : '>';
  if (epoch !== undefined) where.add(`place ${beyond} ${OFFSET}`, after.offset);
  else {
    const place = `(${TIME}, $, ${OFFSET})`;
    where.add(`(at, epoch, place) ${beyond} ${place}`, after.atMs, after.epoch, after.offset);
  }
  return where;
}

/** The life of the stream that was archived last; null where there was none. */
export async function readNewestEpoch(ask: Ask, channel: string): Promise<string | null> {
  const [row] = await ask(
    `select epoch from sluice_publications where channel = $1 and left(epoch, 1) <> $2
      order by at desc, epoch desc, place desc limit 1`,
    [channel, UNPLACED],
  );
  return row === undefined ? null : textIn(row, 'epoch');
}

export interface Piece {
  readonly publications: readonly Publication[];
  /** There are more than were asked for, or than one answer may hold. */
  readonly more: boolean;
}

/** What was removed from the history is left out. */
export async function readPiece(ask: Ask, query: PieceQuery, bytesMax: number): Promise<Piece> {
  const { channel, epoch, heir, reverse, limit } = query;
  const where = new Conditions();
  where.add('channel = $ and epoch = $', channel, epoch);
  where.add(`place > ${OFFSET} and place < ${OFFSET}`, query.after, query.before);
  where.add(
    `place > coalesce((select r.place from sluice_removals r
      where r.channel = $ and r.epoch = $), 0)`,
    channel,
    epoch,
  );
  if (heir !== '') {
    const removed = 'select from sluice_removals r where r.channel = $ and r.epoch = $';
    where.add(`not exists (${removed})`, channel, heir);
  }
  const shape = { order: ['place'], reverse, limit, bytesMax };
  const { rows, more } = await readRows(ask, where, shape);
  return { publications: rows.map((row) => archivedOf(row).publication), more };
}

interface Shape {
  readonly order: readonly string[];
  readonly reverse: boolean;
  readonly limit: number;
  readonly bytesMax: number;
}

/** One row more than the limit is found, to know whether there is more; it is not given. */
async function readRows(
  ask: Ask,
  where: Conditions,
  { order, reverse, limit, bytesMax }: Shape,
): Promise<{ readonly rows: readonly SqlRow[]; readonly more: boolean }> {
  const direction = order.map((column) => `${column} ${reverse ? 'desc' : 'asc'}`).join(', ');
  const found = `select *, ${WEIGHT} as weight from sluice_publications
    where ${where.text} order by ${direction} limit ${limit + 1}`;
  const weighed = `select *, row_number() over (order by ${direction}) as nth,
    sum(weight) over (order by ${direction}) - weight as before, count(*) over () as found
    from (${found}) as publications`;
  const rows = await ask(
    `select ${COLUMNS}, found::float8 as found from (${weighed}) as weighed
      where nth <= ${limit} and (nth = 1 or before + weight <= ${bytesMax}) order by nth`,
    where.params,
  );
  const [first] = rows;
  return { rows, more: first !== undefined && rows.length < numberIn(first, 'found') };
}
