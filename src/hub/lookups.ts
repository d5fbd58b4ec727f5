/**
 * The history reads of those who come back to a channel. A crowd that comes together shares one, and
 * those who come a moment later share it, too: after a break that is nearly all of them.
 */
import { weightOf } from '../channel/publication.ts';
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

export interface LookupsContext {
  /** Whether what was delivered since a page with this top is at hand. */
  reaches(top: Position): boolean;
  /** A page of so many bytes would be kept until `cool`; false where that is too much. */
  mayKeep(bytes: number): boolean;
}

/** Of one channel: crowds that were cut off together come from one place, or from a few. */
const KEPT_MAX = 4;

export class Lookups {
  readonly #context: LookupsContext;
  /** By what is asked. Made with the first that takes its time. */
  #underWay: Map<string, Lookup> | null = null;
  #kept: Map<string, Lookup & { readonly page: Page }> | null = null;

  constructor(context: LookupsContext) {
    this.#context = context;
  }

  /** Pages are kept, so what is delivered has to be, too. */
  get areWarm(): boolean {
    return this.#kept !== null;
  }

  /**
   * The read that answers `back`: one that is under way, one of a moment ago, or a new one. Whoever
   * shares one needs what was delivered since it began, as the first who asked for it does.
   */
  of(back: Return, begin: () => Lookup): Lookup {
    const key = keyOf(back);
    const underWay = this.#underWay?.get(key);
    if (underWay !== undefined) return underWay;
    const kept = this.#kept?.get(key);
    if (kept !== undefined && this.#context.reaches(kept.page.top)) return kept;
    const lookup = begin();
    const { asked, page } = lookup;
    if (page instanceof Promise) {
      this.#underWay ??= new Map();
      this.#underWay.set(key, lookup);
      const ended = (): void => this.#end(key);
      page.then((read) => {
        ended();
        this.#keep(key, { asked, page: read });
      }, ended);
    }
    return lookup;
  }

  /** What was kept is forgotten. */
  cool(): void {
    this.#kept = null;
  }

  #end(key: string): void {
    this.#underWay?.delete(key);
    if (this.#underWay?.size === 0) this.#underWay = null;
  }

  #keep(key: string, lookup: Lookup & { readonly page: Page }): void {
    const isKnown = this.#kept?.has(key) === true;
    if (!isKnown && (this.#kept?.size ?? 0) >= KEPT_MAX) return;
    if (!this.#context.mayKeep(bytesOf(lookup.page))) return;
    this.#kept ??= new Map();
    this.#kept.set(key, lookup);
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
