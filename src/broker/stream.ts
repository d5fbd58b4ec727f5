/** The history of one channel in memory. */
import type { ChannelName } from '../channel/name.ts';
import type { Publication } from '../channel/publication.ts';
import type { Page, Position } from '../channel/recovery.ts';
import type { Timed } from '../kernel/wheel.ts';

/** Publications, oldest first, without holes; and what outlives them: the epoch and the top. */
export class Stream implements Timed {
  readonly channel: ChannelName;
  readonly epoch: string;
  dueMs = 0;
  next: Timed | null = null;
  previous: Timed | null = null;
  /** When the publications are forgotten, and when the stream itself. */
  publicationsUntilMs = 0;
  untilMs = 0;
  /** How long its publications are kept after the last, as it was said last. */
  ttlMs = 0;
  version = 0;
  versionEpoch = '';
  #offset = 0;
  #publications: Publication[] = [];
  readonly #expired: (stream: Stream, nowMs: number) => void;

  constructor(
    channel: ChannelName,
    epoch: string,
    expired: (stream: Stream, nowMs: number) => void,
  ) {
    this.channel = channel;
    this.epoch = epoch;
    this.#expired = expired;
  }

  get top(): Position {
    return { offset: this.#offset, epoch: this.epoch };
  }

  get isEmpty(): boolean {
    return this.#publications.length === 0;
  }

  append(publication: Publication, sizeMax: number): void {
    this.#offset = publication.offset;
    this.#publications.push(publication);
    while (this.#publications.length > sizeMax) this.#publications.shift();
  }

  clear(): void {
    this.#publications = [];
  }

  /** The first publications after `offset`, oldest first. */
  after(offset: number, limit: number): Page {
    const from = Math.max(0, offset + 1 - this.#firstOffset());
    return this.#page(this.#publications.slice(from, from + limit));
  }

  /** The last publications before `offset`, newest first. */
  before(offset: number, limit: number): Page {
    const to = Math.min(this.#publications.length, Math.max(0, offset - this.#firstOffset()));
    return this.#page(this.#publications.slice(Math.max(0, to - limit), to).toReversed());
  }

  expire(nowMs: number): void {
    this.#expired(this, nowMs);
  }

  #firstOffset(): number {
    return this.#offset - this.#publications.length + 1;
  }

  #page(publications: readonly Publication[]): Page {
    return { publications, top: this.top };
  }
}
