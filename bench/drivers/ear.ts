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

/** Looks into every message, of as many streams as there are. */
export class KeenEar implements Ear {
  readonly #tally: Tally;
  /** The number of the last message of each stream. */
  readonly #last: number[] = [];
  /** From one mark to the next, as it was last time: messages of one size stand in even steps. */
  #step = STAMP_BYTES;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  get last(): number {
    return this.#last[0] ?? 0;
  }

  hear(bytes: Buffer, first: number, to: number): void {
    const tally = this.#tally;
    const now = tally.measuring ? nowUs() : 0;
    let count = 0;
    for (let at = first; at !== -1; at = this.#next(bytes, at, to)) {
      const stream = streamAt(bytes, at);
      const seq = seqAt(bytes, at);
      if (seq !== (this.#last[stream] ?? 0) + 1) tally.disordered += 1;
      this.#last[stream] = seq;
      if (tally.measuring) tally.latency.record(now - timeAt(bytes, at));
      count += 1;
    }
    tally.delivered(count);
  }

  #next(bytes: Buffer, at: number, to: number): number {
    if (to - at < 2 * this.#tally.messageBytes) return -1;
    const likely = at + this.#step;
    if (likely + STAMP_BYTES <= to && bytes.readUInt32LE(likely) === MARK_WORD) return likely;
    const mark = bytes.subarray(at + STAMP_BYTES, to).indexOf(MARK);
    if (mark === -1) return -1;
    this.#step = STAMP_BYTES + mark;
    return at + this.#step;
  }
}
