/** The compact form of a signed token (RFC 7515 §7.1), taken apart and not yet believed. */
import { InvalidToken } from './invalid-token.ts';
import type { Members } from './json.ts';
import { parseMembers } from './json.ts';

/** A token longer than this is not looked at. */
export const TOKEN_LENGTH_MAX = 16 * 1024;

export interface Compact {
  /** The whole token. */
  readonly text: string;
  /** The part that is signed: header, dot and payload. */
  readonly signed: string;
  readonly alg: string;
  readonly kid: string | null;
  readonly payload: Buffer;
  readonly signature: Buffer;
}

/** @throws InvalidToken unless all that can be told without a key is in order. */
export function parseCompact(token: string): Compact {
  if (token.length > TOKEN_LENGTH_MAX) throw new InvalidToken('the token is too long');
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  if (first < 0 || second < 0) throw new InvalidToken('the token has not three parts');
  const header = parsePart(decode(token.slice(0, first), 'header'), 'header');
  const payload = decode(token.slice(first + 1, second), 'payload');
  // A fourth part is refused here too: a dot is no character of base64url.
  const signature = decode(token.slice(second + 1), 'signature');
  return { text: token, signed: token.slice(0, second), ...readHeader(header), payload, signature };
}

/** @throws InvalidToken when the payload is not a JSON object. */
export function claimsOf(token: Compact): Members {
  return parsePart(token.payload, 'payload');
}

/**
 * Only `alg` and `kid` are read. A key that the token itself offers (`jwk`, `jku`, `x5c`, `x5u`)
 * would let anyone sign.
 */
function readHeader(header: Members): { alg: string; kid: string | null } {
  const alg = header.get('alg');
  const kid = header.get('kid') ?? null;
  if (typeof alg !== 'string') throw new InvalidToken('alg is not a string');
  if (kid !== null && typeof kid !== 'string') throw new InvalidToken('kid is not a string');
  // RFC 7515 §4.1.11: extensions that are not understood must be refused; we understand none.
  if (header.has('crit')) throw new InvalidToken('the header has critical extensions');
  // RFC 7797 §7: a JWT must not have an unencoded payload.
  if ((header.get('b64') ?? true) !== true) throw new InvalidToken('the payload is not encoded');
  return { alg, kid };
}

/** Takes the one canonical spelling only: no padding, no white space, no stray bits at the end. */
function decode(part: string, name: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) throw new InvalidToken(`the ${name} is not base64url`);
  return bytes;
}

function parsePart(bytes: Buffer, name: string): Members {
  const members = parseMembers(bytes);
  if (members === null) throw new InvalidToken(`the ${name} is not a JSON object`);
  return members;
}
