/** What a connection makes of the messages it hears: counts them, and sees that none is missing. */
import { nowUs } from './now.ts';
import { MARK, MARK_WORD, seqAt, STAMP_BYTES, streamAt, timeAt } from './stamp.ts';
import type { Tally } from './tally.ts';

export interface Ear {
  /** The number of the last message of the first stream. */
  readonly last: number;
  /** A frame up to `to`; `first` is where the mark of its first message is. */
  hear(bytes: Buffer, first: number, to: number): void;
}

/**
 * For the crowd of one stream. Of each frame it reads the number of the first message and that of
 * the last. Together with keen ears on the same stream, which read all between, that shows what is
 * lost, double or out of order: a system sends all subscribers the same frames, or frames of one
 * message.
 */
export class BroadEar implements Ear {
  last = 0;
  readonly #tally: Tally;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  hear(bytes: Buffer, first: number, to: number): void {
    const tally = this.#tally;
    const firstSeq = seqAt(bytes, first);
    // Where there is no room for a second message none has to be looked for.
    const several = to - first >= 2 * tally.messageBytes;
    const lastSeq = several ? lastOf(bytes, first, to) : firstSeq;
    if (firstSeq !== this.last + 1) tally.disordered += 1;
    this.last = lastSeq;
    tally.delivered(lastSeq - firstSeq + 1);
  }
}

function lastOf(bytes: Buffer, first: number, to: number): number {
  const last = bytes.lastIndexOf(MARK, to - MARK.length);
  return seqAt(bytes, last < first ? first : last);
}

/**
 * For the crowd of several streams: counts the messages of a frame, and sees that the first and the
 * last of them are newer than all of their streams before. What is between is for keen ears.
 */
export class CountingEar implements Ear {
  readonly last = 0;
  readonly #tally: Tally;
  readonly #marks: Marks;
  /** The number of the newest message that was seen of each stream. */
  readonly #newest: number[] = [];

  constructor(tally: Tally) {
    this.#tally = tally;
    this.#marks = new Marks(tally);
  }

  hear(bytes: Buffer, first: number, to: number): void {
    const { count, last } = this.#marks.among(bytes, first, to);
    this.#look(bytes, first);
    if (count > 1) this.#look(bytes, last);
    this.#tally.delivered(count);
  }

  #look(bytes: Buffer, at: number): void {
    const stream = streamAt(bytes, at);
    const seq = seqAt(bytes, at);
    if (seq <= (this.#newest[stream] ?? 0)) this.#tally.disordered += 1;
    this.#newest[stream] = seq;
  }
}

/** Looks into every message, of as many streams as there are. */
export class KeenEar implements Ear {
  readonly #tally: Tally;
  readonly #marks: Marks;
  /** The number of the last message of each stream. */
  readonly #last: number[] = [];

  constructor(tally: Tally) {
    this.#tally = tally;
    this.#marks = new Marks(tally);
  }

  get last(): number {
    return this.#last[0] ?? 0;
  }

  hear(bytes: Buffer, first: number, to: number): void {
    const tally = this.#tally;
    const now = tally.measuring ? nowUs() : 0;
    let count = 0;
    for (let at = first; at !== -1; at = this.#marks.after(bytes, at, to)) {
      const stream = streamAt(bytes, at);
      const seq = seqAt(bytes, at);
      if (seq !== (this.#last[stream] ?? 0) + 1) tally.disordered += 1;
      this.#last[stream] = seq;
      if (tally.measuring) tally.latency.record(now - timeAt(bytes, at));
      count += 1;
    }
    tally.delivered(count);
  }
}

/** Where the messages of a frame are. */
class Marks {
  readonly #tally: Tally;
  /** From one mark to the next, as it was last time: messages of one size stand in even steps. */
  #step = STAMP_BYTES;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** The mark after the one at `at`; -1 when that was the last. */
  after(bytes: Buffer, at: number, to: number): number {
    if (to - at < 2 * this.#tally.messageBytes) return -1;
    const likely = at + this.#step;
    if (this.#isAt(bytes, likely, to)) return likely;
    const mark = bytes.subarray(at + STAMP_BYTES, to).indexOf(MARK);
    if (mark === -1) return -1;
    this.#step = STAMP_BYTES + mark;
    return at + this.#step;
  }

  /** How many there are from `first` on, and where the last of them is. */
  among(bytes: Buffer, first: number, to: number): { count: number; last: number } {
    const second = this.after(bytes, first, to);
    if (second === -1) return { count: 1, last: first };
    const count = Math.ceil((to - first) / this.#step);
    const last = first + (count - 1) * this.#step;
    return this.#isAt(bytes, last, to) ? { count, last } : this.#oneByOne(bytes, second, to);
  }

  #oneByOne(bytes: Buffer, second: number, to: number): { count: number; last: number } {
    let last = second;
    let count = 2;
    for (let at = this.after(bytes, last, to); at !== -1; at = this.after(bytes, last, to)) {
      last = at;
      count += 1;
    }
    return { count, last };
  }

  #isAt(bytes: Buffer, at: number, to: number): boolean {
    return at + STAMP_BYTES <= to && bytes.readUInt32LE(at) === MARK_WORD;
  }
}
