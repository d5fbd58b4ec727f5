/** One WebSocket, from its making to its end: commands out, answers and pushes in. */
import type { Alarm } from '../kernel/clock.ts';
import type { Chunk } from './codec.ts';
import type { Context } from './context.ts';
import type { Failure } from './errors.ts';
import { FAILURES, SluiceError } from './errors.ts';
import type { Socket } from './socket.ts';
import type { Body, CommandName, Reply, WirePush } from './wire.ts';

/** Nothing of it is called after `ended`. */
export interface LinkOwner {
  opened(): void;
  pushed(push: WirePush): void;
  /** Tells whether there will be another link. */
  ended(code: number, reason: string): boolean;
  failed(error: SluiceError): void;
}

/** Called with the answer. */
export type Done = (reply: Reply) => void;

interface Pending {
  readonly done: Done;
  readonly alarm: Alarm;
  /** A call of the user is told of every outcome; a command of the client only of its answer. */
  readonly isCall: boolean;
}

/** RFC 6455 §7.1.5: what a close without a close frame is told with. */
const ABNORMAL = 1006;

/** RFC 6455 §7.4.1: a message was longer than the gateway takes. */
const TOO_LARGE = 1009;

/** A frame grows over it only by one message: a gateway takes 64 KiB, a character up to 3 bytes. */
const FRAME_LENGTH_MAX = 16_384;

export class Link {
  readonly #context: Context;
  readonly #owner: LinkOwner;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  #batch: Chunk[] = [];
  #length = 0;
  #heardMs = 0;
  #pongs = false;
  #isOpen = false;
  #ended = false;
  /** Of the opening; then of the next look for a sign of life. */
  #alarm: Alarm;

  /** @throws what the WebSocket throws for a URL that is none. */
  constructor(url: string, context: Context, owner: LinkOwner) {
    const { WebSocket, codec, clock, timeoutMs } = context;
    this.#context = context;
    this.#owner = owner;
    const socket = new WebSocket(url, codec.protocol === '' ? [] : [codec.protocol]);
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => {
      if (this.#ended) return;
      this.#alarm.cancel();
      this.#isOpen = true;
      owner.opened();
    });
    socket.addEventListener('message', ({ data }) => this.#receive(data));
    socket.addEventListener('close', ({ code, reason }) => this.#end(code, reason));
    // A close follows; but not in Node 22 when a socket could not be opened.
    socket.addEventListener('error', () => {
      if (!this.#isOpen) this.#end(ABNORMAL, 'the socket could not be opened');
    });
    this.#socket = socket;
    this.#alarm = clock.after(timeoutMs, () => this.end(FAILURES.timeout));
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** A command of the client itself: the link ends when no answer comes. The result forgets it. */
  command(name: CommandName, body: Body, done: Done): () => void {
    const id = this.#context.nextId();
    return this.send(id, this.#context.codec.encode({ id, [name]: body }), done);
  }

  /**
   * With a time it is a call of the user: `done` is called once, if not with an answer in this time
   * then with an error.
   */
  send(id: number, chunk: Chunk, done: Done, callMs?: number): () => void {
    const { clock, timeoutMs } = this.#context;
    const sentMs = clock.now();
    const forget = (): void => {
      alarm.cancel();
      this.#pending.delete(id);
    };
    const alarm = clock.after(callMs ?? timeoutMs, () => {
      forget();
      if (callMs === undefined) {
        this.end(FAILURES.timeout);
        return;
      }
      if (this.#heardMs <= sentMs) this.probe();
      done({ error: FAILURES.timeout });
    });
    this.#pending.set(id, { done, alarm, isCall: callMs !== undefined });
    this.write(chunk);
    return forget;
  }

  /** Without an answer. What is written in one turn leaves as one frame. */
  write(chunk: Chunk): void {
    if (this.#length + chunk.length > FRAME_LENGTH_MAX) this.#flush();
    if (this.#batch.push(chunk) === 1) queueMicrotask(() => this.#flush());
    this.#length += chunk.length;
  }

  /** The other side sends a ping every `pingMs`, if that is not 0: from now on one is missed. */
  watch(pingMs: number, pongs: boolean): void {
    this.#pongs = pongs;
    if (pingMs === 0) return;
    const { clock, maxPingDelayMs } = this.#context;
    const look = (): void => {
      const leftMs = this.#heardMs + pingMs + maxPingDelayMs - clock.now();
      if (leftMs > 0) this.#alarm = clock.after(leftMs, look);
      else this.end(FAILURES.silence);
    };
    look();
  }

  /** Asks for a sign of life; without one the link ends. */
  probe(): void {
    this.command('ping', {}, () => undefined);
  }

  /** The owner is told before it returns. */
  end({ code, message, temporary }: Failure): void {
    if (this.#ended) return;
    const socket = this.#socket;
    this.#end(code, message);
    // After something went wrong nobody may be there for a closing handshake.
    if (temporary === true) socket.terminate?.();
    socket.close();
  }

  #flush(): void {
    const batch = this.#batch;
    if (this.#ended || batch.length === 0) return;
    this.#batch = [];
    this.#length = 0;
    this.#socket.send(this.#context.codec.join(batch));
  }

  #receive(data: unknown): void {
    if (this.#ended) return;
    this.#heardMs = this.#context.clock.now();
    try {
      for (const reply of this.#context.codec.decode(data)) this.#take(reply);
    } catch (cause) {
      this.#owner.failed(new SluiceError(FAILURES.frame, { cause }));
      this.end(FAILURES.frame);
    }
  }

  #take(reply: Reply): void {
    // What came before it in the frame may have ended the link.
    if (this.#ended) return;
    const { id, push } = reply;
    if (id !== undefined) {
      const pending = this.#pending.get(id);
      pending?.alarm.cancel();
      this.#pending.delete(id);
      pending?.done(reply);
    } else if (push !== undefined) {
      this.#owner.pushed(push);
    } else if (this.#pongs) {
      this.write(this.#context.codec.encode({}));
    }
  }

  #end(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#isOpen = false;
    this.#alarm.cancel();
    for (const { alarm } of this.#pending.values()) alarm.cancel();
    const comesBack = this.#owner.ended(code, reason);
    // What is too large will be too large again.
    const temporary = comesBack && code !== TOO_LARGE;
    const message = `${FAILURES.lost.message}: ${code} ${reason}`;
    for (const { isCall, done } of this.#pending.values()) {
      if (isCall) done({ error: { ...FAILURES.lost, message, temporary } });
    }
  }
}
