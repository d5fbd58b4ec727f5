/** A connection of a driver up to the point where it may be used, and its pongs from then on. */
import type { Dialect, Purpose, Step } from './dialect.ts';
import type { Sink, Target } from './raw-socket.ts';
import { RawSocket } from './raw-socket.ts';

export interface Place {
  readonly dialect: Dialect;
  readonly port: number;
  /** The how-many-eth connection it is: decides the source address. */
  readonly index: number;
}

/** Some ten addresses with 28,000 ports each. */
const SOURCES = 10;

export abstract class Client implements Sink {
  readonly dialect: Dialect;
  readonly socket: RawSocket;
  readonly ready: Promise<void>;
  #steps: Step[];
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  #isReady = false;
  #error: string | null = null;

  constructor({ dialect, port, index }: Place, token: string, purpose: Purpose) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.dialect = dialect;
    this.#steps = [...dialect.greeting(token, purpose)];
    const { path, protocol } = dialect;
    const target: Target = { port, path, protocol, from: `127.0.0.${2 + (index % SOURCES)}` };
    this.socket = new RawSocket(target, this);
  }

  /** Why it broke, or null. */
  get error(): string | null {
    return this.#error;
  }

  opened(): void {
    this.#next();
  }

  message(bytes: Buffer, from: number, to: number): void {
    if (this.#isReady) this.received(bytes, from, to);
    else this.#greeted(bytes.toString('utf8', from, to));
  }

  lost(why: string): void {
    this.#error = why;
    if (this.#isReady) this.broke(why);
    else this.#reject(new Error(why));
  }

  end(): void {
    this.socket.end();
  }

  /** A message after the greeting. */
  abstract received(bytes: Buffer, from: number, to: number): void;
  abstract broke(why: string): void;

  /** Answers a ping; false when the message is none. */
  protected answersPing(bytes: Buffer, from: number, to: number): boolean {
    const { ping, pong } = this.dialect;
    if (to - from !== ping.length || bytes.toString('latin1', from, to) !== ping) return false;
    this.socket.send(pong);
    return true;
  }

  #greeted(text: string): void {
    if (text.includes('"error"')) {
      this.lost(`refused: ${text.slice(0, 200)}`);
      this.end();
      return;
    }
    const [step] = this.#steps;
    if (step === undefined || !text.includes(step.answer)) return;
    this.#steps.shift();
    this.#next();
  }

  #next(): void {
    const [step] = this.#steps;
    if (step === undefined) {
      this.#isReady = true;
      // Ten thousand of these stay: nothing of the greeting is kept.
      this.#steps = NO_STEPS;
      this.#resolve();
    } else if (step.send !== null) {
      this.socket.send(step.send);
    }
  }
}

const NO_STEPS: Step[] = [];
