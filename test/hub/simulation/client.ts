/** A client with the memory of an SDK, that believes nothing it is told without checking it. */
import { applyDelta } from 'fossil-delta';
import type { ChannelName } from '../../../src/channel/name.ts';
import type { Rules } from '../../../src/channel/rules.ts';
import { jsonCodec } from '../../../src/protocol/json.ts';
import { openSession } from '../../../src/session/open.ts';
import type { Session } from '../../../src/session/session.ts';
import type { Sent, Transport } from '../../../src/session/transport.ts';
import type { Backend, Place } from './backend.ts';
import { Violation, violated } from './backend.ts';
import type { Gateway } from './gateway.ts';
import { rulesOf } from './plan.ts';

const codec = jsonCodec({ depthMax: 64 });
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The codes a client may be closed with here: it was too slow, or its place was lost. */
const EXPECTED_CLOSES = new Set([3008, 3010]);

/** The socket of one connection. A slow one keeps what it is given until it is drained. */
class Socket implements Transport {
  readonly #receive: (frame: Uint8Array) => void;
  readonly #closed: (code: number) => void;
  slow = false;
  isClosed = false;
  readonly #frames: Uint8Array[] = [];
  /** A send was answered with `buffered`, and not followed by a drain yet. */
  #owesDrain = false;

  constructor(receive: (frame: Uint8Array) => void, closed: (code: number) => void) {
    this.#receive = receive;
    this.#closed = closed;
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }

  send(frame: Uint8Array): Sent {
    if (this.isClosed) return 'refused';
    if (!this.slow && this.isEmpty) {
      this.#receive(frame);
      return 'sent';
    }
    this.#frames.push(frame);
    this.#owesDrain = true;
    return 'buffered';
  }

  buffered(): number {
    return this.isClosed ? 0 : this.#frames.reduce((sum, frame) => sum + frame.length, 0);
  }

  close(code: number): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#read(Infinity);
    this.#closed(code);
  }

  /** What is on its way is gone, and nothing more is taken. */
  die(): void {
    this.isClosed = true;
    this.#frames.length = 0;
  }

  /** The client takes some frames. True when that was all, and the session is to hear of it. */
  drain(frames: number): boolean {
    this.#read(frames);
    if (!this.isEmpty || !this.#owesDrain) return false;
    this.#owesDrain = false;
    return true;
  }

  #read(frames: number): void {
    for (const frame of this.#frames.splice(0, frames)) this.#receive(frame);
  }
}

interface WirePublication {
  readonly offset?: number;
  readonly epoch?: string;
  readonly data: unknown;
  readonly delta?: boolean;
}

interface WireResult {
  readonly recovered?: boolean;
  readonly was_recovering?: boolean;
  readonly offset?: number;
  readonly epoch?: string;
  readonly publications?: readonly WirePublication[];
  readonly delta?: boolean;
}

interface WireMessage {
  readonly id?: number;
  readonly error?: { readonly code: number };
  readonly subscribe?: WireResult;
  readonly push?: WirePush;
}

interface WirePush {
  readonly channel: string;
  readonly pub?: WirePublication;
  readonly unsubscribe?: { readonly code: number };
}

/** A subscribe that is not answered yet. */
interface Asked {
  readonly id: number;
  readonly recover: boolean;
  /** Where the stream was then. */
  readonly top: number;
  readonly epoch: string;
}

/** What a client knows of one channel, and keeps when its connection is cut. */
class Desk implements Place {
  readonly channel: ChannelName;
  readonly rules: Rules;
  state: 'out' | 'asking' | 'in' = 'out';
  offset = 0;
  epoch = '';
  /** Whether it has a place to go on from. */
  placed = false;
  asked: Asked | null = null;
  /** Unsubscribes that are not answered yet: until then what comes is of a subscription before. */
  readonly leaving = new Set<number>();
  delta = false;
  base: Uint8Array | null = null;

