/** What both edges make of the head of a request, and which heads they refuse. */
import { SocketAddress } from 'node:net';
import { BAD_REQUEST, HEAD_TOO_LARGE, OTHER_VERSION } from './answers.ts';
import type { HttpResponse, RequestHead } from './edge.ts';

/** What a head has besides its names and values: spaces, colons, ends of lines, the version. */
const LINE_BYTES = 14;
const HEADER_BYTES = 4;

const TARGET = /^[\x21-\x7e]*$/;
const DIGITS = /^\d{1,15}$/;
const KEY = /^[+/0-9A-Za-z]{22}==$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const MAPPED = '::ffff:';

/** Puts one header to the others; `name` is in lower case. */
export function addHeader(headers: Map<string, string>, name: string, value: string): void {
  const before = headers.get(name);
  headers.set(name, before === undefined ? value : `${before}, ${value}`);
}

/** The answer to a head that must not be acted on, or null. */
export function headRefusal(head: RequestHead, bytesMax: number): HttpResponse | null {
  if (headBytes(head) > bytesMax) return HEAD_TOO_LARGE;
  return isWellFramed(head.headers) && TARGET.test(head.path) && TARGET.test(head.query)
    ? null
    : BAD_REQUEST;
}

function headBytes(head: RequestHead): number {
  let bytes = LINE_BYTES + head.method.length + head.path.length + head.query.length;
  for (const [name, value] of head.headers) bytes += HEADER_BYTES + name.length + value.length;
  return bytes;
}

/**
 * RFC 9112 §6.3: where it is unclear how long a request is, whoever forwarded it may have seen
 * another one behind it. A header that came twice holds a comma here, and so fails too.
 */
function isWellFramed(headers: ReadonlyMap<string, string>): boolean {
  const length = headers.get('content-length');
  const encoding = headers.get('transfer-encoding');
  if (length !== undefined && (encoding !== undefined || !DIGITS.test(length))) return false;
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked') return false;
  return headers.get('host')?.includes(',') !== true;
}

/** Whether the request asks for a WebSocket; an offer of another protocol is to be ignored. */
export function asksForWebSocket(head: RequestHead): boolean {
  return (
    head.headers.get('upgrade')?.toLowerCase() === 'websocket' &&
    listed(head.headers.get('connection')).some((token) => token.toLowerCase() === 'upgrade')
  );
}

/** RFC 6455 §4.2.1: the answer to an opening handshake that is not one, or null. */
export function handshakeRefusal(head: RequestHead): HttpResponse | null {
  if (head.method !== 'GET' || !KEY.test(head.headers.get('sec-websocket-key') ?? '')) {
    return BAD_REQUEST;
  }
  if (head.headers.get('sec-websocket-version') !== '13') return OTHER_VERSION;
  const protocols = head.headers.get('sec-websocket-protocol');
  const offers = listed(protocols);
  if (protocols !== undefined && !offers.every((offer) => TOKEN.test(offer))) return BAD_REQUEST;
  return new Set(offers).size === offers.length ? null : BAD_REQUEST;
}

function listed(value: string | undefined): string[] {
  return value === undefined ? [] : value.split(',').map((item) => item.trim());
}

/** One spelling per peer: `::ffff:7f00:1` in any of its forms is `127.0.0.1`. */
export function plainAddress(address: string): string {
  if (!address.includes(':')) return address;
  const short = new SocketAddress({ address, family: 'ipv6' }).address;
  return short.startsWith(MAPPED) && short.includes('.') ? short.slice(MAPPED.length) : short;
}
