/** The signature on what a gateway sends to a backend, and how the backend checks it. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** Seconds since the Unix epoch. */
export const TIMESTAMP_HEADER = 'x-sluice-timestamp';
/** `v1=` and 64 hex digits; several, between commas, while a secret is replaced. */
export const SIGNATURE_HEADER = 'x-sluice-signature';

/** How far from now a request may be dated: what is older may be a copy of one that was overheard. */
export const SIGNATURE_TOLERANCE_MS = 300_000;

type Body = string | Uint8Array;

/** HMAC-SHA256 over the timestamp, a dot and the body as it travels. */
export function signatureHeaders(
  body: Body,
  secret: string,
  nowMs: number,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1000));
  return {
    [TIMESTAMP_HEADER]: timestamp,
    [SIGNATURE_HEADER]: `v1=${digestOf(timestamp, body, secret).toString('hex')}`,
  };
}

/** What came in: the headers of `node:http` or of `fetch`, and the body before it was parsed. */
export interface SignedRequest {
  readonly headers:
    | { get(name: string): string | null }
    | Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Body;
}

export interface VerifyOptions {
  /** Default: five minutes. */
  readonly toleranceMs?: number;
  /** Milliseconds since the Unix epoch; default: now. */
  readonly nowMs?: number;
}

/**
 * Whether a request was signed with the secret, or with one of several, and lately. Compares in
 * constant time. @throws when a secret is empty: everybody has that one.
 */
export function verifySignature(
  request: SignedRequest,
  secret: string | readonly string[],
  { toleranceMs = SIGNATURE_TOLERANCE_MS, nowMs = Date.now() }: VerifyOptions = {},
): boolean {
  const secrets = typeof secret === 'string' ? [secret] : secret;
  if (secrets.length === 0 || secrets.includes('')) throw new Error('the secret is empty');
  const timestamp = headerOf(request, TIMESTAMP_HEADER);
  if (!/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(nowMs - Number(timestamp) * 1000) > toleranceMs) return false;
  const signatures = headerOf(request, SIGNATURE_HEADER)
    .split(',')
    .map((each) => /^\s*v1=([0-9a-f]{64})\s*$/.exec(each)?.[1])
    .filter((hex) => hex !== undefined)
    .map((hex) => Buffer.from(hex, 'hex'));
  return secrets.some((each) => {
    const expected = digestOf(timestamp, request.body, each);
    return signatures.some((signature) => timingSafeEqual(signature, expected));
  });
}

function digestOf(timestamp: string, body: Body, secret: string): Buffer {
  return createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest();
}

function headerOf({ headers }: SignedRequest, name: string): string {
  const value = isFetched(headers) ? headers.get(name) : headers[name];
  return typeof value === 'string' ? value : '';
}

function isFetched(
  headers: SignedRequest['headers'],
): headers is { get(name: string): string | null } {
  return typeof headers['get'] === 'function';
}
