/** A gateway without an edge: real organs and sessions, and transports in the test's hands. */
import { setImmediate } from 'node:timers/promises';
import { signToken } from '../../src/auth/sign.ts';
import type { Draft } from '../../src/channel/publication.ts';
import { channelNameOf } from '../../src/channel/name.ts';
import { historyOf } from '../../src/channel/rules.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { ConfigInput, NamespaceInput } from '../../src/config/input.ts';
import type { Hooks } from '../../src/hooks/hooks.ts';
import { Json } from '../../src/kernel/data.ts';
import type { Organs } from '../../src/organs.ts';
import { buildOrgans } from '../../src/organs.ts';
import type { Codec } from '../../src/protocol/codec.ts';
import { jsonCodec } from '../../src/protocol/json.ts';
import { msgpackCodec } from '../../src/protocol/msgpack.ts';
import { Unpacker } from '../../src/protocol/unpack.ts';
import { openSession } from '../../src/session/open.ts';
import type { Services } from '../../src/session/services.ts';
import type { Session } from '../../src/session/session.ts';
import type { Sent, Transport } from '../../src/session/transport.ts';
import { ManualClock } from '../support/clock.ts';
import { KeptLog } from '../support/log.ts';

export const SECRET = 'the-secret-of-the-tests';
export const json = jsonCodec({ depthMax: 64 });
export const msgpack = msgpackCodec({ depthMax: 64 });

/** A namespace where everyone may do everything. */
export const OPEN: NamespaceInput = {
  subscribe: 'anonymous',
  publish: 'anonymous',
  presence: true,
  presenceAccess: 'anonymous',
  joinLeave: true,
};
export const KEPT: NamespaceInput = {
  ...OPEN,
  history: { size: 100, ttl: '5m' },
  recovery: true,
  historyAccess: 'anonymous',
};

// oxlint-disable-next-line typescript/no-explicit-any
export type Message = Record<string, any>;

export function token(claims: Message): Promise<string> {
  return signToken(claims, { secret: SECRET });
}

/** The end of a turn, and of what it set off: promises, and the frames of the next turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
}

/** Something that takes its time without a clock of ours: the check of a signature. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await setImmediate();
  }
}

/** Bytes go to the client at once, until it is told to be slow. */
export class FakeTransport implements Transport {
  /** What the client has read. */
  readonly frames: Uint8Array[] = [];
  readonly closes: { readonly code: number; readonly reason: string }[] = [];
  receiver: Session | null = null;
  slow = false;
  /** Takes nothing more, and nobody has noticed yet. */
  dead = false;
  /** Called with each frame that is sent, before it is. */
  onSend: (() => void) | null = null;
  readonly #queue: Uint8Array[] = [];
  #owesDrain = false;

  get isClosed(): boolean {
    return this.closes.length > 0;
  }

  send(frame: Uint8Array): Sent {
    this.onSend?.();
    if (this.isClosed || this.dead) return 'refused';
    if (!this.slow && this.#queue.length === 0) {
      this.frames.push(frame);
      return 'sent';
    }
    this.#queue.push(frame);
    this.#owesDrain = true;
    return 'buffered';
  }

  buffered(): number {
    return this.isClosed ? 0 : this.#queue.reduce((sum, frame) => sum + frame.length, 0);
  }

