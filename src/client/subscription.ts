/** One subscription of a client: how it begins, comes back and ends. */
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
import type { Deferred } from '../kernel/deferred.ts';
import { unawaited } from './deferred.ts';
import { Emitter } from './emitter.ts';
import { FAILURES, SluiceError } from './errors.ts';
import type { ChannelEvents, ChannelState, Position, Reason } from './events.ts';
import type { Link } from './link.ts';
import type { ChannelOptions } from './options.ts';
import { Publications } from './publications.ts';
import { Stream } from './stream.ts';
import { Token } from './token.ts';
import type { WirePush, WireSubscription } from './wire.ts';

/** The connection, as its subscriptions see it. */
export interface SubscriptionHost {
  readonly context: Context;
  /** Null until it is open. What is written waits for the connect before it. */
  readonly link: Link | null;
}

const BUFFER_MAX = 1000;

/**
 *     unsubscribed --subscribe()--> subscribing --answer--> subscribed
 *          |                            | '--- connection lost ---'
 *          '-- unsubscribe(), refused --'-------------------------'
 */
export class Subscription {
  readonly channel: string;
  readonly events: Emitter<ChannelEvents<never>>;
  readonly #host: SubscriptionHost;
  readonly #options: ChannelOptions;
  readonly #stream: Stream;
  readonly #token: Token;
  readonly #readers = new Set<Publications>();
  #state: ChannelState = 'unsubscribed';
  #ready: Deferred | null = null;
  /** Of the next attempt. */
  #alarm: Alarm | null = null;
  #step = 0;
  /** Forgets the subscribe that is under way. */
  #forget: (() => void) | null = null;
  #isClosed = false;

  constructor(channel: string, host: SubscriptionHost, options: ChannelOptions) {
    const { context } = host;
    this.channel = channel;
    this.#host = host;
    this.#options = options;
    this.events = new Emitter((error) => context.report(error));
    this.#stream = new Stream(channel, this.events, options);
    this.#token = new Token(context, channel, options, this);
  }

  get state(): ChannelState {
    return this.#state;
  }

  get position(): Position | null {
    return this.#stream.position;
  }

  subscribe(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new SluiceError(FAILURES.closed));
    if (this.#state === 'subscribed') return Promise.resolve();
    const { promise } = (this.#ready ??= unawaited());
    if (this.#state === 'unsubscribed') {
      this.#step = 0;
      this.#wait({ code: 0, reason: 'subscribe called' });
      this.opened();
    }
    return promise;
  }

  unsubscribe(): void {
    this.#leave(null, true);
  }

  close(): void {
    this.#isClosed = true;
    this.unsubscribe();
  }

  read(): Publications {
    const { bufferMax = BUFFER_MAX } = this.#options;
    const publications = new Publications(bufferMax, () => {
      off();
      this.#readers.delete(publications);
    });
    const off = this.events.on('publication', (publication) => publications.push(publication));
    this.#readers.add(publications);
    if (this.#isClosed) publications.end(new SluiceError(FAILURES.closed));
    else void this.subscribe();
    return publications;
  }

  /** There is a link. */
  opened(): void {
    const { link } = this.#host;
    if (link === null || this.#state !== 'subscribing') return;
    this.#token.obtain(
      (token) => this.#ask(link, token),
      (error) => this.#failed(error),
    );
  }

  /** There is no link any more; with an error there will be none until the user connects again. */
  lost(reason: Reason, error?: SluiceError): void {
    this.#quit();
    if (this.#state === 'subscribed') this.#wait(reason);
    if (error !== undefined) this.#give(error);
  }

  /** False: it is not for this subscription. */
  pushed(push: WirePush): boolean {
    if (this.#state !== 'subscribed') return false;
    if (push.unsubscribe === undefined) this.#stream.push(push);
    else this.#dismissed(push.unsubscribe);
    return true;
  }

  expired(error: SluiceError): void {
    this.#leave(error, true);
  }

  #ask(link: Link, token: string): void {
    const { data, recoverable = true, positioned, joinLeave, delta } = this.#options;
    const body = {
      channel: this.channel,
      token: token || undefined,
      data,
      recoverable,
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
    this.#token.keep(result, link);
    this.#stream.begin(result);
  }

  #failed(error: SluiceError): void {
    if (error.temporary || (error.code === TOKEN_EXPIRED && this.#token.drop())) {
      this.#retry();
      this.events.emit('error', error);
    } else {
      this.#leave(error, false);
    }
  }

  #retry(): void {
    const { context } = this.#host;
    this.#alarm = context.clock.after(backoff(this.#step++, context), () => this.opened());
  }

  #dismissed({ code = SERVER_UNSUBSCRIBE, reason = '' }: Partial<Reason>): void {
    if (code < RESUBSCRIBES_FROM) {
      this.#leave(new SluiceError({ code, message: reason }), false);
      return;
    }
    if (code === SUBSCRIPTION_EXPIRED || code === SUBSCRIPTION_INVALIDATED) this.#token.drop();
    this.#quit();
    this.#retry();
    this.#wait({ code, reason });
    // Where there is a position the next subscription tells whether anything is missing.
    if (this.position === null) this.#stream.missed();
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
    this.events.emit('subscribing', { channel: this.channel, code, reason });
  }

  /** Null: we want it. `tells`: the gateway does not know. */
  #leave(error: SluiceError | null, tells: boolean): void {
    if (this.#state === 'unsubscribed') return;
    const link = this.#host.link;
    const isKnown = this.#state === 'subscribed' || this.#forget !== null;
    this.#quit();
    this.#state = 'unsubscribed';
    const { channel } = this;
    if (tells && isKnown) {
      // Without a good answer nobody knows what is still subscribed.
      link?.command('unsubscribe', { channel }, (reply) => {
        if (reply.error !== undefined) link.end(reply.error);
      });
    }
    this.#give(error);
    const { code, message: reason } = error ?? { code: 0, message: 'unsubscribe called' };
    this.events.emit('unsubscribed', { channel, code, reason });
  }

  /** Settles what waits for it. Null: it was unsubscribed here. */
  #give(error: SluiceError | null): void {
    this.#ready?.reject(error ?? new SluiceError(FAILURES.unsubscribed));
    this.#ready = null;
    for (const publications of this.#readers) publications.end(error);
  }
}
