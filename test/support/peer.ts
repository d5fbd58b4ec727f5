/** A plain client of the protocol, in either encoding: it says what a test wants, and keeps what it hears. */
import { Packr } from 'msgpackr';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';

/** A message as it travels. */
export type Message = Readonly<Record<string, unknown>>;

/** A reply, with the part that a test looks at. */
export interface Answer extends Message {
  readonly id: number;
  readonly error?: { readonly code: number; readonly message: string };
}

export interface Pub {
  readonly data: unknown;
  readonly offset?: number;
  readonly info?: { readonly user: string; readonly client: string };
  readonly tags?: Readonly<Record<string, string>>;
}

export interface Ending {
  readonly code: number;
  readonly reason: string;
}

export type Encoding = 'json' | 'msgpack';

export interface PeerOptions extends ClientOptions {
  readonly encoding?: Encoding;
}

const PROTOCOLS = { json: [], msgpack: ['sluice-msgpack'] } as const;

const PATIENCE_MS = 10_000;

const packr = new Packr({ useRecords: false, variableMapSize: true, useToJSON: false });

interface Waiting {
  readonly holds: () => boolean;
  readonly settle: () => void;
}

export class Peer {
  readonly socket: WebSocket;
  readonly encoding: Encoding;
  /** All messages of the server, in order. */
  readonly heard: Message[] = [];
  /** How many of them came in each frame. */
  readonly frames: number[] = [];
  /** Whether there were binary frames, and whether there were others. */
  readonly kinds = new Set<'binary' | 'text'>();
  /** The lines of JSON as they came. */
  readonly lines: string[] = [];
  /** Null as long as it is open. */
  ending: Ending | null = null;
  readonly #waiting = new Set<Waiting>();
  #lastId = 0;

  private constructor(url: string, { encoding = 'json', ...options }: PeerOptions) {
    this.encoding = encoding;
    this.socket = new WebSocket(url, [...PROTOCOLS[encoding]], options);
    this.socket.on('message', (frame: Buffer, binary) => {
      this.kinds.add(binary ? 'binary' : 'text');
      this.#hear(frame);
    });
    this.socket.on('error', () => {});
    this.socket.on('close', (code, reason) => {
      this.ending = { code, reason: reason.toString() };
      this.#look();
    });
    onTestFinished(() => this.socket.terminate());
  }

  /** An open socket on which nothing was said. */
  static async open(url: string, options: PeerOptions = {}): Promise<Peer> {
    const peer = new Peer(url, options);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    peer.socket.once('open', resolve);
    peer.socket.once('error', reject);
    await promise;
    return peer;
  }

  /** A client that is connected. */
  static async connected(
    url: string,
    { connect = {}, ...options }: PeerOptions & { readonly connect?: Message } = {},
  ): Promise<Peer> {
    const peer = await Peer.open(url, options);
    try {
      const { error } = await peer.ask({ connect });
      if (error !== undefined) throw new Error(`not connected: ${error.message}`);
      return peer;
    } catch (error) {
      // Whoever called has nothing to end it by, and it may be answered yet.
      peer.cut();
      throw error;
    }
  }

  /** Sends the messages as one frame. */
  say(...messages: readonly Message[]): void {
    this.socket.send(frameOf(this.encoding, messages), { binary: this.encoding !== 'json' });
  }

  /** Sends commands as one frame, each with an id of its own, and gives the ids. */
  command(...commands: readonly Message[]): number[] {
    const numbered = commands.map((command) => ({ id: this.nextId(), ...command }));
    this.say(...numbered);
    return numbered.map(({ id }) => id);
  }

