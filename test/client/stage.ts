/** A client with a network and a time that only move when a test says so. */
import { onTestFinished } from 'vitest';
import type { Channel } from '../../src/client/channel.ts';
import { Client } from '../../src/client/client.ts';
import type { Frame } from '../../src/client/codec.ts';
import type { ChannelEvents, ClientEvents } from '../../src/client/events.ts';
import type { ClientOptions } from '../../src/client/options.ts';
import type { Socket, SocketClass } from '../../src/client/socket.ts';
import { ManualClock } from '../support/clock.ts';

export type Message = Record<string, Record<string, unknown> | undefined> & {
  readonly id?: number;
};

/** The other end of one WebSocket. */
export class FakeSocket implements Socket {
  binaryType = 'blob';
  readonly url: string;
  readonly protocols: readonly string[];
  /** What the client sent, frame by frame. */
  readonly frames: string[] = [];
  isOpen = false;
  /** The client has closed it. */
  isClosed = false;
  readonly #listeners = new Map<string, ((event: never) => void)[]>();

  constructor(url: string, protocols: readonly string[] = []) {
    this.url = url;
    this.protocols = protocols;
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(data: Frame): void {
    if (!this.isOpen) throw new Error('sent before it is open');
    this.frames.push(String(data));
  }

  close(): void {
    this.isClosed = true;
  }

  /** All commands and pongs. */
  get commands(): Message[] {
    return this.frames.flatMap((frame) =>
      frame.split('\n').map((line): Message => JSON.parse(line)),
    );
  }

  /** The last command of that name. */
  last(name: string): Message {
    const command = this.commands.findLast((one) => one[name] !== undefined);
    if (command === undefined) throw new Error(`no ${name} was sent`);
    return command;
  }

  count(name: string): number {
    return this.commands.filter((one) => one[name] !== undefined).length;
  }

  open(): void {
    this.isOpen = true;
    this.#dispatch('open', {});
  }

  /** The messages of one frame. */
  say(...messages: readonly object[]): void {
    this.sayRaw(messages.map((message) => JSON.stringify(message)).join('\n'));
  }

  sayRaw(data: unknown): void {
    this.#dispatch('message', { data });
  }

  /** Answers the last command of that name. */
  answer(name: string, result: object = {}): void {
    this.say({ id: this.last(name).id, [name]: result });
  }

  refuse(name: string, code: number, temporary?: boolean): void {
    this.say({ id: this.last(name).id, error: { code, message: `error ${code}`, temporary } });
  }

  push(push: object): void {
    this.say({ push });
  }

  /** The connection ends from the other side. */
  drop(code = 1006, reason = ''): void {
    this.isOpen = false;
    this.#dispatch('close', { code, reason });
  }

  #dispatch(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

export interface Stage {
  readonly client: Client;
  readonly clock: ManualClock;
  readonly sockets: FakeSocket[];
  /** The latest one. */
  readonly socket: () => FakeSocket;
  /** Opens the latest socket and lets it answer the connect. */
  readonly accept: (result?: object) => Promise<FakeSocket>;
}

/** Until everything that does not wait for time or network has happened. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Random numbers are 0 unless the options say otherwise: every delay is the shortest. */
export function stage(options: ClientOptions = {}): Stage {
  const clock = new ManualClock();
  const sockets: FakeSocket[] = [];
  class WebSocket extends FakeSocket {
    constructor(url: string, protocols?: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const offered: SocketClass = WebSocket;
  const client = new Client('ws://gateway', {
    WebSocket: offered,
    clock,
    random: () => 0,
    ...options,
  });
  onTestFinished(() => client.close());
  const socket = (): FakeSocket => {
    const latest = sockets.at(-1);
    if (latest === undefined) throw new Error('no socket was opened');
    return latest;
  };
  return {
    client,
    clock,
    sockets,
    socket,
    async accept(result = {}) {
      const latest = socket();
      latest.open();
      await settled();
      latest.answer('connect', { client: 'c1', version: '1', ...result });
      await settled();
      return latest;
    },
  };
}

type EventName = keyof ClientEvents | keyof ChannelEvents<never>;

/** Remembers what is emitted of `names`, in order. */
export function listen(
  to: Client | Channel<never> | Channel<number>,
  ...names: EventName[]
): [EventName, unknown][] {
  const heard: [EventName, unknown][] = [];
  const on: (name: never, listener: (event: unknown) => void) => unknown = to.on.bind(to);
  for (const name of names) on(name as never, (event) => heard.push([name, event]));
  return heard;
}

/** What a promise was rejected with; fails when it was not. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => Promise.reject(new Error(`resolved with ${JSON.stringify(value)}`)),
    (error: unknown) => error,
  );
}
