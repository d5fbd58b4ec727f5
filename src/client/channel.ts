/** One channel of a client, and its subscription. */
import type { Alarm } from '../kernel/clock.ts';
import { backoff } from './backoff.ts';
import {
  RESUBSCRIBES_FROM,
  SERVER_UNSUBSCRIBE,
  SUBSCRIPTION_EXPIRED,
  SUBSCRIPTION_INVALIDATED,
  TOKEN_EXPIRED,
} from './codes.ts';
import type { Context } from './context.ts';
import { Deferred } from './deferred.ts';
import { Emitter } from './emitter.ts';
import type { Listener } from './emitter.ts';
import { FAILURES, SluiceError } from './errors.ts';
import type {
  ChannelEvents,
  ClientInfo,
  History,
  Position,
  PresenceStats,
  Publication,
  Reason,
} from './events.ts';
import type { Link } from './link.ts';
import type { CallOptions, ChannelOptions, HistoryOptions } from './options.ts';
import { Publications } from './publications.ts';
import { infoOf, publicationOf, Stream } from './stream.ts';
import { Token } from './token.ts';
import type { Body, CommandName, Reply, WirePush, WireSubscription } from './wire.ts';

/** What a channel needs of its client. */
export interface ChannelHost {
  readonly context: Context;
  /** Null until it is open. What is written waits for the connect before it. */
  link(): Link | null;
  call(name: CommandName, body: Body, options: CallOptions): Promise<Reply>;
  /** The channel is closed. */
  forget(): void;
}

/** What a client tells its channels. */
export interface ChannelSeat {
  readonly channel: Channel<never>;
  /** There is a link. */
  opened(): void;
  /** There is none any more, but there will be. */
  lost(reason: Reason): void;
  /** There will be none until the user connects again. */
  stopped(error: SluiceError): void;
  /** False: it is not for this subscription. */
  pushed(push: WirePush): boolean;
}

export type ChannelState = 'unsubscribed' | 'subscribing' | 'subscribed';

const BUFFER_MAX = 1000;

/**
 *     unsubscribed --subscribe()--> subscribing --answer--> subscribed
 *          |                            | '--- connection lost ---'
 *          '-- unsubscribe(), refused --'-------------------------'
 *
 * A subscription is had again by itself for as long as that may succeed. `T` is the type of its
 * data, on the word of whoever asked for the channel.
 */
export class Channel<T = unknown> {
  readonly name: string;
  readonly #host: ChannelHost;
  readonly #options: ChannelOptions;
  readonly #events: Emitter<ChannelEvents<never>>;
  readonly #stream: Stream;
  readonly #token: Token;
  readonly #iterators = new Set<Publications>();
  #state: ChannelState = 'unsubscribed';
  #ready: Deferred | null = null;
  /** Of the next attempt. */
  #alarm: Alarm | null = null;
  #step = 0;
  /** Forgets the subscribe that is under way. */
  #forget: (() => void) | null = null;
  #isClosed = false;

  private constructor(name: string, host: ChannelHost, options: ChannelOptions) {
    const { context } = host;
    this.name = name;
    this.#host = host;
    this.#options = options;
    this.#events = new Emitter((error) => context.report(error));
    this.#stream = new Stream(name, this.#events, options);
    this.#token = new Token(context, name, options);
  }

  /** For `client.channel`: a channel, and the seat its client knows it by. */
  static open(name: string, host: ChannelHost, options: ChannelOptions): ChannelSeat {
    const channel = new Channel<never>(name, host, options);
    return {
      channel,
      opened: () => channel.#start(),
      lost: (reason) => channel.#lost(reason),
      stopped: (error) => channel.#stopped(error),
      pushed: (push) => channel.#pushed(push),
    };
  }

  get state(): ChannelState {
    return this.#state;
  }

  /** Behind the last publication; null where the channel has no stream. Kept by `unsubscribe()`. */
  get position(): Position | null {
    return this.#stream.position;
  }

