/** The connection of a client: how it begins, comes back and ends. */
import type { Alarm } from '../kernel/clock.ts';
import { reconnects } from '../protocol/close.ts';
import { backoff } from './backoff.ts';
import { Calls } from './calls.ts';
import { CONNECTION_INVALIDATED, TOKEN_EXPIRED } from './codes.ts';
import type { Context } from './context.ts';
import { unawaited } from './deferred.ts';
import { Emitter } from './emitter.ts';
import type { Failure } from './errors.ts';
import { FAILURES, SluiceError } from './errors.ts';
import type { ClientEvents, ClientState, Reason } from './events.ts';
import { Link } from './link.ts';
import type { CallOptions, ClientOptions } from './options.ts';
import { settingsOf } from './options.ts';
import { reportError, watchPage } from './page.ts';
import { ServerStreams } from './server-streams.ts';
import type { Subscription } from './subscription.ts';
import { Token } from './token.ts';
import type { Body, CommandName, Reply, WireConnection, WirePush } from './wire.ts';

/** The largest the protocol takes. */
const ID_MAX = 2 ** 32 - 1;

/**
 *     disconnected --connect()--> connecting --answer--> connected
 *       |     '-- disconnect(), refused --|'-- connection lost --'|
 *       '----------------------- close() -------------------------'--> closed
 */
export class Connection {
  readonly context: Context;
  readonly events: Emitter<ClientEvents>;
  /** By channel. */
  readonly subscriptions = new Map<string, Subscription>();
  readonly #url: string;
  readonly #options: ClientOptions;
  readonly #calls: Calls;
  readonly #token: Token;
  readonly #server: ServerStreams;
  #state: ClientState = 'disconnected';
  #link: Link | null = null;
  #ready = unawaited();
  #retry: Alarm | null = null;
  #step = 0;
  #leavePage: () => void = () => undefined;

  constructor(url: string, options: ClientOptions = {}) {
    let lastId = 0;
    const report = (error: unknown): void => this.#report(error);
    this.#url = url;
    this.#options = options;
    this.context = {
      ...settingsOf(options),
      nextId: () => (lastId = (lastId % ID_MAX) + 1),
      report,
    };
    this.events = new Emitter(report);
    this.#server = new ServerStreams(this.events);
    this.#calls = new Calls(this.context);
    this.#token = new Token(this.context, '', options, this);
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Null until it is open. */
  get link(): Link | null {
    return this.#link?.isOpen === true ? this.#link : null;
  }

  connect(): Promise<void> {
    if (this.#state === 'closed') return Promise.reject(new SluiceError(FAILURES.closed));
    const { promise } = this.#ready;
    if (this.#state === 'disconnected') {
      this.#state = 'connecting';
      this.#step = 0;
      this.#leavePage = watchPage(
        this.context.page,
        () => this.#link?.end(FAILURES.network),
        () => this.#wake(),
      );
      this.#attempt();
      this.#tell('connecting', { code: 0, reason: 'connect called' });
    }
    return promise;
  }

  stop(state: 'disconnected' | 'closed', error: SluiceError): void {
    if (this.#state === 'closed' || this.#state === state) return;
    const link = this.#link;
    const { code, message } = error;
    this.#state = state;
    this.#link = null;
    this.#retry?.cancel();
    this.#leavePage();
    this.#token.stop();
    this.#token.drop();
    this.#server.stop();
    link?.end({ code, message });
    this.#calls.fail(error);
    this.#ready.reject(error);
    this.#ready = unawaited();
    const reason = { code, reason: message };
    for (const subscription of this.subscriptions.values()) {
      if (state === 'closed') subscription.close();
      else subscription.lost(reason, error);
    }
    this.#tell(state, reason);
  }

  expired(error: SluiceError): void {
    this.stop('disconnected', error);
  }

  call(name: CommandName, body: Body, options: CallOptions): Promise<Reply> {
    if (this.#state === 'closed') return Promise.reject(new SluiceError(FAILURES.closed));
    const link = this.#state === 'connected' ? this.#link : null;
    const mayWait = this.#state === 'connecting' && this.context.offline === 'queue';
    return this.#calls.call([name, body], options, { link, mayWait });
  }

  #again(): void {
    const delayMs = backoff(this.#step++, this.context);
    this.#retry = this.context.clock.after(delayMs, () => this.#attempt());
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
      this.#again();
      this.events.emit('error', error);
    } else {
      this.stop('disconnected', error);
    }
  }

  #dial(token: string): void {
    try {
      const link = new Link(this.#url, this.context, {
        opened: () => this.#opened(link, token),
        pushed: (push) => this.#pushed(link, push),
        ended: (code, reason) => this.#ended(code, reason),
        failed: (error) => void this.events.emit('error', error),
      });
      this.#link = link;
    } catch (cause) {
      this.#failed(new SluiceError(FAILURES.socket, { cause }));
    }
  }