  /** The client reads all there is, and may stay slow. */
  drain(stays = false): void {
    this.slow = stays;
    this.frames.push(...this.#queue.splice(0));
    if (!this.#owesDrain || this.isClosed) return;
    this.#owesDrain = false;
    this.receiver?.drained();
  }

  /** The client reads one frame, and the transport tells of that bit of progress. */
  sip(): void {
    this.frames.push(...this.#queue.splice(0, 1));
    if (!this.isClosed) this.receiver?.drained();
  }

  close(code: number, reason: string): void {
    if (this.isClosed) return;
    this.closes.push({ code, reason });
    this.frames.push(...this.#queue.splice(0));
    queueMicrotask(() => this.receiver?.closed(code));
  }
}

export class Peer {
  readonly session: Session;
  readonly transport = new FakeTransport();
  readonly #codec: Codec;
  #id = 0;

  constructor(services: Services, codec: Codec) {
    this.#codec = codec;
    const origin = { headers: new Map([['x-test', 'yes']]), remoteAddress: '10.0.0.1' };
    this.session = openSession(services, { transport: this.transport, codec, origin });
    this.transport.receiver = this.session;
  }

  /** What was read so far, message by message. */
  get messages(): Message[] {
    return this.transport.frames.flatMap((frame) => messagesOf(this.#codec, frame));
  }

  get pushes(): Message[] {
    return this.messages.flatMap(({ push }) => (push === undefined ? [] : [push as Message]));
  }

  /** The data that came by a channel, apart from what a reply to a subscribe brought. */
  heard(channel = 'room'): unknown[] {
    return this.pushes.flatMap((push) =>
      push['pub'] !== undefined && push['channel'] === channel ? [push['pub'].data] : [],
    );
  }

  get closedWith(): number | null {
    return this.transport.closes[0]?.code ?? null;
  }

  raw(text: string | Uint8Array): void {
    this.session.receive(typeof text === 'string' ? new TextEncoder().encode(text) : text);
  }

  /** Sends commands in one frame; gives the id of the first. */
  send(...commands: readonly Message[]): number {
    const first = this.#id + 1;
    const lines = commands.map((command) => {
      if ('send' in command || Object.keys(command).length === 0) return command;
      this.#id += 1;
      return { id: this.#id, ...command };
    });
    this.raw(lines.map((line) => JSON.stringify(line)).join('\n'));
    return first;
  }

  replyTo(id: number): Message | undefined {
    const replies = this.messages.filter((message) => message['id'] === id);
    if (replies.length > 1) throw new Error(`${replies.length} replies to ${id}`);
    return replies[0];
  }

  /** The one reply to a command, once it is there. */
  async ask(command: Message): Promise<Message> {
    const id = this.send(command);
    await until(
      () => this.replyTo(id) !== undefined || this.transport.isClosed,
      `a reply to ${id}`,
    );
    await settle();
    return this.replyTo(id) ?? { closed: this.closedWith };
  }

  async connect(set: Message = {}): Promise<Message> {
    return this.ask({ connect: set });
  }

  async subscribe(channel = 'room', set: Message = {}): Promise<Message> {
    return this.ask({ subscribe: { channel, ...set } });
  }

  /** The line is cut. */
  cut(code = 1006): void {
    if (!this.transport.isClosed) this.transport.closes.push({ code, reason: '' });
    this.session.closed(code);
  }
}

function messagesOf(codec: Codec, frame: Uint8Array): Message[] {
  if (codec.name === 'json') {
    return new TextDecoder()
      .decode(frame)
      .split('\n')
      .map((line) => JSON.parse(line) as Message);
  }
  const unpacker = new Unpacker(frame, 64);
  const messages: Message[] = [];
  while (unpacker.position < frame.length) messages.push(unpacker.message() as Message);
  return messages;
}

export interface Rig extends Organs {
  readonly clock: ManualClock;
  readonly log: KeptLog;
  readonly open: (codec?: Codec) => Peer;
  /** Open, connected, and known. */
  readonly connected: (set?: Message, codec?: Codec) => Promise<Peer>;
  readonly publish: (data: unknown, channel?: string, set?: Partial<Draft>) => Promise<void>;
  /** What is left of connections, by where; nothing, where everything is given back. */
  readonly leftovers: () => Promise<Record<string, number>>;
  /** Errors of our own that were logged. */
  readonly faults: () => unknown[];
  /** How often something was counted. */
  readonly count: (name: string, label?: string) => number;
}

export interface Given extends Omit<ConfigInput, 'hooks'> {
  readonly hooks?: Hooks;
  readonly random?: () => number;
  /** False: the server sends none, so that a test of other times need not answer them. */
  readonly pings?: boolean;
  /** Puts something between sessions and their organs. */
  readonly around?: (services: Services) => Services;
}

export function gateway(given: Given = {}): Rig {
  const { hooks = {}, random = () => 0, pings = true, around = (same) => same, ...input } = given;
  const config = parseConfig(
    {
      anonymous: true,
      tokens: { hmacSecret: SECRET },
      namespaces: { default: KEPT },
      ...input,
    },
    {
      connect: hooks.connect !== undefined,
      subscribe: hooks.subscribe !== undefined,
      publish: hooks.publish !== undefined,
    },
  );
  const clock = new ManualClock();
  const log = new KeptLog();
  const organs = buildOrgans(config, { hooks, clock, log, random, version: 'test' });
  const { settings } = organs.services;
  const services = around({
    ...organs.services,
    settings: pings ? settings : { ...settings, pingIntervalMs: 0 },
  });
  const { hub, roster, meters, wheel, sharing } = organs;
  const open = (codec: Codec = json): Peer => new Peer(services, codec);
  return {
    ...organs,
    services,
    clock,
    log,
    open,
    connected: async (set = {}, codec = json) => {
      const peer = open(codec);
      const reply = await peer.connect(set);
      if (reply['connect'] === undefined) throw new Error(JSON.stringify(reply));
      return peer;
    },
    publish: async (data, channel = 'room', set = {}) => {
      const name = channelNameOf(channel, 255);
      const rules = services.rulesOf(name);
      const draft = { data: Json.of(data), info: null, tags: null, event: null, wantsDelta: true };
      await sharing.broker.publish(
        name,
        { ...draft, ...set },
        {
          history: rules === null ? null : historyOf(rules),
          idempotencyKey: '',
          version: 0,
          versionEpoch: '',
        },
      );
    },
    leftovers: async () => {
      await settle();
      const members = await sharing.presence.stats(channelNameOf('room', 255));
      // Streams outlive those who listened to them, for a day and a bit.
      clock.advance(2 * 86_400_000);
      await settle();
      const left = {
        feeds: hub.size,
        sessions: roster.size,
        users: roster.users,
        members: members.clients,
        timed: wheel.size,
      };
      return Object.fromEntries(Object.entries(left).filter(([, count]) => count > 0));
    },
    faults: () => log.of('error').map(({ fields }) => fields),
    count: (name, label) => meters.count(name, label),
  };
}

export function numbers(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

/** Who subscribes to any channel but `room` waits before it is joined. */
export function heldBack(gate: Gate): (services: Services) => Services {
  return (services) => {
    const { presence } = services;
    return {
      ...services,
      presence: {
        add: async (channel, info) => {
          await presence.add(channel, info);
          if (channel !== 'room') await gate.pass();
        },
        announce: (channel, info) => presence.announce(channel, info),
        remove: (channel, info) => presence.remove(channel, info),
        members: (channel, membersMax) => presence.members(channel, membersMax),
        stats: (channel) => presence.stats(channel),
        close: () => presence.close(),
      },
    };
  };
}

/** Something that is waited for until the test lets it go on. */
export class Gate {
  readonly signals: AbortSignal[] = [];
  readonly #waiting: PromiseWithResolvers<void>[] = [];

  /** How many wait. */
  get size(): number {
    return this.#waiting.length;
  }

  pass(signal?: AbortSignal): Promise<void> {
    if (signal !== undefined) this.signals.push(signal);
    const waiting = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  open(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
