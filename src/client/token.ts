/** One token, of the connection or of a subscription: where it comes from, and its renewal. */
import type { Alarm } from '../kernel/clock.ts';
import { backoff } from './backoff.ts';
import { TOKEN_EXPIRED } from './codes.ts';
import type { Context } from './context.ts';
import type { Failure } from './errors.ts';
import { FAILURES, SluiceError } from './errors.ts';
import type { GetToken } from './options.ts';
import type { WireExpiry } from './wire.ts';

/** How a token is renewed. */
export interface Renewal {
  /** Sends a new token; `done` is called with the answer. */
  send(token: string, done: (answer: Renewed) => void): void;
  /** It cannot be renewed. */
  refused(error: SluiceError): void;
  /** It cannot be renewed now; it is tried again. */
  failed(error: SluiceError): void;
}

export interface Renewed {
  readonly error?: Failure | undefined;
  readonly expiry?: WireExpiry | undefined;
}

/** A part of its lifetime after which a token is renewed; spread, as many are given at one time. */
const RENEWED_AFTER = 0.8;
const RENEWED_SPREAD = 0.1;

export class Token {
  /** '' when there is none. */
  value: string;
  readonly #context: Context;
  readonly #channel: string;
  readonly #get: GetToken<{ readonly channel: string }> | undefined;
  /** Of the renewal to come, or the end of the time that the getter has. */
  #alarm: Alarm | null = null;
  #asking: AbortController | null = null;
  #step = 0;

  constructor(
    context: Context,
    channel: string,
    from: { readonly token?: string; readonly getToken?: GetToken<{ readonly channel: string }> },
  ) {
    this.#context = context;
    this.#channel = channel;
    this.value = from.token ?? '';
    this.#get = from.getToken;
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

  /** Renews it before it runs out. */
  keep({ expires, ttl = 0 }: WireExpiry, renewal: Renewal): void {
    this.#step = 0;
    this.#alarm?.cancel();
    if (expires !== true || this.#get === undefined) return;
    const part = RENEWED_AFTER + RENEWED_SPREAD * this.#context.random();
    this.#renewIn(ttl * 1000 * part, this.#get, renewal);
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#alarm?.cancel();
    const asking = this.#asking;
    this.#asking = null;
    asking?.abort();
  }

  #renewIn(delayMs: number, get: GetToken<{ readonly channel: string }>, renewal: Renewal): void {
    const later = (error: SluiceError): void => {
      renewal.failed(error);
      this.#renewIn(backoff(this.#step++, this.#context), get, renewal);
    };
    const fail = (error: SluiceError): void =>
      error.temporary || error.code === TOKEN_EXPIRED ? later(error) : renewal.refused(error);
    const sent = ({ error, expiry = {} }: Renewed): void =>
      error === undefined ? this.keep(expiry, renewal) : fail(new SluiceError(error));
    this.#alarm = this.#context.clock.after(delayMs, () =>
      this.#ask(get, (token) => renewal.send(token, sent), fail),
    );
  }

  #ask(
    get: GetToken<{ readonly channel: string }>,
    then: (token: string) => void,
    failed: (error: SluiceError) => void,
  ): void {
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