  /** Sends a command, and waits for its answer. */
  ask(command: Message): Promise<Answer> {
    const [id = 0] = this.command(command);
    return this.answer(id);
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  async answer(id: number): Promise<Answer> {
    const find = (): Message | undefined => this.heard.find((message) => message['id'] === id);
    await this.until(() => find() !== undefined, `the answer to ${id}`);
    return find() as Answer;
  }

  /** Subscribes, and gives the result. */
  async subscribe(channel: string, options: Message = {}): Promise<Message> {
    const { subscribe, error } = await this.ask({ subscribe: { channel, ...options } });
    if (error !== undefined) throw new Error(`not subscribed: ${error.message}`);
    return subscribe as Message;
  }

  /** Publishes, and waits for the answer. */
  async publish(channel: string, data: unknown): Promise<void> {
    const { error } = await this.ask({ publish: { channel, data } });
    if (error !== undefined) throw new Error(`not published: ${error.message}`);
  }

  /** What was pushed from a channel: publications, joins, leaves and ends, in order. */
  pushes(channel: string): Message[] {
    const all = this.heard.map(({ push }) => push as Message | undefined);
    return all.filter((push) => push?.['channel'] === channel) as Message[];
  }

  publications(channel: string): Pub[] {
    return this.pushes(channel).flatMap(({ pub }) => (pub === undefined ? [] : [pub as Pub]));
  }

  /** The data of the publications of a channel. */
  data(channel: string): unknown[] {
    return this.publications(channel).map((publication) => publication.data);
  }

  /** Waits for a condition, which is looked at whenever something comes. The text says what never came. */
  until(holds: () => boolean, what: string): Promise<void> {
    if (holds()) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#waiting.delete(waiting);
      const last = JSON.stringify(this.heard.slice(-3), bigints);
      const end = JSON.stringify(this.ending);
      reject(new Error(`still waiting: ${what}; ended ${end}, heard last ${last.slice(0, 400)}`));
    }, PATIENCE_MS);
    const waiting = {
      holds,
      settle: (): void => {
        clearTimeout(timer);
        resolve();
      },
    };
    this.#waiting.add(waiting);
    return promise;
  }

  /** How the server ends the connection. */
  async ended(): Promise<Ending> {
    await this.until(() => this.ending !== null, 'the end of the connection');
    return this.ending!;
  }

  /** Says goodbye, and waits for the end. */
  async leave(): Promise<void> {
    this.socket.close(1000);
    await this.ended();
  }

  /** Cuts the connection without a word. */
  cut(): void {
    this.socket.terminate();
  }

  #hear(frame: Buffer): void {
    const messages = this.encoding === 'json' ? this.#lines(frame) : unpack(frame);
    this.frames.push(messages.length);
    for (const message of messages) {
      this.heard.push(message);
      // A ping of the server.
      if (Object.keys(message).length === 0) this.say({});
    }
    this.#look();
  }

  #lines(frame: Buffer): Message[] {
    const lines = frame.toString().split('\n');
    this.lines.push(...lines);
    return lines.map((line) => JSON.parse(line) as Message);
  }

  #look(): void {
    for (const waiting of this.#waiting) {
      if (!waiting.holds()) continue;
      this.#waiting.delete(waiting);
      waiting.settle();
    }
  }
}

/** The messages as one frame. */
export function frameOf(encoding: Encoding, messages: readonly Message[]): Uint8Array {
  return encoding === 'json'
    ? Buffer.from(messages.map((message) => JSON.stringify(message)).join('\n'))
    : Buffer.concat(messages.map((message) => packr.pack(message)));
}

function unpack(frame: Buffer): Message[] {
  const messages: Message[] = [];
  packr.unpackMultiple(frame, (message) => {
    messages.push(message as Message);
  });
  return messages;
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}

/** The status and the words with which an upgrade is refused. */
export function refusedUpgrade(
  url: string,
  { protocols = [], ...options }: ClientOptions & { readonly protocols?: readonly string[] } = {},
): Promise<{ readonly status: number; readonly body: string }> {
  const socket = new WebSocket(url, [...protocols], options);
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  socket.on('error', () => {});
  socket.once('open', () => {
    socket.terminate();
    reject(new Error('the upgrade was not refused'));
  });
  socket.once('unexpected-response', (_request, response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      body += chunk;
    });
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
  });
  return promise;
}
