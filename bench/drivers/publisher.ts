/** A connection that publishes to one channel, and waits for the system's answers. */
import type { Place } from './client.ts';
import { Client } from './client.ts';
import { nowUs } from './now.ts';
import { clientFrame } from './raw-socket.ts';
import { stamper } from './stamp.ts';

const NEWLINE = 0x0a;

export interface Speaking {
  readonly token: string;
  readonly channel: string;
  readonly payloadBytes: number;
}

export class Publisher extends Client {
  /** Messages sent, and answers that came. */
  sent = 0;
  acked = 0;
  /** Called when answers came. */
  answered: () => void = () => undefined;
  /** What was answered with an error, or broke. */
  problem: string | null = null;
  readonly #channel: string;
  readonly #stamp: (seq: number, timeUs: number) => string;

  constructor(place: Place, { token, channel, payloadBytes }: Speaking) {
    super(place, token, { hears: null, speaksTo: channel });
    this.#channel = channel;
    this.#stamp = stamper(payloadBytes);
  }

  /** Each message is a command in a frame of its own; all of them leave in one write. */
  publish(count: number, timeUs = nowUs()): void {
    const frames: Buffer[] = [];
    for (let left = count; left > 0; left -= 1) {
      this.sent += 1;
      const data = this.#stamp(this.sent, timeUs);
      frames.push(clientFrame(this.dialect.publish(this.#channel, this.sent, data)));
    }
    this.socket.write(frames.length === 1 ? (frames[0] ?? Buffer.alloc(0)) : Buffer.concat(frames));
  }

  received(bytes: Buffer, from: number, to: number): void {
    if (this.answersPing(bytes, from, to)) return;
    const error = bytes.indexOf('"error"', from, 'latin1');
    if (error !== -1 && error < to) this.problem ??= bytes.toString('utf8', from, to).slice(0, 300);
    // One answer to a line; a ping among them would be one too many, which does no harm.
    let answers = 1;
    for (let at = from; at < to; at += 1) if (bytes[at] === NEWLINE) answers += 1;
    this.acked += answers;
    this.answered();
  }

  broke(why: string): void {
    this.problem ??= why;
  }
}
