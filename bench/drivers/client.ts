/** A connection of a driver: its greeting, then what it hears and says. */
import type { Dialect, Place, Purpose, Step } from '../dialects/dialect.ts';
import type { Ear } from './ear.ts';
import type { Mouth } from './mouth.ts';
import type { Sink, Target } from './raw-socket.ts';
import { clientFrame, RawSocket } from './raw-socket.ts';
import { MARK, MARK_WORD, STAMP_BYTES } from './stamp.ts';
import type { Tally } from './tally.ts';

export interface Role {
  readonly dialect: Dialect;
  readonly port: number;
  /** The how-many-eth connection it is: decides the source address. */
  readonly index: number;
  readonly token: string;
  readonly purpose: Purpose;
  /** Told of what comes and of an end. */
  readonly tally: Tally;
  readonly ear: Ear | null;
  readonly mouth: Mouth | null;
}

/** Some ten addresses with 28,000 ports each. */
const SOURCES = 10;

const NO_STEPS: readonly Step[] = [];
/** A system that does not answer the greeting for so long does not speak as we thought. */
const GREETING_MS = 30_000;

export class Client implements Sink {
  readonly socket: RawSocket;
  /** Resolves when the greeting is over. */
  readonly ready: Promise<void>;
  readonly #role: Role;
  readonly #settle: { resolve: () => void; reject: (error: Error) => void };
  readonly #late: ReturnType<typeof setTimeout>;
  #steps: readonly Step[];
  #isReady = false;
  /** Where in a frame the first mark stood last time. */
  #offset = 0;
  /** Of its stream, where the system tells one; '' where it does not. */
  #epoch = '';

  constructor(role: Role) {
    const { dialect, purpose, token, port, index } = role;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#settle = { resolve, reject };
    this.#role = role;
    this.#steps = dialect.greeting(token, purpose);
    const path = dialect.path(purpose);
    const from = `127.0.0.${2 + (index % SOURCES)}`;
    const target: Target = { port, path, protocol: dialect.protocol, from };
    this.socket = new RawSocket(target, this);
    this.#late = setTimeout(() => {
      this.lost(`no answer to its greeting: ${this.#steps[0]?.answer ?? 'the upgrade'}`);
      this.end();
    }, GREETING_MS);
  }

  get mouth(): Mouth | null {
    return this.#role.mouth;
  }

  /** Where it is in the one channel it hears, given the number of the last message it has. */
  placeAt(offset: number): Place {
    return { offset, epoch: this.#epoch };
  }

  opened(): void {
    this.#next();
  }

  message(bytes: Buffer, from: number, to: number): void {
    if (!this.#isReady) this.#greeted(bytes.toString('latin1', from, to));
    const { ear, mouth, tally } = this.#role;
    const first = ear === null ? -1 : this.#firstMark(bytes, from, to);
    if (first === -1) this.#answerPing(bytes, from, to);
    else {
      tally.frames += 1;
      tally.bytes += to - from;
      ear?.hear(bytes, first, to);
    }
    if (this.#isReady) mouth?.heard(bytes, from, to);
  }

  lost(why: string): void {
    clearTimeout(this.#late);
    if (!this.#isReady) this.#settle.reject(new Error(why));
    this.#role.tally.broken += 1;
    this.#role.tally.why ||= why;
  }

  end(): void {
    clearTimeout(this.#late);
    this.socket.end();
  }

  /** A ping within a frame of other messages is not looked for: where one is sent there is no other. */
  #answerPing(bytes: Buffer, from: number, to: number): void {
    const { ping, pong, binary } = this.#role.dialect;
    if (to - from !== ping.length || bytes.toString('latin1', from, to) !== ping) return;
    const answer = binary ? Buffer.from(pong, 'latin1') : pong;
    this.socket.write(clientFrame(answer, binary));
  }

  #firstMark(bytes: Buffer, from: number, to: number): number {
    const likely = from + this.#offset;
    if (likely + STAMP_BYTES <= to && bytes.readUInt32LE(likely) === MARK_WORD) return likely;
    const mark = bytes.subarray(from, to).indexOf(MARK);
    if (mark === -1) return -1;
    this.#offset = mark;
    return from + mark;
  }

  #greeted(text: string): void {
    const { refusal } = this.#role.dialect;
    if (refusal !== '' && text.includes(refusal)) {
      this.lost(`refused: ${text.slice(0, 200)}`);
      this.end();
      return;
    }
    const [step] = this.#steps;
    if (step === undefined || !text.includes(step.answer)) return;
    this.#epoch = /"epoch":"([^"]*)"/.exec(text)?.[1] ?? this.#epoch;
    this.#steps = this.#steps.slice(1);
    this.#next();
  }

  #next(): void {
    const [step] = this.#steps;
    if (step === undefined) {
      this.#isReady = true;
      clearTimeout(this.#late);
      // Ten thousand of these stay: nothing of the greeting is kept.
      this.#steps = NO_STEPS;
      this.#settle.resolve();
    } else if (step.send !== null) {
      this.socket.write(clientFrame(step.send, this.#role.dialect.binary));
    }
  }
}
