/** What a connection says, and the answers to it. */
import type { Dialect } from '../dialects/dialect.ts';
import { clientFrame } from './raw-socket.ts';
import type { RawSocket } from './raw-socket.ts';
import type { Stamp } from './stamp.ts';
import type { Tally } from './tally.ts';

export interface Stream {
  readonly channel: string;
  readonly number: number;
}

export interface Speaking {
  readonly dialect: Dialect;
  /** It publishes to them in turn, and what it publishes to each is a stream. */
  readonly streams: readonly Stream[];
  /** Where what is said and answered is counted. */
  readonly tally: Tally;
}

export class Mouth {
  /** Called when answers came. */
  answered: () => void = () => undefined;
  readonly #speaking: Speaking;
  readonly #channels: readonly string[];
  #sent = 0;

  constructor(speaking: Speaking) {
    this.#speaking = speaking;
    this.#channels = speaking.streams.map(({ channel }) => channel);
  }

  /** Each message is a command in a frame of its own; all of them leave in one write. */
  publish(
    socket: RawSocket,
    { count, timeUs, stamp }: { count: number; timeUs: number; stamp: (stamp: Stamp) => string },
  ): void {
    const { dialect, streams, tally } = this.#speaking;
    const frames: Buffer[] = [];
    for (let left = count; left > 0; left -= 1) {
      const { channel = '', number = 0 } = streams[this.#sent % streams.length] ?? {};
      const seq = Math.floor(this.#sent / streams.length) + 1;
      this.#sent += 1;
      const data = stamp({ seq, stream: number, timeUs });
      const message = dialect.publish(channel, this.#sent, data, this.#channels);
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
