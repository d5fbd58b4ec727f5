/** A connection to a gateway that stays: the SDK's face. Runs in browsers and in Node. */
import type { Alarm } from '../kernel/clock.ts';
import { reconnects } from '../protocol/close.ts';
import { backoff } from './backoff.ts';
import { Calls } from './calls.ts';
import type { ChannelHost, ChannelSeat } from './channel.ts';
import { Channel } from './channel.ts';
import { CONNECTION_INVALIDATED, TOKEN_EXPIRED } from './codes.ts';
import type { Context } from './context.ts';
import { Deferred } from './deferred.ts';
import { Emitter } from './emitter.ts';
import type { Listener } from './emitter.ts';
import type { Failure } from './errors.ts';
import { FAILURES, SluiceError } from './errors.ts';
import type { ClientEvents } from './events.ts';
import { Link } from './link.ts';
import type { CallOptions, ChannelOptions, ClientOptions } from './options.ts';
import { settingsOf } from './options.ts';
import { reportError, watchPage } from './page.ts';
import { ServerStreams } from './server-streams.ts';
import { Token } from './token.ts';
import type {
  Body,
  CommandName,
  Reason,
  Reply,
  WireConnection,
  WireExpiry,
  WirePush,
} from './wire.ts';

export type ClientState = 'disconnected' | 'connecting' | 'connected' | 'closed';

/** The largest the protocol takes. */
const ID_MAX = 2 ** 32 - 1;

/**
 *     disconnected --connect()--> connecting --answer--> connected
 *       |     '-- disconnect(), refused --|'-- connection lost --'|
 *       '----------------------- close() -------------------------'--> closed
 *
 * Connecting goes on by itself for as long as it may succeed. `T` in methods is the type of what the
 * gateway gives, on the word of the caller.
 */
export class Client {
  readonly #url: string;
  readonly #options: ClientOptions;
  readonly #context: Context;
  readonly #events: Emitter<ClientEvents>;
  readonly #calls: Calls;
  readonly #token: Token;
  readonly #channels = new Map<string, ChannelSeat>();
  readonly #server: ServerStreams;
  #state: ClientState = 'disconnected';
  #link: Link | null = null;
  #ready = new Deferred();
  #retry: Alarm | null = null;
  #step = 0;
  #leavePage: () => void = () => undefined;
  #isReporting = false;

