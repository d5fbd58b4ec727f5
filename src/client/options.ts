/** What can be set on a client and on a channel, and what it is unless it is set. */
import type { Clock } from '../kernel/clock.ts';
import type { Codec } from './codec.ts';
import { json } from './codec.ts';
import type { Position } from './events.ts';
import type { Page } from './page.ts';
import { surroundings } from './page.ts';
import type { SocketClass } from './socket.ts';
import type { Opaque, WirePublication } from './wire.ts';

/**
 * Gives a new token; '' goes on without one. `signal` aborts when it is not wanted any more: on
 * close, and after `timeoutMs`. What it throws is tried again later, unless it is a `SluiceError`
 * that is not temporary.
 */
export type GetToken<Ask = object> = (
  ask: Ask & { readonly signal: AbortSignal },
) => string | Promise<string>;

export interface ClientOptions {
  /** Of the connection. Without it `getToken` is asked before the first connect. */
  readonly token?: string;
  /** Asked also before a token runs out, and when the gateway says that it has. */
  readonly getToken?: GetToken;
  /** For the connect hook: a JSON value. */
  readonly data?: unknown;
  /** Names the application, and its version, to the gateway. */
  readonly name?: string;
  readonly version?: string;
  /** For the connect hook, where a browser can send no headers of its own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: JSON. */
  readonly codec?: Codec;
  /** Default: the global one. Node 20 has none; that of `ws` fits. */
  readonly WebSocket?: SocketClass;
  /** Default: the page or worker this runs in, if it does; null looks at none. */
  readonly page?: Page | null;
  readonly clock?: Clock;
  /** From 0 to below 1. */
  readonly random?: () => number;
  /** Of the first delay, also of subscriptions; it doubles up to the longest. Default: 500. */
  readonly minReconnectDelayMs?: number;
  /** Default: 20,000. */
  readonly maxReconnectDelayMs?: number;
  /** For a WebSocket to open, a command to be answered, a token to be given. Default: 5,000. */
  readonly timeoutMs?: number;
  /** How late a ping of the gateway may be before the connection counts as dead. Default: 10,000. */
  readonly maxPingDelayMs?: number;
  /**
   * What becomes of publications and other calls while it is connecting: they are refused at once,
   * or wait for the connection. Default: 'refuse'.
   */
  readonly offline?: 'refuse' | 'queue';
  /** Calls that may wait, for a connection or an answer; over it they are refused. Default: 500. */
  readonly queueMax?: number;
}

export interface ChannelOptions {
  /** Of the subscription, where one is needed. */
  readonly token?: string;
  readonly getToken?: GetToken<{ readonly channel: string }>;
  /** For the subscribe hook: a JSON value. */
  readonly data?: unknown;
  /** Continue after a break where the channel can. Default: true. */
  readonly recoverable?: boolean;
  /** Be told of gaps even where it cannot. Default: false. */
  readonly positioned?: boolean;
  /** Hear `join` and `leave`. Default: false. */
  readonly joinLeave?: boolean;
  /** Continue from here at first, as after a break. */
  readonly since?: Position;
  /** Publications that one `for await` may lag behind; over it, it throws. Default: 1,000. */
  readonly bufferMax?: number;
  /** Takes publications as differences: `fossil` of `sluice/client/delta`. */
  readonly delta?: Delta;
}

/** The data of one publication after the other. @throws when one does not fit the one before. */
export type Undo = (publication: WirePublication) => Opaque;

/** A format of differences. */
export interface Delta {
  readonly name: string;
  /** For one subscription, from its beginning. */
  undo(): Undo;
}

export interface CallOptions {
  /** Stops waiting; what was sent already is carried out all the same. */
  readonly signal?: AbortSignal;
  /** From the moment it is sent. Default: that of the client. */
  readonly timeoutMs?: number;
}

export interface HistoryOptions extends CallOptions {
  /** Publications; 0 is none but the position, below 0 as many as the gateway gives. Default: 0. */
  readonly limit?: number;
  /** Only what comes after it; before it, in reverse. */
  readonly since?: Position;
  /** The latest first. */
  readonly reverse?: boolean;
}

/** The options of a client, each with its value. */
export interface Settings extends Required<
  Omit<ClientOptions, 'token' | 'getToken' | 'data' | 'name' | 'version' | 'headers'>
> {}

/** The longest that `setTimeout` can wait; over it, it would call at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Other than that of the kernel it runs in browsers, and keeps a process alive that waits. */
const timers: Clock = {
  now: () => Date.now(),
  after(delayMs, fire) {
    const timer = setTimeout(fire, Math.min(delayMs, TIMER_MS_MAX));
    return { cancel: () => clearTimeout(timer) };
  },
};

/** What is left out, or undefined, has its default. */
export function settingsOf(options: ClientOptions): Settings {
  const defaults = {
    codec: json,
    // Where there is none, making one fails, and `connect()` tells of that.
    WebSocket: surroundings.WebSocket,
    page: surroundings,
    clock: timers,
    random: Math.random,
    minReconnectDelayMs: 500,
    maxReconnectDelayMs: 20_000,
    timeoutMs: 5000,
    maxPingDelayMs: 10_000,
    offline: 'refuse' as const,
    queueMax: 500,
  };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.assign(defaults, Object.fromEntries(given));
}
