/** What may be asked of the archive, and the cursor from one page to the next. */
import type { Archive } from '../archive/archive.ts';
import type { Archived, Place } from '../archive/record.ts';
import type { ChannelName } from '../channel/name.ts';
import { Refusal } from '../kernel/errors.ts';

export interface ArchiveOptions {
  /** From this time, in milliseconds since the Unix epoch. */
  readonly fromMs?: number | undefined;
  /** Up to this time, and not at it. */
  readonly toMs?: number | undefined;
  /** Only this life of the stream; with offsets and without it, the newest. */
  readonly epoch?: string | undefined;
  /** From this offset. */
  readonly fromOffset?: number | undefined;
  /** Up to this offset, and with it. */
  readonly toOffset?: number | undefined;
  /** As many as there may be in one answer, unless it is set. */
  readonly limit?: number | undefined;
  /** From the newest to the oldest. */
  readonly reverse?: boolean | undefined;
  /** Of the page before; all the rest is asked as it was then. */
  readonly cursor?: string | undefined;
}

export interface ArchivedPage {
  readonly publications: readonly Archived[];
  /** To ask for the next page with; null: this is the last. */
  readonly cursor: string | null;
}

export async function pageOf(
  archive: Archive,
  channel: ChannelName,
  { options, limitMax }: { readonly options: ArchiveOptions; readonly limitMax: number },
): Promise<ArchivedPage> {
  const { fromOffset, toOffset, cursor, reverse = false } = options;
  const limit = limitOf(options.limit, limitMax);
  const after = cursor === undefined ? null : placeIn(cursor);
  let { epoch } = options;
  if (epoch === undefined && (fromOffset !== undefined || toOffset !== undefined)) {
    // All pages are of the same.
    const newest = after === null ? await archive.newestEpoch(channel) : after.epoch;
    if (newest === null) return { publications: [], cursor: null };
    epoch = newest;
  }
  const page = await archive.page({ ...options, channel, epoch, reverse, limit, after });
  return {
    publications: page.publications,
    cursor: page.next === null ? null : cursorOf(page.next),
  };
}

function limitOf(limit: number | undefined, limitMax: number): number {
  if (limit === undefined) return limitMax;
  if (limit < 1) throw new Refusal('badRequest', 'limit is at least 1');
  return Math.min(limit, limitMax);
}

/** Nobody but this file looks into it. */
function cursorOf({ atMs, epoch, offset }: Place): string {
  return Buffer.from(JSON.stringify([atMs, epoch, offset])).toString('base64url');
}

function placeIn(cursor: string): Place {
  const place = partsOf(cursor);
  if (!Array.isArray(place)) throw new Refusal('badRequest', WRONG_CURSOR);
  const [atMs, epoch, offset]: unknown[] = place;
  if (!isCount(atMs) || !isCount(offset) || typeof epoch !== 'string') {
    throw new Refusal('badRequest', WRONG_CURSOR);
  }
  return { atMs, epoch, offset };
}

const WRONG_CURSOR = 'cursor is none that was given';

function partsOf(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
