/** One HTTP request and its answer, within a bound and before a signal. */
import type { Dispatcher } from 'undici';
import { Deferred } from '../kernel/deferred.ts';

export interface Posted {
  /** Of the URL, with its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** How far it came: nothing was written; all or a part was; the head of an answer was read. */
export type Stage = 'connecting' | 'sent' | 'answering';

/** The connection was not made, or ended too early. */
export class ExchangeBroken extends Error {
  override readonly name = 'ExchangeBroken';
  readonly stage: Stage;

  constructor(stage: Stage, cause: Error) {
    super(reasonOf(cause), { cause });
    this.stage = stage;
  }
}

/** The answer has more bytes than were allowed. */
export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge';
}

export interface ExchangeBounds {
  readonly signal: AbortSignal;
  readonly bytesMax: number;
}

/**
 * Posts once. A redirect is an answer like any other. When `signal` aborts, the connection is given
 * up with whatever is on it.
 * @throws {ExchangeBroken}, {AnswerTooLarge}, or the reason of the signal.
 */
export function exchange(
  dispatcher: Dispatcher,
  posted: Posted,
  bounds: ExchangeBounds,
): Promise<Answer> {
  const handler = new Handler(bounds);
  // Time is kept by the signal.
  const times = { headersTimeout: 0, bodyTimeout: 0 };
  if (!bounds.signal.aborted) dispatcher.dispatch({ ...posted, ...times, method: 'POST' }, handler);
  return handler.answer;
}

class Handler implements Dispatcher.DispatchHandler {
  readonly #bounds: ExchangeBounds;
  readonly #answer = new Deferred<Answer>();
  readonly #giveUp = (): void => this.#fail(this.#bounds.signal.reason);
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #status = 0;
  #stage: Stage = 'connecting';
  #controller: Dispatcher.DispatchController | null = null;
  #settled = false;

  constructor(bounds: ExchangeBounds) {
    this.#bounds = bounds;
    const { signal } = bounds;
    if (signal.aborted) this.#giveUp();
    else signal.addEventListener('abort', this.#giveUp, { once: true });
  }

  get answer(): Promise<Answer> {
    return this.#answer.promise;
  }

  /** Called before the first byte is written. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) this.#abort();
    else this.#stage = 'sent';
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    // 1xx is not the answer yet.
    if (status < 200) return;
    this.#stage = 'answering';
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bounds.bytesMax) this.#fail(new AnswerTooLarge());
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (!this.#settle()) return;
    this.#answer.resolve({ status: this.#status, body: Buffer.concat(this.#chunks) });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settle()) this.#answer.reject(new ExchangeBroken(this.#stage, error));
  }

  #fail(reason: unknown): void {
    if (!this.#settle()) return;
    this.#answer.reject(reason);
    this.#abort();
  }

  #abort(): void {
    this.#controller?.abort(new Error('given up'));
  }

  /** False when it was settled before. */
  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#bounds.signal.removeEventListener('abort', this.#giveUp);
    return true;
  }
}

/** Of several addresses that were tried each has an error; the first tells enough. */
function reasonOf(cause: Error): string {
  if (cause instanceof AggregateError && cause.message === '') {
    const [first] = cause.errors;
    if (first instanceof Error) return first.message;
  }
  return cause.message;
}
