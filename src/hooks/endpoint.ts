/** One URL of a backend, and all that keeps a gateway from suffering with it. */
import { isUtf8 } from 'node:buffer';
import type { Pool } from 'undici';
import type { Clock } from '../kernel/clock.ts';
import type { Log, ThrottledLog } from '../kernel/log.ts';
import type { Count } from '../kernel/meters.ts';
import { pause } from '../kernel/pause.ts';
import type { BreakerSettings, BreakerState, Outcome } from './breaker.ts';
import { Breaker } from './breaker.ts';
import type { Answer } from './exchange.ts';
import { AnswerTooLarge, exchange, ExchangeBroken } from './exchange.ts';
import type { FailureKind } from './failure.ts';
import { EndpointError, MalformedAnswer } from './failure.ts';
import { Gate } from './gate.ts';
import { signatureHeaders } from './signature.ts';

/** As configured. */
export interface EndpointSettings {
  readonly name: string;
  readonly url: string;
  /** For a call, from the moment it is asked for to the last byte of its answer. */
  readonly timeoutMs: number;
  /** Calls under way at once, and as many connections at most. */
  readonly concurrency: number;
  /** Calls that may wait for that. */
  readonly queue: number;
  /** Further attempts of a call, where that is safe. */
  readonly retries: number;
  readonly answerBytes: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: nothing is signed. */
  readonly secret: string | null;
}

export interface EndpointContext {
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly throttled: ThrottledLog;
  readonly version: string;
  readonly breaker: BreakerSettings;
  /** Of the kind of undici; made with the first call. */
  readonly openPool: (origin: string, settings: EndpointSettings) => Promise<Pool>;
  /** `answered`, `abandoned` or a kind of failure. */
  readonly countOutcome: Count;
  /** By endpoint. */
  readonly countCall: Count;
  readonly countRetry: Count;
}

/** What is asked, and what is made of the text of the answer. */
export interface Question<T> {
  /** JSON. */
  readonly body: string;
  /** @throws {MalformedAnswer} */
  readonly read: (text: string) => T;
}

export interface AskOptions {
  /** Gives the call up; it then fails with the reason of the signal. */
  readonly signal?: AbortSignal;
  /**
   * The same question may reach the backend twice. Else it is only sent again when it surely was
   * not received.
   */
  readonly repeatable?: boolean;
}

const NEVER = new AbortController().signal;

/** Before the second attempt, and twice as long before each one after it; half of it by chance. */
const RETRY_MS = 50;

/** A call under way: what ends it, and when. */
interface Call<T> extends Question<T> {
  readonly signal: AbortSignal;
  readonly repeatable: boolean;
}

export class Endpoint {
  readonly name: string;
  readonly #settings: EndpointSettings;
  readonly #context: EndpointContext;
  readonly #url: URL;
  readonly #gate: Gate;
  readonly #breaker: Breaker;
  readonly #calls = new Set<AbortController>();
  #pool: Promise<Pool> | null = null;
  /** The same, once it is there. */
  #opened: Pool | null = null;
  #closed = false;