  /** The gateway takes the commands of one frame in order: nothing waits for the connect's answer. */
  #opened(link: Link, token: string): void {
    const { data, name, version, headers } = this.#options;
    const subs = this.#server.recovery;
    const body = { token: token || undefined, data, name, version, headers, subs };
    link.command('connect', body, ({ error, connect = {} }) => {
      if (error === undefined) this.#connected(link, connect);
      else this.#refused(link, error);
    });
    for (const subscription of this.subscriptions.values()) subscription.opened();
  }

  #refused(link: Link, failure: Failure): void {
    const error = new SluiceError(failure);
    if (error.temporary || (error.code === TOKEN_EXPIRED && this.#token.drop())) {
      this.events.emit('error', error);
      link.end(failure);
    } else {
      this.stop('disconnected', error);
    }
  }

  #connected(link: Link, result: WireConnection): void {
    const { client = '', version = '', data, ping = 0, pong = false, subs = {} } = result;
    this.#state = 'connected';
    this.#step = 0;
    link.watch(ping * 1000, pong);
    this.#token.keep(result, link);
    this.#ready.resolve();
    // Before what listeners may call.
    this.#calls.start(link);
    this.events.emit('connected', { client, version, data });
    // A listener may have ended it.
    if (link.isOpen) this.#server.begin(subs);
  }

  #pushed(link: Link, push: WirePush): void {
    const { channel = '', message, refresh } = push;
    if (message !== undefined) this.events.emit('message', message);
    else if (refresh !== undefined) this.#token.keep(refresh, link);
    else if (this.subscriptions.get(channel)?.pushed(push) !== true) this.#server.pushed(push);
  }

  /** True: it comes back. */
  #ended(code: number, reason: string): boolean {
    if (this.#link === null) return false;
    this.#link = null;
    this.#token.stop();
    this.#server.stop();
    if (code === CONNECTION_INVALIDATED) this.#token.drop();
    if (!reconnects(code)) {
      this.stop('disconnected', new SluiceError({ code, message: reason }));
      return false;
    }
    const wasConnected = this.#state === 'connected';
    this.#state = 'connecting';
    this.#again();
    if (wasConnected) this.#ready = unawaited();
    for (const subscription of this.subscriptions.values()) subscription.lost({ code, reason });
    this.#tell('connecting', { code, reason });
    return true;
  }

  /** Unless a listener has changed it already. */
  #tell(state: Exclude<ClientState, 'connected'>, reason: Reason): void {
    if (this.#state === state) this.events.emit(state, reason);
  }

  #wake(): void {
    if (this.#retry !== null) {
      this.#retry.cancel();
      this.#attempt();
    } else if (this.#state === 'connected') {
      this.#link?.probe();
    }
  }

  /** If nobody listens to `error`, the environment hears of what a listener threw. */
  #report(cause: unknown): void {
    const error = new SluiceError(FAILURES.listener, { cause });
    if (!this.events.emit('error', error)) reportError(cause);
  }
}