  /** The function it returns takes the listener away again. */
  on<Name extends keyof ChannelEvents<T>>(
    name: Name,
    listener: Listener<ChannelEvents<T>[Name]>,
  ): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Resolves when it is subscribed, which may take until the client is connected. What may pass is
   * tried again meanwhile.
   * @throws {SluiceError} by rejection: the gateway's refusal, `unsubscribed` or `closed` when that
   * came first, or why the client stopped.
   */
  subscribe(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new SluiceError(FAILURES.closed));
    if (this.#state === 'subscribed') return Promise.resolve();
    const { promise } = (this.#ready ??= new Deferred());
    if (this.#state === 'unsubscribed') {
      this.#step = 0;
      this.#wait({ code: 0, reason: 'subscribe called' });
      this.#start();
    }
    return promise;
  }

  /**
   * At once: nothing is delivered from here on, and each `for await` ends. The position is kept, and
   * a later `subscribe()` continues from it if the channel can.
   */
  unsubscribe(): void {
    this.#leave(null, true);
  }

  /** Unsubscribes for good; `client.channel` gives a new one for the name from now on. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#host.forget();
    this.unsubscribe();
  }

  /** Resolves when the gateway has taken it. @throws as `client.publish` does. */
  async publish(data: T, options: CallOptions = {}): Promise<void> {
    await this.#host.call('publish', { channel: this.name, data }, options);
  }

  /** @throws {SluiceError} by rejection, as all calls do. */
  async history(options: HistoryOptions = {}): Promise<History<T>> {
    const { limit, since, reverse } = options;
    const body = { channel: this.name, limit, since, reverse };
    const { history = {} } = await this.#host.call('history', body, options);
    const { publications = [], offset = 0, epoch = '' } = history;
    return {
      publications: publications.map((one) => publicationOf(this.name, one)),
      position: { offset, epoch },
    };
  }

  /** Who is subscribed now. */
  async presence(options: CallOptions = {}): Promise<ClientInfo[]> {
    const { presence } = await this.#host.call('presence', { channel: this.name }, options);
    return Object.values(presence?.presence ?? {}).map(infoOf);
  }

  async presenceStats(options: CallOptions = {}): Promise<PresenceStats> {
    const body = { channel: this.name };
    const { presence_stats: stats } = await this.#host.call('presence_stats', body, options);
    return { clients: stats?.num_clients ?? 0, users: stats?.num_users ?? 0 };
  }

  /**
   * Publications from now on, in order; subscribes if need be. `break` leaves the subscription as it
   * is. It ends with `unsubscribe()` and `close()`.
   * @throws {SluiceError} when the subscription is refused or ended by the gateway, when the client
   * stops, and `bufferFull` after `bufferMax` publications that nobody has read: those come first.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Publication<T>> {
    const publications = new Publications(this.#options.bufferMax ?? BUFFER_MAX, () => {
      off();
      this.#iterators.delete(publications);
    });
    const off = this.#events.on('publication', (publication) => publications.push(publication));
    this.#iterators.add(publications);
    if (this.#isClosed) publications.end(new SluiceError(FAILURES.closed));
    else void this.subscribe();
    return publications;
  }

  #start(): void {
    const link = this.#host.link();
    if (link === null || this.#state !== 'subscribing') return;
    this.#token.obtain(
      (token) => this.#ask(link, token),
      (error) => this.#failed(error),
    );
  }

  #ask(link: Link, token: string): void {
    const { data, recoverable = true, positioned, joinLeave, delta } = this.#options;
    const body = {
      channel: this.name,
      token: token || undefined,
      data,
      recoverable: recoverable || undefined,
      positioned,
      join_leave: joinLeave,
      delta: delta?.name,
      ...this.#stream.recovery,
    };
    this.#forget = link.command('subscribe', body, ({ error, subscribe = {} }) => {
      this.#forget = null;
      if (error === undefined) this.#begin(link, subscribe);
      else this.#failed(new SluiceError(error));
    });
  }

  #begin(link: Link, result: WireSubscription): void {
    this.#state = 'subscribed';
    this.#step = 0;
    this.#ready?.resolve();
    this.#ready = null;
    const channel = this.name;
    this.#token.keep(result, {
      send(token, done) {
        link.command('sub_refresh', { channel, token }, ({ error, sub_refresh: expiry }) =>
          done({ error, expiry }),
        );
      },
      refused: (error) => this.#leave(error, true),
      failed: (error) => void this.#events.emit('error', error),
    });
    this.#stream.begin(result);
  }

  #failed(error: SluiceError): void {
    if (error.temporary || (error.code === TOKEN_EXPIRED && this.#token.drop())) {
      this.#retry();
      this.#events.emit('error', error);
    } else {
      this.#leave(error, false);
    }
  }

  #retry(): void {
    const { context } = this.#host;
    this.#alarm = context.clock.after(backoff(this.#step++, context), () => this.#start());
  }

  #pushed(push: WirePush): boolean {
    if (this.#state !== 'subscribed') return false;
    if (push.unsubscribe === undefined) this.#stream.push(push);
    else this.#dismissed(push.unsubscribe);
    return true;
  }

  #dismissed({ code = SERVER_UNSUBSCRIBE, reason = '' }: Partial<Reason>): void {
    if (code < RESUBSCRIBES_FROM) {
      this.#leave(new SluiceError({ code, message: reason }), false);
      return;
    }
    const stream = this.#stream;
    if (code === SUBSCRIPTION_INVALIDATED) stream.invalidate();
    if (code === SUBSCRIPTION_INVALIDATED || code === SUBSCRIPTION_EXPIRED) this.#token.drop();
    this.#quit();
    this.#retry();
    this.#wait({ code, reason });
    // Where it can recover the next subscription tells whether anything is missing.
    if (!stream.recoverable) stream.missed();
  }

  #lost(reason: Reason): void {
    this.#quit();
    if (this.#state === 'subscribed') this.#wait(reason);
  }

  #stopped(error: SluiceError): void {
    this.#lost({ code: error.code, reason: error.message });
    if (this.#state !== 'unsubscribed') this.#give(error);
  }

  /** Nothing is under way any more. */
  #quit(): void {
    this.#forget?.();
    this.#forget = null;
    this.#alarm?.cancel();
    this.#token.stop();
    this.#stream.live = false;
  }

  #wait({ code, reason }: Reason): void {
    this.#state = 'subscribing';
    this.#events.emit('subscribing', { channel: this.name, code, reason });
  }

  /** Null: we want it. `tells`: the gateway does not know. */
  #leave(error: SluiceError | null, tells: boolean): void {
    if (this.#state === 'unsubscribed') return;
    const link = this.#host.link();
    const isKnown = this.#state === 'subscribed' || this.#forget !== null;
    this.#quit();
    this.#state = 'unsubscribed';
    const channel = this.name;
    if (tells && isKnown) {
      // Without a good answer nobody knows what is still subscribed.
      link?.command('unsubscribe', { channel }, (reply) => {
        if (reply.error !== undefined) link.end(reply.error);
      });
    }
    this.#give(error);
    const { code, message: reason } = error ?? { code: 0, message: 'unsubscribe called' };
    this.#events.emit('unsubscribed', { channel, code, reason });
  }

  /** Settles what waits for it. Null: it was unsubscribed here. */
  #give(error: SluiceError | null): void {
    this.#ready?.reject(error ?? new SluiceError(FAILURES.unsubscribed));
    this.#ready = null;
    for (const publications of this.#iterators) publications.end(error);
  }
}