  constructor(channel: ChannelName, rules: Rules) {
    this.channel = channel;
    this.rules = rules;
  }

  /** The connection is gone. */
  forget(): void {
    this.asked = null;
    this.base = null;
    this.leaving.clear();
    if (this.state === 'in') this.state = 'asking';
  }
}

export class Client {
  readonly #name: string;
  readonly #backend: Backend;
  readonly #desks: readonly Desk[];
  readonly #wantsDelta: boolean;
  #gateway = '';
  #session: Session | null = null;
  #socket: Socket | null = null;
  #id = 0;
  /** Replies that must come, by id. */
  readonly #owed = new Set<number>();

  constructor(backend: Backend, name: string, wantsDelta: boolean) {
    this.#backend = backend;
    this.#name = name;
    this.#wantsDelta = wantsDelta;
    this.#desks = backend.plan.channels.map((one) => new Desk(one, rulesOf(one)));
  }

  /** It is connected and in every channel, and waits for nothing. */
  get isQuiet(): boolean {
    const settled = this.#desks.every(({ state }) => state === 'in');
    return settled && this.#owed.size === 0 && this.#socket?.isEmpty === true;
  }

  connect(gateway: Gateway): void {
    if (this.#session !== null) return;
    const socket = new Socket(
      (frame) => this.#receive(frame),
      (code) => this.#closed(socket, code),
    );
    const origin = { headers: new Map<string, string>(), remoteAddress: '' };
    this.#socket = socket;
    this.#gateway = gateway.name;
    this.#session = openSession(gateway.services, { transport: socket, codec, origin });
    // As the SDKs do: the connect and all subscribes in one frame.
    const asking = this.#desks.filter(({ state }) => state === 'asking');
    const connect = this.#line({ connect: {} });
    this.#send([connect, ...asking.map((desk) => this.#subscribeLine(desk))]);
  }

  /** The line dies: what was on its way to the client is gone. The session hears of it `later`. */
  cut(later: (funeral: () => void) => void): void {
    const session = this.#session;
    if (session === null) return;
    this.#backend.note(() => `${this.#name} is cut off`);
    this.#socket?.die();
    this.#forget();
    later(() => session.closed(1006));
  }

  slowDown(slow: boolean): void {
    if (this.#socket !== null) this.#socket.slow = slow;
  }

  drain(frames: number): void {
    const session = this.#session;
    if (this.#socket?.drain(frames) === true && session === this.#session) session?.drained();
  }

  subscribe(pick: number): void {
    const desk = this.#pick(pick);
    if (desk.state !== 'out') return;
    desk.state = 'asking';
    if (this.#session !== null) this.#send([this.#subscribeLine(desk)]);
  }

  /** Asks again for what was refused for now. */
  retry(): void {
    for (const desk of this.#desks) {
      if (desk.state === 'asking' && desk.asked === null && this.#session !== null) {
        this.#send([this.#subscribeLine(desk)]);
      }
    }
  }

  unsubscribe(pick: number): void {
    const desk = this.#pick(pick);
    if (desk.state === 'out') return;
    desk.state = 'out';
    desk.asked = null;
    if (this.#session === null) return;
    const line = this.#line({ unsubscribe: { channel: desk.channel } });
    desk.leaving.add(this.#id);
    this.#send([line]);
  }

  /** It wants everything. */
  subscribeAll(): void {
    for (const at of this.#desks.keys()) this.subscribe(at);
    this.retry();
  }

  /** When all is quiet: it has all there is. */
  checkComplete(): void {
    for (const desk of this.#desks) {
      const { channel, epoch, offset } = desk;
      const stream = this.#backend.streamOf(channel);
      // Without a publication since then it had no way to learn of another life.
      if (offset === stream.top && this.#backend.leadsTo(desk, stream.epoch)) continue;
      const where = `${this.#name} is at ${offset} of ${epoch} in ${channel}`;
      violated(`${where}, which is at ${stream.top} of ${stream.epoch}`);
    }
  }

  #pick(pick: number): Desk {
    return this.#desks[pick % this.#desks.length] ?? violated('there are desks');
  }

  #line(command: object): string {
    this.#id += 1;
    this.#owed.add(this.#id);
    return JSON.stringify({ id: this.#id, ...command });
  }

  #subscribeLine(desk: Desk): string {
    const { channel, offset, epoch } = desk;
    const recover = desk.placed;
    const line = this.#line({
      subscribe: {
        channel,
        recoverable: true,
        positioned: true,
        ...(recover ? { recover, offset, epoch } : {}),
        ...(this.#wantsDelta ? { delta: 'fossil' } : {}),
      },
    });
    const { top, epoch: life } = this.#backend.streamOf(channel);
    desk.asked = { id: this.#id, recover, top, epoch: life };
    return line;
  }

  #send(lines: readonly string[]): void {
    this.#backend.note(() => `${this.#name} sends ${lines.join(' ')}`);
    this.#session?.receive(encoder.encode(lines.join('\n')));
  }

  /** The session has closed it. */
  #closed(socket: Socket, code: number): void {
    if (this.#socket !== socket) return;
    this.#backend.note(() => `${this.#name} is closed with ${code}`);
    const session = this.#session;
    this.#forget();
    if (!EXPECTED_CLOSES.has(code)) {
      this.#backend.blame(new Violation(`${this.#name} was closed with ${code}`));
    }
    // As the edges do: not within the session's own call.
    queueMicrotask(() => session?.closed(code));
  }

  #forget(): void {
    this.#session = null;
    this.#socket = null;
    this.#owed.clear();
    for (const desk of this.#desks) desk.forget();
  }

  #receive(frame: Uint8Array): void {
    const text = decoder.decode(frame);
    this.#backend.note(() => `${this.#name} reads ${text.replaceAll('\n', ' ')}`);
    try {
      for (const line of text.split('\n')) {
        const message = JSON.parse(line) as WireMessage;
        if (message.push !== undefined) this.#heard(message.push);
        else this.#answered(message);
      }
    } catch (error) {
      // A transport never throws.
      this.#backend.blame(error);
    }
  }

  #answered({ id = 0, error, subscribe }: WireMessage): void {
    if (!this.#owed.delete(id)) violated(`${this.#name} got a second reply to ${id}`);
    for (const { leaving } of this.#desks) leaving.delete(id);
    const desk = this.#desks.find(({ asked }) => asked?.id === id);
    if (desk === undefined || desk.asked === null) return;
    const { asked } = desk;
    desk.asked = null;
    if (error !== undefined) {
      const { outages, returns } = this.#backend;
      const excused = error.code === 100 && outages + returns > 0;
      if (!excused) violated(`${this.#name} got error ${error.code}`);
      return;
    }
    if (subscribe === undefined) violated(`${this.#name} got no result`);
    this.#checkResult(desk, asked, subscribe);
    this.#begin(desk, subscribe);
  }

  #checkResult(desk: Desk, asked: Asked, result: WireResult): void {
    const recovered = result.recovered === true;
    if ((result.was_recovering === true) !== asked.recover) violated('was_recovering is wrong');
    if (recovered && !asked.recover) violated(`${this.#name} recovered without having asked`);
    if (!recovered && result.publications !== undefined) violated('publications unasked');
    if (asked.recover && !recovered && this.#couldRecover(desk, asked)) {
      violated(`${this.#name} could have recovered ${desk.channel} from ${desk.offset}`);
    }
  }

  #begin(desk: Desk, result: WireResult): void {
    const { publications = [] } = result;
    if (result.recovered === true && desk.rules.recovery === 'stream') this.#goOn(desk, result);
    else this.#goTo(desk, result);
    desk.state = 'in';
    desk.placed = true;
    desk.delta = result.delta === true;
    desk.base = null;
    for (const publication of publications) this.#take(desk, publication);
  }

  /** From where it was. */
  #goOn(desk: Desk, { epoch = '', offset = 0 }: WireResult): void {
    if (!this.#backend.leadsTo(desk, epoch)) violated(`recovered ${desk.epoch} in ${epoch}`);
    const { witnesses } = this.#backend.streamOf(desk.channel);
    // Others cannot know whether more was published in it than is left.
    if (epoch !== desk.epoch && witnesses.get(desk.epoch)?.has(this.#gateway) !== true) {
      violated(`${this.#gateway} vouched for ${desk.epoch}, and did not hear its end`);
    }
    if (offset !== desk.offset) violated(`recovered from ${offset}, not ${desk.offset}`);
    desk.epoch = epoch;
  }

  /** To where the channel is. */
  #goTo(desk: Desk, { epoch = '', offset = 0, publications }: WireResult): void {
    const top = this.#backend.streamOf(desk.channel).all.get(epoch)?.length ?? 0;
    if (offset > top) violated(`joined at ${offset} of ${top} in ${epoch}`);
    // The publication that comes with a cache is the one at the place.
    desk.offset = publications === undefined ? offset : offset - 1;
    desk.epoch = epoch;
  }

  /** Whether there was nothing that made it impossible. */
  #couldRecover(desk: Desk, asked: Asked): boolean {
    const { recoveryMax, heldMax } = this.#backend.plan;
    const { top, kept, epoch } = this.#backend.streamOf(desk.channel);
    // Of another life it can depend on whom it asks.
    if (asked.epoch !== epoch || desk.epoch !== epoch) return false;
    const isCache = desk.rules.recovery === 'cache';
    if (isCache && kept.length === 0) return false;
    const few = isCache || top - desk.offset <= recoveryMax;
    // What comes while the history is read has to be held.
    return few && top - asked.top <= heldMax && this.#backend.isKept(desk);
  }

  #heard({ channel, pub, unsubscribe }: WirePush): void {
    const desk = this.#desks.find((one) => one.channel === channel);
    if (desk === undefined) violated(`push of ${channel}`);
    if (desk.leaving.size > 0) return;
    if (desk.state !== 'in') violated(`${this.#name} is not in ${channel}, and heard of it`);
    if (pub !== undefined) this.#take(desk, pub);
    else if (unsubscribe !== undefined) this.#lost(desk, unsubscribe.code);
  }

  #lost(desk: Desk, code: number): void {
    if (code !== 2500) violated(`${this.#name} was unsubscribed with ${code}`);
    const { outages, past, plan } = this.#backend;
    // What comes while a slow reader catches up has to be held.
    const few = this.#backend.streamOf(desk.channel).top - desk.offset <= plan.heldMax;
    if (outages === 0 && past === 0 && few && this.#backend.isKept(desk)) {
      violated(`${this.#name} lost ${desk.channel} without need`);
    }
    desk.state = 'asking';
  }

  #take(desk: Desk, publication: WirePublication): void {
    const { channel } = desk;
    const { offset = 0, epoch = desk.epoch } = publication;
    const text = this.#textOf(desk, publication);
    if (offset === 0) return;
    const next = desk.offset + 1;
    const may = desk.rules.slowConsumer === 'latest' ? offset >= next : offset === next;
    if (!may) violated(`${this.#name}: ${offset} of ${channel} came where ${next} was next`);
    if (text !== this.#backend.streamOf(channel).textOf(epoch, offset)) {
      violated(`${this.#name}: ${offset} of ${channel} in ${epoch} says ${text}`);
    }
    desk.offset = offset;
    desk.epoch = epoch;
  }

  #textOf(desk: Desk, { data, delta }: WirePublication): string {
    if (!desk.delta) return JSON.stringify(data);
    const bytes = encoder.encode(String(data));
    if (delta === true && desk.base === null) violated(`${this.#name} got a delta to nothing`);
    desk.base = delta === true && desk.base !== null ? applyDelta(desk.base, bytes) : bytes;
    return decoder.decode(desk.base);
  }
}
