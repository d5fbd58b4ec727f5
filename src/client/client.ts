/** A connection to a gateway that stays: the SDK's face. Runs in browsers and in Node. */
import { Channel } from './channel.ts';
import { Connection } from './connection.ts';
import type { Listener } from './emitter.ts';
import { FAILURES, SluiceError } from './errors.ts';
import type { ClientEvents, ClientState } from './events.ts';
import type { CallOptions, ChannelOptions, ClientOptions } from './options.ts';
import { Subscription } from './subscription.ts';

// The entry `sluice/client`: all that its users need by name.
export { FAILURES, SluiceError } from './errors.ts';
export type { Channel } from './channel.ts';
export type { Chunk, Codec, Frame } from './codec.ts';
export type {
  ChannelEvents,
  ChannelState,
  ClientEvents,
  ClientInfo,
  ClientState,
  Connected,
  Gap,
  History,
  Position,
  Presence,
  PresenceStats,
  Publication,
  Reason,
  Subscribed,
  Unsubscribed,
} from './events.ts';
export type {
  CallOptions,
  ChannelOptions,
  ClientOptions,
  Delta,
  GetToken,
  HistoryOptions,
} from './options.ts';
export type { Page } from './page.ts';
export type { Socket, SocketClass } from './socket.ts';

/**
 * Connecting goes on by itself for as long as it may succeed. `T` in methods is the type of what the
 * gateway gives, on the word of the caller.
 */
export class Client {
  readonly #connection: Connection;
  readonly #channels = new Map<string, Channel<never>>();

  constructor(url: string, options: ClientOptions = {}) {
    this.#connection = new Connection(url, options);
  }

  get state(): ClientState {
    return this.#connection.state;
  }

  /** The function it returns takes the listener away again. */
  on<Name extends keyof ClientEvents>(
    name: Name,
    listener: Listener<ClientEvents[Name]>,
  ): () => void {
    return this.#connection.events.on(name, listener);
  }

  /**
   * Resolves when it is connected, which may take until a gateway can be reached.
   * @throws {SluiceError} by rejection: what the gateway refused it with or closed it for, if
   * that is final; `socket` when there is no WebSocket, or it takes no such URL; `disconnected` and
   * `closed` when that came first.
   */
  connect(): Promise<void> {
    return this.#connection.connect();
  }

  /** At once. Channels stay as they are, and go on after the next `connect()`. */
  disconnect(): void {
    this.#connection.stop('disconnected', new SluiceError(FAILURES.disconnected));
  }

  /** For good, and at once: every promise is settled, every `for await` ended, no timer left. */
  close(): void {
    this.#connection.stop('closed', new SluiceError(FAILURES.closed));
  }

  /**
   * The channel of that name: the same one each time, with the options of the first time, until it
   * is closed.
   */
  channel<T = unknown>(name: string, options: ChannelOptions = {}): Channel<T> {
    return this.#channels.get(name) ?? this.#open(name, options);
  }

  /**
   * Resolves when the gateway has taken it. No subscription is needed, unless the channel's rules
   * ask for one.
   * @throws {SluiceError} by rejection. After `lost` and `timeout` it may have been published all
   * the same; it is never sent twice.
   */
  async publish(channel: string, data: unknown, options: CallOptions = {}): Promise<void> {
    await this.#connection.call('publish', { channel, data }, options);
  }

  /** @throws {SluiceError} by rejection, what the backend refused it with among them. */
  async rpc<T = unknown>(method: string, data?: unknown, options: CallOptions = {}): Promise<T> {
    const { rpc } = await this.#connection.call('rpc', { method, data }, options);
    if (rpc === undefined) throw new SluiceError(FAILURES.frame);
    return rpc.data;
  }

  /** A message to the backend that wants no answer. Resolves when it was handed to the WebSocket. */
  async send(data: unknown, options: CallOptions = {}): Promise<void> {
    await this.#connection.call('send', { data }, options);
  }

  #open(name: string, options: ChannelOptions): Channel<never> {
    const connection = this.#connection;
    if (connection.state === 'closed') throw new SluiceError(FAILURES.closed);
    const subscription = new Subscription(name, connection, options);
    const channel = new Channel<never>(subscription, connection, () => {
      // It may be closed twice, and another may have its name by then.
      if (this.#channels.get(name) !== channel) return;
      this.#channels.delete(name);
      connection.subscriptions.delete(name);
    });
    connection.subscriptions.set(name, subscription);
    this.#channels.set(name, channel);
    return channel;
  }
}
