/** What a connection says, and the answers to it. */
import type { Dialect } from '../dialects/dialect.ts';
import { clientFrame } from './raw-socket.ts';
import type { RawSocket } from './raw-socket.ts';
import type { Stamp } from './stamp.ts';
import type { Tally } from './tally.ts';

export interface Speaking {
  readonly dialect: Dialect;
  readonly channel: string;
  /** What it publishes to the channel is a stream of its own. */
  readonly stream: number;
  /** Where what is said and answered is counted. */
  readonly tally: Tally;
}

export class Mouth {
  /** Called when answers came. */
  answered: () => void = () => undefined;
  readonly #speaking: Speaking;
  #sent = 0;

  constructor(speaking: Speaking) {
    this.#speaking = speaking;
  }

  /** Each message is a command in a frame of its own; all of them leave in one write. */
  publish(
    socket: RawSocket,
    { count, timeUs, stamp }: { count: number; timeUs: number; stamp: (stamp: Stamp) => string },
  ): void {
    const { dialect, channel, stream, tally } = this.#speaking;
    const frames: Buffer[] = [];
    for (let left = count; left > 0; left -= 1) {
      this.#sent += 1;
      const data = stamp({ seq: this.#sent, stream, timeUs });
      const message = dialect.publish(channel, this.#sent, data);
      frames.push(clientFrame(message, dialect.binary));
    }
    tally.sent += count;
    const [first] = frames;
    if (first !== undefined) socket.write(frames.length === 1 ? first : Buffer.concat(frames));
  }

  ask(socket: RawSocket, data: string): void {
    const { dialect, tally } = this.#speaking;
    this.#sent += 1;
    tally.sent += 1;
    socket.write(clientFrame(dialect.rpc(this.#sent, data), dialect.binary));
  }

  heard(bytes: Buffer, from: number, to: number): void {
    const frame = bytes.subarray(from, to);
    const { dialect, tally } = this.#speaking;
    const { answer, refusal } = dialect;
    if (refusal !== '' && tally.refusal === '' && frame.indexOf(refusal, 0, 'latin1') !== -1) {
      tally.refusal = frame.toString('utf8').slice(0, 300);
    }
    let answers = 0;
    let at = frame.indexOf(answer);
    for (; at !== -1; at = frame.indexOf(answer, at + answer.length)) answers += 1;
    if (answers === 0) return;
    tally.acked += answers;
    this.answered();
  }
}