  constructor(settings: EndpointSettings, context: EndpointContext) {
    this.name = settings.name;
    this.#settings = settings;
    this.#context = context;
    this.#url = new URL(settings.url);
    this.#gate = new Gate({ inside: settings.concurrency, waiting: settings.queue });
    this.#breaker = new Breaker({
      settings: context.breaker,
      now: () => context.clock.now(),
      random: context.random,
      opened: (pauseMs) => {
        const fields = { endpoint: this.name, pauseMs: Math.round(pauseMs) };
        context.log.warn(fields, 'the backend is left alone for a while');
      },
      closed: () => context.log.info({ endpoint: this.name }, 'the backend answers again'),
    });
  }

  /** Calls under way. */
  get running(): number {
    return this.#gate.inside;
  }

  /** Calls that wait for one of those to end. */
  get waiting(): number {
    return this.#gate.waiting;
  }

  get identity(): string {
    const { name, url, headers } = this.#settings;
    return JSON.stringify([name, url, headers]);
  }

  get concurrency(): number {
    return this.#settings.concurrency;
  }

  get breaker(): BreakerState {
    return this.#breaker.state;
  }

  /** Open connections. */
  get sockets(): number {
    return this.#opened?.stats.connected ?? 0;
  }

  /**
   * Posts, and reads the answer, which is whole, of status 200 and UTF-8.
   * @throws {EndpointError}, or the reason of `signal`.
   */
  async ask<T>(
    question: Question<T>,
    { signal = NEVER, repeatable = false }: AskOptions = {},
  ): Promise<T> {
    signal.throwIfAborted();
    const { clock, countCall } = this.#context;
    countCall(this.name);
    const controller = new AbortController();
    const giveUp = (): void => controller.abort(signal.reason);
    const alarm = clock.after(this.#settings.timeoutMs, () =>
      controller.abort(this.#failure('timeout', `${this.#settings.timeoutMs} ms`)),
    );
    signal.addEventListener('abort', giveUp, { once: true });
    this.#calls.add(controller);
    try {
      return await this.#enter({ ...question, signal: controller.signal, repeatable });
    } catch (error) {
      this.#tellOfFailure(error);
      throw error;
    } finally {
      this.#calls.delete(controller);
      signal.removeEventListener('abort', giveUp);
      alarm.cancel();
    }
  }

  #failure(kind: FailureKind, detail?: string, cause?: unknown): EndpointError {
    return new EndpointError(this.name, kind, {
      ...(detail === undefined ? {} : { detail }),
      ...(cause === undefined ? {} : { cause }),
    });
  }

  /** What is under way fails; nothing more is sent. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const call of this.#calls) call.abort(this.#failure('closed'));
    const pool = await this.#pool;
    await pool?.destroy();
  }

  async #enter<T>(call: Call<T>): Promise<T> {
    if (this.#closed) throw this.#failure('closed');
    // Nobody waits for a place only to be refused there.
    if (this.#breaker.refuses) throw this.#failure('open');
    if (!(await this.#gate.enter(call.signal))) throw this.#failure('busy');
    try {
      const answer = await this.#guarded(call);
      this.#context.countOutcome('answered');
      return answer;
    } finally {
      this.#gate.leave();
    }
  }

  async #guarded<T>(call: Call<T>): Promise<T> {
    const pass = this.#breaker.admit();
    if (pass === null) throw this.#failure('open');
    let outcome: Outcome = 'abandoned';
    try {
      const answer = this.#read(await this.#attempts(call), call);
      outcome = 'answered';
      return answer;
    } catch (error) {
      if (error instanceof EndpointError && error.kind !== 'closed') {
        outcome = error.isAbsence ? 'failed' : 'answered';
      }
      throw error;
    } finally {
      pass.end(outcome);
    }
  }

  async #attempts(call: Call<unknown>): Promise<Answer> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#attempt(call);
      } catch (error) {
        if (error instanceof AnswerTooLarge) {
          throw this.#failure('too_large', `${this.#settings.answerBytes} bytes`);
        }
        if (!(error instanceof ExchangeBroken)) throw error;
        if (attempt >= this.#settings.retries || !mayRepeat(error, call)) {
          const kind = error.stage === 'connecting' ? 'unreachable' : 'broken';
          throw this.#failure(kind, error.message, error);
        }
        this.#context.countRetry(this.name);
        await this.#pause(attempt, call.signal);
      }
    }
  }

  async #attempt({ body, signal }: Call<unknown>): Promise<Answer> {
    const { answerBytes, secret } = this.#settings;
    const { clock, version } = this.#context;
    const pool = this.#opened ?? (await this.#open());
    const headers = {
      'user-agent': `sluice/${version}`,
      accept: 'application/json',
      ...this.#settings.headers,
      'content-type': 'application/json',
      ...(secret === null ? {} : signatureHeaders(body, secret, clock.now())),
    };
    const path = this.#url.pathname + this.#url.search;
    return exchange(pool, { path, headers, body }, { signal, bytesMax: answerBytes });
  }

  async #open(): Promise<Pool> {
    this.#pool ??= this.#context.openPool(this.#url.origin, this.#settings);
    this.#opened = await this.#pool;
    return this.#opened;
  }

  #read<T>({ status, body }: Answer, { read }: Call<T>): T {
    if (status >= 300 && status < 400) throw this.#failure('redirect', `status ${status}`);
    if (status >= 502 && status <= 504) throw this.#failure('unavailable', `status ${status}`);
    if (status !== 200) throw this.#failure('status', `status ${status}`);
    const text = textOf(body);
    if (text === null) throw this.#failure('malformed', 'it is not UTF-8');
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error;
      throw this.#failure('malformed', error.message);
    }
  }

  async #pause(attempt: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#context;
    await pause(clock, RETRY_MS * 2 ** attempt * (0.5 + random() / 2), signal);
    signal.throwIfAborted();
  }

  #tellOfFailure(error: unknown): void {
    const { countOutcome, throttled } = this.#context;
    if (!(error instanceof EndpointError)) {
      countOutcome('abandoned');
      return;
    }
    const { kind, message } = error;
    countOutcome(kind);
    // The breaker told when it opened, and whoever closes us knows.
    if (kind === 'open' || kind === 'closed') return;
    const fields = { endpoint: this.name, failure: kind, reason: message };
    throttled.warn(`endpoint ${this.name} ${kind}`, fields, 'the backend failed');
  }
}

/** With a head of an answer the backend surely had it, and what went wrong would again. */
function mayRepeat({ stage }: ExchangeBroken, { repeatable }: Call<unknown>): boolean {
  return stage === 'connecting' || (stage === 'sent' && repeatable);
}

/** Null for bytes that are not UTF-8. */
function textOf(bytes: Buffer): string | null {
  return isUtf8(bytes) ? bytes.toString() : null;
}
