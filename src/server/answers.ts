/** The answers an edge gives by itself, before the gateway is asked. */
import type { HttpResponse } from './edge.ts';

function plain(status: number, text: string, headers: Record<string, string> = {}): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', ...headers },
    body: `${text}\n`,
  };
}

export const BAD_REQUEST = plain(400, 'bad request');
export const TOO_LARGE = plain(413, 'request body too large');
/** RFC 6455 §4.4: the answer to an unknown version names those that are known. */
export const OTHER_VERSION = plain(426, 'WebSocket version 13 needed', {
  'sec-websocket-version': '13',
  upgrade: 'websocket',
});
export const TOO_BUSY = plain(429, 'too many requests at once', { 'retry-after': '1' });
export const HEAD_TOO_LARGE = plain(431, 'request head too large');
export const STOPPING = plain(503, 'shutting down', { 'retry-after': '1' });

/** RFC 9110 §8.6: these have neither a body nor a length. */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 304;
}
