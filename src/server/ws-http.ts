/** One HTTP request on `node:http`, from its head to the end of its answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { isBodiless, TOO_LARGE } from './answers.ts';
import { BodyDraft } from './body.ts';
import type { EdgeHandlers, HttpResponse, RequestHead } from './edge.ts';
import { addHeader, plainAddress } from './head.ts';

/** What uWS has built in: a peer that takes nothing for as long is gone. */
export const HTTP_IDLE_MS = 10_000;

const EMPTY = new Uint8Array(0);

/** From the raw headers: node drops the second of some, and joins others its own way. */
export function readHead(request: IncomingMessage): RequestHead {
  const headers = new Map<string, string>();
  const raw = request.rawHeaders;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    addHeader(headers, raw[at]!.toLowerCase(), raw[at + 1]!);
  }
  const target = request.url ?? '';
  const mark = target.indexOf('?');
  return {
    method: (request.method ?? '').toUpperCase(),
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? '' : target.slice(mark + 1),
    headers,
    remoteAddress: plainAddress(request.socket.remoteAddress ?? ''),
  };
}

/** Collects the body, asks `handle`, and answers what it says. */
export function runExchange(
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  head: RequestHead,
  bodyBytesMax: number,
  handle: EdgeHandlers['http'],
): void {
  const body = new BodyDraft(bodyBytesMax);
  const abort = new AbortController();
  let done = false;
  const add = (chunk: Uint8Array, last: boolean): void => {
    if (done) return;
    const state = body.add(chunk, last);
    done = state !== 'more';
    if (state === 'refused') answer(response, TOO_LARGE, true);
    if (state !== 'whole') return;
    const whole = { ...head, body: body.whole(), signal: abort.signal };
    void handle(whole).then((said) => answer(response, said, false));
  };
  request.on('data', (chunk: Uint8Array) => add(chunk, false));
  request.on('end', () => add(EMPTY, true));
  // Comes after the answer too; then nobody is left to hear of it.
  response.on('close', () => {
    done = true;
    if (!response.writableFinished) abort.abort();
  });
}

/** Does nothing when the peer is gone. `last` closes the connection after it. */
export function answer(response: ServerResponse, said: HttpResponse, last: boolean): void {
  if (response.destroyed) return;
  for (const [name, value] of Object.entries(said.headers)) response.setHeader(name, value);
  // The answer to HEAD too tells the length that GET would have.
  if (!isBodiless(said.status)) response.setHeader('content-length', Buffer.byteLength(said.body));
  if (last) response.setHeader('connection', 'close');
  response.writeHead(said.status);
  // Node ends the silence of a socket only between requests.
  response.setTimeout(HTTP_IDLE_MS);
  response.end(said.body);
}

/** Answers a request that node gave up as an upgrade, and ends the connection. */
export function answerRaw(socket: Duplex, said: HttpResponse): void {
  const head = [`HTTP/1.1 ${said.status} ${STATUS_CODES[said.status] ?? 'Unknown'}`];
  for (const [name, value] of Object.entries(said.headers)) head.push(`${name}: ${value}`);
  head.push(`content-length: ${Buffer.byteLength(said.body)}`, 'connection: close', '', '');
  socket.write(head.join('\r\n'));
  socket.end(said.body, () => socket.destroy());
}

const OF_THE_UPGRADE = new Set(['upgrade', 'http2-settings', 'connection']);

/**
 * RFC 9110 §7.8: an offer to upgrade may be ignored, and some clients make one with each request
 * (Java's offers h2c). Node 22 lets go of its parser at any such offer, so the request is put back
 * in front of the socket without it, and read again.
 */
export function withoutOffer(request: IncomingMessage, socket: Duplex, rest: Uint8Array): void {
  const head = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  const raw = request.rawHeaders;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (!OF_THE_UPGRADE.has(raw[at]!.toLowerCase())) head.push(`${raw[at]}: ${raw[at + 1]}`);
  }
  head.push('', '');
  socket.unshift(Buffer.concat([Buffer.from(head.join('\r\n'), 'latin1'), rest]));
}
