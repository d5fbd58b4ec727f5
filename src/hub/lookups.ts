/** The history reads of those who come back to a channel: a crowd that comes together shares one. */
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

export class Lookups {
  /** By what is asked. Made with the first that takes its time. */
  #underWay: Map<string, Lookup> | null = null;

  /**
   * The read that answers `back`: one that is under way, or a new one. Whoever shares one needs
   * what was delivered since it began, as the first who asked for it does.
   */
  of(back: Return, begin: () => Lookup): Lookup {
    const key = keyOf(back);
    const known = this.#underWay?.get(key);
    if (known !== undefined) return known;
    const lookup = begin();
    if (lookup.page instanceof Promise) {
      this.#underWay ??= new Map();
      this.#underWay.set(key, lookup);
      const done = (): void => this.#end(key);
      lookup.page.then(done, done);
    }
    return lookup;
  }

  #end(key: string): void {
    this.#underWay?.delete(key);
    if (this.#underWay?.size === 0) this.#underWay = null;
  }
}

export function queryOf({ since, mode, publicationsMax }: Return): Query {
  if (mode === 'cache') return { kind: 'latest' };
  return { kind: 'since', since, limit: publicationsMax };
}

function keyOf({ since, mode, publicationsMax }: Return): string {
  return mode === 'cache' ? mode : `${publicationsMax} ${since.offset} ${since.epoch}`;
}
