/** The arithmetic of a stream: what continues it, what repeats it, what leaves a gap. */
import type { Publication } from './publication.ts';

/** A place in one life of a stream. Offsets count 1, 2, 3, … within an epoch. */
export interface Position {
  readonly offset: number;
  readonly epoch: string;
}

/** What a history read gives: publications in the order asked for, and the top at the same moment. */
export interface Page {
  readonly publications: readonly Publication[];
  readonly top: Position;
  /**
   * Another life of the stream that this one goes on from: who heard it to its end, and was not beyond
   * the offset, misses nothing. So it is where a server of streams was started again or replaced.
   */
  readonly former?: Position | null;
  /** When each was published, where that is known; 0: by a gateway that did not say. */
  readonly times?: readonly number[];
}

/** How a publication relates to the last one that was delivered. */
export type Step = 'next' | 'double' | 'gap';

export function stepOf(position: Position, offset: number, epoch: string): Step {
  if (epoch !== position.epoch) return 'gap';
  if (offset === position.offset + 1) return 'next';
  return offset <= position.offset ? 'double' : 'gap';
}

/**
 * Whether a page read after `since` holds everything from there to its top, so that a reader at
 * `since` misses nothing. Never partly: one missing publication and the answer is no.
 */
export function continues(page: Page, since: Position): boolean {
  if (!leadsTo(page, since) || since.offset > page.top.offset) return false;
  let expected = since.offset + 1;
  for (const publication of page.publications) {
    if (publication.offset !== expected) return false;
    expected += 1;
  }
  return expected === page.top.offset + 1;
}

/** Whether a place is one of the life of the stream that was read, or of one it goes on from. */
export function leadsTo({ top, former = null }: Page, { offset, epoch }: Position): boolean {
  // An empty epoch accepts any: the reader has seen nothing of this stream yet.
  if (epoch === '' || epoch === top.epoch) return true;
  return epoch === former?.epoch && offset <= former.offset;
}

/** What a history read may ask for. `since` and `latest` come with the top of the same moment. */
export type Query =
  | { readonly kind: 'top' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'since'; readonly since: Position; readonly limit: number };

/**
 * What a reader who joins at `here` missed since it was at `since`: the page, and after its top
 * what was delivered meanwhile (`tail`). Null when any of it is missing.
 */
export function missedSince(
  since: Position,
  page: Page,
  tail: readonly Publication[],
  here: Position,
): readonly Publication[] | null {
  if (page.top.epoch !== here.epoch || !continues(page, since)) return null;
  return extend(page.publications, page.top.offset, tail, here);
}

/** Like `missedSince` for a reader who only wants the latest publication. */
export function latestSince(
  since: Position,
  page: Page,
  tail: readonly Publication[],
  here: Position,
): readonly Publication[] | null {
  // It has the latest, whether the history still has it or not.
  if (since.offset === here.offset && isOfLife(since, page, here)) return [];
  const read = page.top.epoch === here.epoch ? page.publications : [];
  const latest = [...read, ...tail].find(({ offset }) => offset === here.offset);
  return latest === undefined ? null : [latest];
}

/** Whether a reader at `since` knows this life of the stream, or the one that it goes on from. */
function isOfLife(since: Position, page: Page, here: Position): boolean {
  if (since.epoch === here.epoch) return true;
  return since.epoch !== '' && page.top.epoch === here.epoch && leadsTo(page, since);
}

function extend(
  publications: readonly Publication[],
  top: number,
  tail: readonly Publication[],
  here: Position,
): readonly Publication[] | null {
  const all = [...publications];
  let last = top;
  for (const publication of tail) {
    if (publication.offset !== last + 1) continue;
    all.push(publication);
    last = publication.offset;
  }
  return last === here.offset ? all : null;
}
