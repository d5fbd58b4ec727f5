/** One HTTP request on uWS, from its head to the end of its answer. */
import { STATUS_CODES } from 'node:http';
import type { HttpResponse as UwsResponse } from 'uWebSockets.js';
import { isBodiless, TOO_LARGE } from './answers.ts';
import { BodyDraft } from './body.ts';
import type { EdgeHandlers, HttpRequest, HttpResponse, RequestHead } from './edge.ts';

/** Fits the cork buffer of uWS (16 KiB) together with the head of any answer. */
const ONE_WRITE_BYTES_MAX = 8 * 1024;

const CHARACTER_BYTES_MAX = 3;

const encoder = new TextEncoder();

/**
 * Holds the native response and lets go of it at the answer or the abort: any call on it after
 * that throws.
 */
export class UwsExchange {
  readonly #head: RequestHead;
  readonly #finished: () => void;
  #response: UwsResponse | null;
  /** Made for who asks for its signal. */
  #abort: AbortController | null = null;
  #isGone = false;

  /** `finished` is called once: when the answer is out, or its receiver gone. */
  constructor(response: UwsResponse, head: RequestHead, finished: () => void) {
    this.#response = response;
    this.#head = head;
    this.#finished = finished;
    response.onAborted(() => {
      if (!this.#finish()) return;
      this.#isGone = true;
      this.#abort?.abort();
    });
  }

  /** Collects the body, asks `handle`, and answers what it says. */
  run(bodyBytesMax: number, handle: EdgeHandlers['http']): void {
    const body = new BodyDraft(bodyBytesMax);
    let done = false;
    this.#response?.onData((chunk, last) => {
      if (done) return;
      const state = body.add(new Uint8Array(chunk), last);
      done = state !== 'more';
      if (state === 'refused') this.answer(TOO_LARGE, true);
      if (state !== 'whole') return;
      const request = new UwsRequest(this.#head, body.whole(), this);
      void handle(request).then((answer) => this.answer(answer, false));
    });
  }

  /** Aborts when the peer goes away before the answer. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#isGone) this.#abort.abort();
    return this.#abort.signal;
  }

  /**
   * Does nothing when the peer is gone. `last` closes the connection after it.
   *
   * Never in the turn of the request: there uWS would go on to what is pipelined behind it, even
   * behind a request whose end nobody can be sure of, and even on a connection that the answer
   * closed. While this one is pending, a next one makes it cut the connection.
   */
  answer(answer: HttpResponse, last: boolean): void {
    setImmediate(() => this.#write(answer, last));
  }

  #write(answer: HttpResponse, last: boolean): void {
    const response = this.#response;
    if (response === null) return;
    const body = isShortText(answer.body) ? answer.body : bytesOf(answer.body);
    const withBody = this.#head.method !== 'HEAD' && !isBodiless(answer.status);
    if (withBody && !last && typeof body !== 'string' && body.byteLength > ONE_WRITE_BYTES_MAX) {
      this.#writeLarge(response, answer, body);
      return;
    }
    response.cork(() => {
      writeHead(response, answer);
      if (last) response.end(withBody ? body : '', true);
      else if (withBody) response.end(body);
      else endWithout(response, answer.status, Buffer.byteLength(body));
    });
    this.#finish();
  }

  /**
   * The head leaves on its own, so that the body begins with an empty cork buffer: this binary can
   * lose the rest of a corked write over 16 KiB when the peer reads slowly.
   */
  #writeLarge(response: UwsResponse, answer: HttpResponse, body: Uint8Array): void {
    const push = (offset: number): boolean => {
      const [written, done] = response.tryEnd(body.subarray(offset), body.byteLength);
      if (done) this.#finish();
      return written;
    };
    response.cork(() => writeHead(response, answer));
    response.cork(() => push(0));
    if (this.#response !== null) response.onWritable(push);
  }

  #finish(): boolean {
    if (this.#response === null) return false;
    this.#response = null;
    this.#finished();
    return true;
  }
}

class UwsRequest implements HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly remoteAddress: string;
  readonly body: Uint8Array;
  readonly #exchange: UwsExchange;

  constructor(head: RequestHead, body: Uint8Array, exchange: UwsExchange) {
    this.method = head.method;
    this.path = head.path;
    this.query = head.query;
    this.headers = head.headers;
    this.remoteAddress = head.remoteAddress;
    this.body = body;
    this.#exchange = exchange;
  }

  get signal(): AbortSignal {
    return this.#exchange.signal;
  }
}

/** uWS writes it as it is, without an ArrayBuffer, which would cost more than the text. */
function isShortText(body: string | Uint8Array): body is string {
  return typeof body === 'string' && body.length * CHARACTER_BYTES_MAX <= ONE_WRITE_BYTES_MAX;
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? encoder.encode(body) : body;
}

function writeHead(response: UwsResponse, answer: HttpResponse): void {
  // What uWS says by itself.
  if (answer.status !== 200) {
    response.writeStatus(`${answer.status} ${STATUS_CODES[answer.status] ?? 'Unknown'}`);
  }
  for (const [name, value] of Object.entries(answer.headers)) response.writeHeader(name, value);
}

/**
 * RFC 9110 §8.6: the answer to HEAD tells the length that GET would have. We write it ourselves:
 * with the length as its argument `endWithoutBody` leaves the request pending, and uWS cuts the
 * connection at the next one.
 */
function endWithout(response: UwsResponse, status: number, bytes: number): void {
  if (!isBodiless(status)) response.writeHeader('content-length', String(bytes));
  response.endWithoutBody();
}
