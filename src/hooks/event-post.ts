/** Posts batches of events to the backend, over one connection that is kept. */
import type { Dispatcher, Pool } from 'undici';
import type { Clock } from '../kernel/clock.ts';
import { signatureHeaders } from './signature.ts';

export interface EventPostOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: nothing is signed. */
  readonly secret: string | null;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly version: string;
}

/** The head of an answer: the rest of it is of no interest. */
export interface PostAnswer {
  readonly status: number;
  /** 0 where the backend does not say. */
  readonly retryAfterMs: number;
}

/** No connection could be made: nothing was sent. */
export class NotReached extends Error {
  override readonly name = 'NotReached';
}

/** A connection is used again when its answer ends within this. */
const BODY_BYTES_MAX = 64 * 1024;
const BODY_MS_MAX = 1000;

export class EventPost {
  readonly #options: EventPostOptions;
  readonly #url: URL;
  #pool: Promise<Pool> | null = null;

  constructor(options: EventPostOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
  }

  /** @throws {NotReached}, or what broke the connection, or the reason of the signal. */
  async send(body: string, signal: AbortSignal): Promise<PostAnswer> {
    this.#pool ??= this.#open();
    const pool = await this.#pool;
    try {
      const {
        statusCode,
        headers,
        body: rest,
      } = await pool.request({
        method: 'POST',
        path: this.#url.pathname + this.#url.search,
        headers: this.#headers(body),
        body,
        signal,
        // Time is kept by the signal.
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      await skipped(rest);
      return { status: statusCode, retryAfterMs: delayOf(headers['retry-after']) };
    } catch (error) {
      signal.throwIfAborted();
      throw isOfConnecting(error) ? new NotReached(error.message, { cause: error }) : error;
    }
  }

  async close(): Promise<void> {
    const pool = await this.#pool;
    await pool?.destroy();
  }

  async #open(): Promise<Pool> {
    const { Pool: Connections } = await import('undici');
    const { timeoutMs } = this.#options;
    return new Connections(this.#url.origin, { connections: 1, connectTimeout: timeoutMs });
  }

  #headers(body: string): Record<string, string> {
    const { headers, secret, clock, version } = this.#options;
    return {
      'user-agent': `sluice/${version}`,
      ...headers,
      'content-type': 'application/json',
      ...(secret === null ? {} : signatureHeaders(body, secret, clock.now())),
    };
  }
}

/** What does not end by itself, ends with its connection. */
async function skipped(body: Dispatcher.ResponseData['body']): Promise<void> {
  try {
    await body.dump({ limit: BODY_BYTES_MAX, signal: AbortSignal.timeout(BODY_MS_MAX) });
  } catch {
    // The backend has said what it had to say.
  }
}

/** RFC 9110 §10.2.3: seconds, or a date, which is not heeded. */
function delayOf(retryAfter: string | string[] | undefined): number {
  return /^\d{1,6}$/.test(String(retryAfter)) ? Number(retryAfter) * 1000 : 0;
}

const OF_CONNECTING = new Set<unknown>([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function isOfConnecting(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && OF_CONNECTING.has(error.code);
}
