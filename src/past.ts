/** The history of a stream beyond what the stream still holds: from the archive, in one piece with it. */
import type { Archive } from './archive/archive.ts';
import type { Piece } from './archive/reader.ts';
import type { ChannelName } from './channel/name.ts';
import type { Publication } from './channel/publication.ts';
import type { Page, Position } from './channel/recovery.ts';
import type { Clock } from './kernel/clock.ts';
import { pause } from './kernel/pause.ts';

export interface Past {
  readonly archive: Pick<Archive, 'piece' | 'settled'>;
  readonly clock: Clock;
  /** How long a publication may wait before it is written. */
  readonly delayMs: number;
}

/** What was asked, and what the stream gave. */
export interface Beyond {
  readonly channel: ChannelName;
  readonly page: Page;
  readonly since: Position | null;
  /** At least 1. */
  readonly limit: number;
}

/** Between two offsets, both without. */
interface Span {
  readonly after: number;
  readonly before: number;
  readonly reverse: boolean;
  readonly limit: number;
}

/** What was published here before is waited for so long. */
const SETTLE_MS = 500;
/** What is older was archived, or never will be. */
const ON_ITS_WAY_MS = 10_000;

/** Oldest first, and without holes: it ends before one, and the next page goes on behind it. */
export async function forward(past: Past, beyond: Beyond): Promise<Page> {
  const { page, since, limit } = beyond;
  const after = since?.offset ?? 0;
  const before = page.publications[0]?.offset ?? page.top.offset + 1;
  if (before <= after + 1) return page;
  const { publications } = await between(past, beyond, { after, before, reverse: false, limit });
  const whole = unbroken(publications, 1);
  const last = whole.at(-1);
  const joins = last === undefined || last.offset + 1 === before;
  const all = joins ? [...whole, ...page.publications].slice(0, limit) : whole;
  return pageOf(page, all);
}

/** Newest first, and without holes. */
export async function backward(past: Past, beyond: Beyond): Promise<Page> {
  const { page, since, limit } = beyond;
  const begin = Math.min(since?.offset ?? Infinity, page.top.offset + 1);
  const last = page.publications.at(-1);
  const before = last?.offset ?? begin;
  const rest = limit - page.publications.length;
  if (rest <= 0 || before <= 1) return page;
  const span = { after: 0, before, reverse: true, limit: rest };
  const { publications } = await between(past, beyond, span);
  const joins = last === undefined || publications[0]?.offset === before - 1;
  return joins ? pageOf(page, [...page.publications, ...unbroken(publications, -1)]) : page;
}

/** Of what left the stream a moment ago, some may not have come to the archive yet. */
async function between(past: Past, { channel, page }: Beyond, span: Span): Promise<Piece> {
  const read = (): Promise<Piece> => readLives(past, channel, page, span);
  const found = await read();
  if (isWhole(found, span)) return found;
  await past.archive.settled(SETTLE_MS);
  const settled = await read();
  if (isWhole(settled, span) || !mayBeOnItsWay(past, page, span)) return settled;
  // From another gateway.
  await pause(past.clock, 2 * past.delayMs);
  return read();
}

/** It goes to the near end of the span, the one at the stream; or to where the reader wants no more. */
function isWhole({ publications, more }: Piece, { before, reverse }: Span): boolean {
  if (!reverse && more) return true;
  const near = reverse ? publications[0] : publications.at(-1);
  return near?.offset === before - 1;
}

/** Only streams that several gateways share tell their times. */
function mayBeOnItsWay({ clock }: Past, { times }: Page, { reverse }: Span): boolean {
  if (times === undefined) return false;
  const oldest = reverse ? times.at(-1) : times[0];
  return oldest === undefined || clock.now() - oldest < ON_ITS_WAY_MS;
}

/** A stream may go on from a former life, which it was in up to a place. */
async function readLives(
  { archive }: Past,
  channel: ChannelName,
  { top, former = null }: Page,
  span: Span,
): Promise<Piece> {
  const { after, before, reverse, limit } = span;
  const border = former?.offset ?? 0;
  const now = { epoch: top.epoch, heir: '', after: Math.max(after, border), before };
  const then = { epoch: former?.epoch ?? '', heir: top.epoch, after };
  const lives = [{ ...then, before: Math.min(before, border + 1) }, now];
  const publications: Publication[] = [];
  for (const life of reverse ? lives.toReversed() : lives) {
    if (life.before - life.after <= 1) continue;
    const rest = limit - publications.length;
    if (rest <= 0) return { publications, more: true };
    const piece = await archive.piece({ channel, ...life, reverse, limit: rest });
    publications.push(...piece.publications);
    if (piece.more) return { publications, more: true };
  }
  return { publications, more: false };
}

/** Up to the first hole. */
function unbroken(publications: readonly Publication[], step: 1 | -1): readonly Publication[] {
  const hole = publications.findIndex(({ offset }, index) => {
    const previous = publications[index - 1];
    return previous !== undefined && offset !== previous.offset + step;
  });
  return hole === -1 ? publications : publications.slice(0, hole);
}

function pageOf({ top, former = null }: Page, publications: readonly Publication[]): Page {
  return {
    top,
    former,
    publications: publications.map((one) =>
      one.epoch === null ? one : { ...one, epoch: top.epoch },
    ),
  };
}
