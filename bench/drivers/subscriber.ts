/** A connection that hears one channel and counts what it hears. */
import type { Place } from './client.ts';
import { Client } from './client.ts';
import { nowUs } from './now.ts';
import { MARK, MARK_WORD, seqAt, timeAt } from './stamp.ts';
import type { Tally } from './tally.ts';

const NEWLINE = 0x0a;

export interface Hearing {
  readonly token: string;
  readonly channel: string;
  readonly tally: Tally;
  /** Looks into every message: for latency, and to see that no number is missing within a frame. */
  readonly sampled: boolean;
}

/**
 * Of each frame it reads the number of the first message and that of the last. Together with the
 * sampled subscribers, which read all between, that shows what is lost, double or out of order: a
 * system sends all subscribers the same frames, or frames of one message.
 */
export class Subscriber extends Client {
  /** The number of the last message. */
  last = 0;
  readonly #tally: Tally;
  readonly #sampled: boolean;
  /** Where in a frame the first mark stood last time. */
  #offset = 0;

  constructor(place: Place, { token, channel, tally, sampled }: Hearing) {
    super(place, token, { hears: channel, speaksTo: null });
    this.#tally = tally;
    this.#sampled = sampled;
  }

  received(bytes: Buffer, from: number, to: number): void {
    const first = this.#firstMark(bytes, from, to);
    if (first === -1) {
      this.answersPing(bytes, from, to);
      return;
    }
    const tally = this.#tally;
    const firstSeq = seqAt(bytes, first);
    // Where there is no room for a second message none has to be looked for.
    const several = to - first >= 2 * tally.messageBytes;
    const lastSeq = several ? lastOf(bytes, first, to) : firstSeq;
    if (firstSeq !== this.last + 1) this.#jumped(firstSeq);
    if (this.#sampled) this.#lookInto(bytes, first, to);
    const { ping } = this.dialect;
    // A ping may share a frame with what is published.
    if (ping !== '' && bytes[to - 1 - ping.length] === NEWLINE) {
      this.answersPing(bytes, to - ping.length, to);
    }
    this.last = lastSeq;
    tally.frames += 1;
    tally.bytes += to - from;
    tally.delivered(lastSeq - firstSeq + 1);
  }

  broke(why: string): void {
    this.#tally.broken += 1;
    this.#tally.why ||= why;
  }

  #firstMark(bytes: Buffer, from: number, to: number): number {
    const likely = from + this.#offset;
    if (likely + 40 < to && bytes.readUInt32LE(likely) === MARK_WORD) return likely;
    const mark = bytes.indexOf(MARK, from);
    if (mark === -1 || mark >= to) return -1;
    this.#offset = mark - from;
    const { ping } = this.dialect;
    if (ping !== '' && bytes[from + ping.length] === NEWLINE) {
      this.answersPing(bytes, from, from + ping.length);
    }
    return mark;
  }

  #jumped(seq: number): void {
    if (seq > this.last) this.#tally.lost += seq - this.last - 1;
    else this.#tally.disordered += 1;
  }

  #lookInto(bytes: Buffer, first: number, to: number): void {
    const tally = this.#tally;
    const now = nowUs();
    let expected = seqAt(bytes, first);
    for (let at = first; at !== -1 && at < to; at = bytes.indexOf(MARK, at + MARK.length)) {
      if (tally.measuring) tally.latency.record(now - timeAt(bytes, at));
      if (seqAt(bytes, at) !== expected) tally.disordered += 1;
      expected += 1;
    }
  }
}

function lastOf(bytes: Buffer, first: number, to: number): number {
  const last = bytes.lastIndexOf(MARK, to - MARK.length);
  return seqAt(bytes, last < first ? first : last);
}
