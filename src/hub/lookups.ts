/**
 * The history reads of those who come back to a channel. A crowd that comes together shares one, and
 * those who come a moment later share it, too: after a break that is nearly all of them. What is
 * delivered meanwhile is kept for them.
 */
import { weightOf } from '../channel/publication.ts';
import type { Publication } from '../channel/publication.ts';
import type { Page, Position, Query } from '../channel/recovery.ts';
import type { Maybe } from '../kernel/maybe.ts';

/** What a subscriber that comes back asks for. */
export interface Return {
  readonly since: Position;
  /** `stream`: all it missed. `cache`: the latest publication, unless it has that one. */
  readonly mode: 'stream' | 'cache';
  /** Over it, it has missed too much. */
  readonly publicationsMax: number;
}

/** A read, and where the feed was when it was asked for. */
export interface Lookup {
  readonly asked: Position;
  readonly page: Maybe<Page>;
}

/** The feed, as its lookups see it. */
export interface LookupsOwner {
  readonly position: Position | null;
  /** Publications that may be kept for those who are about to join. */
  readonly heldMax: number;
  /** A page of so many bytes would be kept until `cool`; false where that is too much. */
  mayKeep(bytes: number): boolean;
}

/** Of one channel: crowds that were cut off together come from one place, or from a few. */
const KEPT_MAX = 4;

/** There while somebody joins, and for a moment after that. */
export class Lookups {
  readonly #feed: LookupsOwner;
  /** Those whose reads for joining are under way. */
  #joining = 0;
  /** What was delivered since the first of them began. */
  #tail: Publication[] = [];
  /** By what is asked. */
  readonly #underWay = new Map<string, Lookup>();
  readonly #kept = new Map<string, Lookup & { readonly page: Page }>();

  constructor(feed: LookupsOwner) {
    this.#feed = feed;
  }

  get isIdle(): boolean {
    return this.#joining === 0 && this.#kept.size === 0;
  }

  get tail(): readonly Publication[] {
    return this.#tail;
  }

  /** Somebody asks, and is done with it at `end`. */
  begin(): void {
    this.#joining += 1;
  }

  end(): void {
    this.#joining -= 1;
  }

  delivered(publication: Publication): void {
    this.#tail.push(publication);
    // The oldest is of use only to those who have been reading for longest.
    if (this.#tail.length > this.#feed.heldMax) this.#tail.shift();
  }

  /** What was delivered before is of another place. */
  lost(): void {
    this.#tail = [];
  }

  /**
   * The read that answers `back`: one that is under way, one of a moment ago, or a new one. Whoever
   * shares one needs what was delivered since it began, as the first who asked for it does.
   */
  of(back: Return, begin: () => Lookup): Lookup {
    const key = keyOf(back);
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const kept = this.#kept.get(key);
    if (kept !== undefined && this.#reaches(kept.page.top)) return kept;
    const lookup = begin();
    const { asked, page } = lookup;
    if (page instanceof Promise) {
      this.#underWay.set(key, lookup);
      const ended = (): void => void this.#underWay.delete(key);
      page.then((read) => {
        ended();
        this.#keep(key, { asked, page: read });
      }, ended);
    }
    return lookup;
  }

  /** What was kept is forgotten. */
  cool(): void {
    this.#kept.clear();
  }

  /** The tail begins where a page with this top ends, or before. */
  #reaches(top: Position): boolean {
    const here = this.#feed.position;
    if (here === null || top.epoch !== here.epoch) return false;
    const [first] = this.#tail;
    return top.offset === here.offset || (first !== undefined && first.offset <= top.offset + 1);
  }

  #keep(key: string, lookup: Lookup & { readonly page: Page }): void {
    if (!this.#kept.has(key) && this.#kept.size >= KEPT_MAX) return;
    if (this.#feed.mayKeep(bytesOf(lookup.page))) this.#kept.set(key, lookup);
  }
}

export function queryOf({ since, mode, publicationsMax }: Return): Query {
  if (mode === 'cache') return { kind: 'latest' };
  return { kind: 'since', since, limit: publicationsMax };
}

function keyOf({ since, mode, publicationsMax }: Return): string {
  return mode === 'cache' ? mode : `${publicationsMax} ${since.offset} ${since.epoch}`;
}

function bytesOf({ publications }: Page): number {
  return publications.reduce((sum, publication) => sum + weightOf(publication), 0);
}
