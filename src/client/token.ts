/** One token, of the connection or of a subscription: where it comes from, and its renewal. */
import type { Alarm } from '../kernel/clock.ts';
import { backoff } from './backoff.ts';
import { TOKEN_EXPIRED } from './codes.ts';
import type { Context } from './context.ts';
import { FAILURES, SluiceError } from './errors.ts';
import type { Link } from './link.ts';
import type { GetToken } from './options.ts';
import type { WireExpiry } from './wire.ts';

/** Whose token it is. */
export interface TokenOwner {
  /** What went wrong and is tried again. */
  readonly events: { emit(name: 'error', error: SluiceError): unknown };
  /** It cannot be renewed. */
  expired(error: SluiceError): void;
}

type Get = GetToken<{ readonly channel: string }>;

/** A part of its lifetime after which a token is renewed; spread, as many are given at one time. */
const RENEWED_AFTER = 0.8;
const RENEWED_SPREAD = 0.1;

export class Token {
  /** '' when there is none. */
  value: string;
  readonly #context: Context;
  /** '' for that of the connection. */
  readonly #channel: string;
  readonly #get: Get | undefined;
  readonly #owner: TokenOwner;
  /** Of the renewal to come, or the end of the time that the getter has. */
  #alarm: Alarm | null = null;
  #asking: AbortController | null = null;
  /** Forgets the renewal that is under way. */
  #forget: (() => void) | null = null;
  #step = 0;

  constructor(
    context: Context,
    channel: string,
    from: { readonly token?: string; readonly getToken?: Get },
    owner: TokenOwner,
  ) {
    this.#context = context;
    this.#channel = channel;
    this.value = from.token ?? '';
    this.#get = from.getToken;
    this.#owner = owner;
  }

  /** It has run out. False: there is no other. */
  drop(): boolean {
    if (this.#get === undefined) return false;
    this.value = '';
    return true;
  }

  /** At once, if it is there or none can be had. Only the latest call is answered, and only until `stop`. */
  obtain(then: (token: string) => void, failed: (error: SluiceError) => void): void {
    if (this.value === '' && this.#get !== undefined) this.#ask(this.#get, then, failed);
    else then(this.value);
  }

  /** Renews it over the link before it runs out. */
  keep({ expires, ttl = 0 }: WireExpiry, link: Link): void {
    this.#step = 0;
    this.#alarm?.cancel();
    const { random } = this.#context;
    const part = RENEWED_AFTER + RENEWED_SPREAD * random();
    if (expires === true) this.#renewIn(ttl * 1000 * part, link);
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#alarm?.cancel();
    this.#forget?.();
    const asking = this.#asking;
    this.#asking = null;
    asking?.abort();
  }

  #renewIn(delayMs: number, link: Link): void {
    const get = this.#get;
    if (get === undefined) return;
    const failed = (error: SluiceError): void => this.#failed(error, link);
    this.#alarm = this.#context.clock.after(delayMs, () =>
      this.#ask(get, (token) => this.#renew(token, link), failed),
    );
  }

  #renew(token: string, link: Link): void {
    const channel = this.#channel || undefined;
    const name = channel === undefined ? 'refresh' : 'sub_refresh';
    this.#forget = link.command(name, { channel, token }, ({ error, [name]: expiry = {} }) => {
      if (error === undefined) this.keep(expiry, link);
      else this.#failed(new SluiceError(error), link);
    });
  }

  #failed(error: SluiceError, link: Link): void {
    if (error.temporary || error.code === TOKEN_EXPIRED) {
      this.#renewIn(backoff(this.#step++, this.#context), link);
      this.#owner.events.emit('error', error);
    } else {
      this.#owner.expired(error);
    }
  }

  #ask(get: Get, then: (token: string) => void, failed: (error: SluiceError) => void): void {
    this.stop();
    const { clock, timeoutMs } = this.#context;
    const asking = new AbortController();
    this.#asking = asking;
    const end = (act: () => void): void => {
      if (this.#asking !== asking) return;
      this.stop();
      act();
    };
    this.#alarm = clock.after(timeoutMs, () => end(() => failed(new SluiceError(FAILURES.token))));
    // In a promise, so that a getter that throws at once is one that rejects.
    new Promise<string>((resolve) => {
      resolve(get({ signal: asking.signal, channel: this.#channel }));
    }).then(
      (token) => end(() => then((this.value = token))),
      (error: unknown) => end(() => failed(asError(error))),
    );
  }
}

function asError(error: unknown): SluiceError {
  return error instanceof SluiceError ? error : new SluiceError(FAILURES.token, { cause: error });
}