  /** @throws {SluiceError} `socket` when there is no WebSocket. */
  constructor(url: string, options: ClientOptions = {}) {
    let lastId = 0;
    const report = (error: unknown): void => this.#report(error);
    this.#url = url;
    this.#options = options;
    this.#context = {
      ...settingsOf(options),
      nextId: () => (lastId = (lastId % ID_MAX) + 1),
      report,
    };
    this.#events = new Emitter(report);
    this.#server = new ServerStreams(this.#events);
    this.#calls = new Calls(this.#context);
    this.#token = new Token(this.#context, '', options);
  }

  get state(): ClientState {
    return this.#state;
  }

  /** The function it returns takes the listener away again. */
  on<Name extends keyof ClientEvents>(
    name: Name,
    listener: Listener<ClientEvents[Name]>,
  ): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Resolves when it is connected, which may take until a gateway can be reached.
   * @throws {SluiceError} by rejection: what the gateway refused it with or closed it for, if
   * that is final, or `disconnected` and `closed` when that came first.
   */
  connect(): Promise<void> {
    if (this.#state === 'closed') return Promise.reject(new SluiceError(FAILURES.closed));
    const { promise } = this.#ready;
    if (this.#state === 'disconnected') {
      this.#state = 'connecting';
      this.#step = 0;
      this.#leavePage = watchPage(
        this.#context.page,
        () => this.#link?.end(FAILURES.network),
        () => this.#wake(),
      );
      this.#attempt();
      this.#tell('connecting', { code: 0, reason: 'connect called' });
    }
    return promise;
  }

  /** At once. Channels stay as they are, and go on after the next `connect()`. */
  disconnect(): void {
    this.#stop('disconnected', FAILURES.disconnected);
  }

  /** For good, and at once: every promise is settled, every `for await` ended, no timer left. */
  close(): void {
    this.#stop('closed', FAILURES.closed);
  }

  /**
   * The channel of that name: the same one each time, with the options of the first time, until it
   * is closed.
   */
  channel<T = unknown>(name: string, options: ChannelOptions = {}): Channel<T> {
    return this.#channels.get(name)?.channel ?? this.#seat(name, options);
  }

  /**
   * Resolves when the gateway has taken it. No subscription is needed, unless the channel's rules
   * ask for one.
   * @throws {SluiceError} by rejection. After `lost` and `timeout` it may have been published all
   * the same; it is never sent twice.
   */
  async publish(channel: string, data: unknown, options: CallOptions = {}): Promise<void> {
    await this.#call('publish', { channel, data }, options);
  }

  /** @throws {SluiceError} by rejection, what the backend refused it with among them. */
  async rpc<T = unknown>(method: string, data?: unknown, options: CallOptions = {}): Promise<T> {
    const { rpc } = await this.#call('rpc', { method, data }, options);
    if (rpc === undefined) throw new SluiceError(FAILURES.frame);
    return rpc.data;
  }

  /** A message to the backend that wants no answer. Resolves when it was handed to the WebSocket. */
  async send(data: unknown, options: CallOptions = {}): Promise<void> {
    await this.#call('send', { data }, options);
  }

  #seat(name: string, options: ChannelOptions): Channel<never> {
    if (this.#state === 'closed') throw new SluiceError(FAILURES.closed);
    const host: ChannelHost = {
      context: this.#context,
      link: () => (this.#link?.isOpen === true ? this.#link : null),
      call: (command, body, settings) => this.#call(command, body, settings),
      forget: () => void this.#channels.delete(name),
    };
    const seat = Channel.open(name, host, options);
    this.#channels.set(name, seat);
    return seat.channel;
  }

  #call(name: CommandName, body: Body, options: CallOptions): Promise<Reply> {
    if (this.#state === 'closed') return Promise.reject(new SluiceError(FAILURES.closed));
    const link = this.#state === 'connected' ? this.#link : null;
    const mayWait = this.#state === 'connecting' && this.#context.offline === 'queue';
    return this.#calls.call([name, body], options, { link, mayWait });
  }

  #again(delayMs: number): void {
    this.#retry = this.#context.clock.after(delayMs, () => this.#attempt());
  }

  #attempt(): void {
    this.#retry = null;
    this.#token.obtain(
      (token) => this.#dial(token),
      (error) => this.#failed(error),
    );
  }

  /** Before there was a link. */
  #failed(error: SluiceError): void {
    if (error.temporary) {
      this.#again(this.#backoff());
      this.#events.emit('error', error);
    } else {
      this.#stop('disconnected', error);
    }
  }

  #dial(token: string): void {
    try {
      this.#link = new Link(this.#url, this.#context, {
        opened: () => this.#opened(token),
        pushed: (push) => this.#pushed(push),
        ended: (code, reason) => this.#ended(code, reason),
        failed: (error) => void this.#events.emit('error', error),
      });
    } catch (cause) {
      this.#failed(new SluiceError(FAILURES.socket, { cause }));
    }
  }

  /** The gateway takes the commands of one frame in order: nothing waits for the connect's answer. */
  #opened(token: string): void {
    const { data, name, version, headers } = this.#options;
    const subs = this.#server.recovery;
    const body = { token: token || undefined, data, name, version, headers, subs };
    this.#link?.command('connect', body, ({ error, connect = {} }) => {
      if (error === undefined) this.#connected(connect);
      else this.#refused(error);
    });
    for (const seat of this.#channels.values()) seat.opened();
  }

  #refused(error: Failure): void {
    const isExpired = error.code === TOKEN_EXPIRED && this.#token.drop();
    if (!isExpired && error.temporary !== true) {
      this.#stop('disconnected', error);
      return;
    }
    this.#events.emit('error', new SluiceError(error));
    this.#link?.end(error);
  }

  #connected(result: WireConnection): void {
    const { client = '', version = '', data, ping = 0, pong = false, subs = {} } = result;
    const link = this.#link;
    this.#state = 'connected';
    this.#step = 0;
    link?.watch(ping * 1000, pong);
    this.#keep(result);
    this.#ready.resolve();
    this.#events.emit('connected', { client, version, data });
    // A listener may have ended it.
    if (link?.isOpen !== true) return;
    this.#server.begin(subs);
    if (link.isOpen) this.#calls.start(link);
  }

  #keep(expiry: WireExpiry): void {
    this.#token.keep(expiry, {
      send: (token, done) => {
        this.#link?.command('refresh', { token }, ({ error, refresh }) =>
          done({ error, expiry: refresh }),
        );
      },
      refused: (error) => this.#stop('disconnected', error),
      failed: (error) => void this.#events.emit('error', error),
    });
  }

  #pushed(push: WirePush): void {
    const { channel = '', message, refresh } = push;
    if (message !== undefined) this.#events.emit('message', message);
    else if (refresh !== undefined) this.#keep(refresh);
    else if (this.#channels.get(channel)?.pushed(push) !== true) this.#server.pushed(push);
  }

  /** True: it comes back. */
  #ended(code: number, reason: string): boolean {
    if (this.#link === null) return false;
    this.#link = null;
    this.#token.stop();
    this.#server.stop();
    if (code === CONNECTION_INVALIDATED) this.#token.drop();
    if (!reconnects(code)) {
      this.#stop('disconnected', { code, message: reason });
      return false;
    }
    const wasConnected = this.#state === 'connected';
    this.#state = 'connecting';
    this.#again(this.#backoff());
    if (wasConnected) this.#ready = new Deferred();
    for (const seat of this.#channels.values()) seat.lost({ code, reason });
    this.#tell('connecting', { code, reason });
    return true;
  }

  #stop(state: 'disconnected' | 'closed', error: Failure): void {
    if (this.#state === 'closed' || this.#state === state) return;
    const link = this.#link;
    const reason = { code: error.code, reason: error.message };
    const failure = new SluiceError(error);
    this.#state = state;
    this.#link = null;
    this.#retry?.cancel();
    this.#leavePage();
    this.#token.stop();
    this.#token.drop();
    this.#server.stop();
    link?.end({ ...error, temporary: false });
    this.#calls.fail(error);
    this.#ready.reject(failure);
    this.#ready = new Deferred();
    for (const seat of this.#channels.values()) {
      if (state === 'closed') seat.channel.close();
      else seat.stopped(failure);
    }
    this.#tell(state, reason);
  }

  /** Unless a listener has changed it already. */
  #tell(state: Exclude<ClientState, 'connected'>, reason: Reason): void {
    if (this.#state === state) this.#events.emit(state, reason);
  }

  #wake(): void {
    if (this.#retry !== null) {
      this.#retry.cancel();
      this.#attempt();
    } else if (this.#state === 'connected') {
      this.#link?.probe();
    }
  }

  #backoff(): number {
    return backoff(this.#step++, this.#context);
  }

  /** What a listener threw is the application's: if nobody listens to `error`, its environment hears. */
  #report(cause: unknown): void {
    const isOfErrorListener = this.#isReporting;
    this.#isReporting = true;
    const heard =
      !isOfErrorListener &&
      this.#events.emit('error', new SluiceError(FAILURES.listener, { cause }));
    this.#isReporting = isOfErrorListener;
    if (!heard) reportError(cause);
  }
}
