/** The signature, as a backend checks it. */
import { describe, expect, test } from 'vitest';
import type { SignedRequest } from '../../src/hooks/signature.ts';
import {
  SIGNATURE_HEADER,
  SIGNATURE_TOLERANCE_MS,
  signatureHeaders,
  TIMESTAMP_HEADER,
  verifySignature,
} from '../../src/hooks/signature.ts';

const SECRET = 'a secret of the tests';
const NOW = 1_700_000_000_000;
const BODY = '{"hook":"connect","user":"ann"}';
const OPENSSL = '9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae';

function signed(body: string | Uint8Array = BODY, secret = SECRET, nowMs = NOW): SignedRequest {
  return { headers: signatureHeaders(body, secret, nowMs), body };
}

const verify = (
  request: SignedRequest,
  secret: string | readonly string[] = SECRET,
  nowMs = NOW,
): boolean => verifySignature(request, secret, { nowMs });

describe('a signature', () => {
  test('is HMAC-SHA256 over timestamp, dot and body, as any other tool makes it', () => {
    // printf '%s' '1700000000.{}' | openssl dgst -sha256 -hmac key
    expect(signatureHeaders('{}', 'key', NOW + 999)).toEqual({
      'x-sluice-timestamp': '1700000000',
      'x-sluice-signature': `v1=${OPENSSL}`,
    });
  });

  test('is found in headers of node:http and of fetch, over text and over bytes', () => {
    const { headers } = signed('{"a":"é"}');
    for (const body of [
      '{"a":"é"}',
      Buffer.from('{"a":"é"}'),
      new TextEncoder().encode('{"a":"é"}'),
    ]) {
      expect(verify({ headers, body })).toBe(true);
      expect(verify({ headers: new Headers(headers as Record<string, string>), body })).toBe(true);
    }
  });

  test('does not fit another body, time or secret', () => {
    const { headers } = signed();
    expect(verify({ headers, body: BODY.replace('ann', 'bob') })).toBe(false);
    expect(verify({ headers: { ...headers, [TIMESTAMP_HEADER]: '1700000001' }, body: BODY })).toBe(
      false,
    );
    expect(verify(signed(), 'another secret')).toBe(false);
    expect(verify(signed())).toBe(true);
  });

  test('is good for five minutes, before and after', () => {
    for (const ms of [0, 1000, -1000, SIGNATURE_TOLERANCE_MS, -SIGNATURE_TOLERANCE_MS]) {
      expect(verify(signed(), SECRET, NOW + ms)).toBe(true);
    }
    for (const ms of [SIGNATURE_TOLERANCE_MS + 1000, -SIGNATURE_TOLERANCE_MS - 1000]) {
      expect(verify(signed(), SECRET, NOW + ms)).toBe(false);
    }
    expect(verifySignature(signed(), SECRET, { nowMs: NOW + 2000, toleranceMs: 1000 })).toBe(false);
    // Without a time it is now.
    expect(verifySignature(signed(), SECRET)).toBe(false);
    expect(verifySignature(signed(BODY, SECRET, Date.now()), SECRET)).toBe(true);
  });

  test('may be one of several, and the secret one of several, while it is replaced', () => {
    const both = [signed(), signed(BODY, 'the next one')].map(
      ({ headers }) => (headers as Record<string, string>)[SIGNATURE_HEADER],
    );
    const headers = { ...signed().headers, [SIGNATURE_HEADER]: `v0=abc, ${both.join(' , ')}` };
    for (const secret of [SECRET, 'the next one', ['older', 'the next one']]) {
      expect(verify({ headers, body: BODY }, secret)).toBe(true);
    }
    expect(verify({ headers, body: BODY }, ['older', 'oldest'])).toBe(false);
  });

  const one = `v1=${'0'.repeat(64)}`;
  test.each<[string, Record<string, string | string[] | undefined>]>([
    ['is missing', { [SIGNATURE_HEADER]: undefined }],
    ['is empty', { [SIGNATURE_HEADER]: '' }],
    ['is wrong', { [SIGNATURE_HEADER]: one }],
    ['is too short', { [SIGNATURE_HEADER]: 'v1=00' }],
    ['is no hex', { [SIGNATURE_HEADER]: `v1=${'x'.repeat(64)}` }],
    ['is of another version', { [SIGNATURE_HEADER]: one.replace('v1', 'v2') }],
    ['is a list of headers', { [SIGNATURE_HEADER]: [one] }],
    ['has no time', { [TIMESTAMP_HEADER]: undefined }],
    ['has no number for a time', { [TIMESTAMP_HEADER]: 'now' }],
    ['has a negative time', { [TIMESTAMP_HEADER]: '-1700000000' }],
    ['has a time with a point', { [TIMESTAMP_HEADER]: '1700000000.0' }],
    ['has an endless time', { [TIMESTAMP_HEADER]: '9'.repeat(400) }],
  ])('that %s is refused', (_name, wrong) => {
    const headers = signed().headers as Readonly<Record<string, string>>;
    expect(verify({ headers: { ...headers, ...wrong }, body: BODY })).toBe(false);
  });

  test('is never checked with an empty secret: everybody has that one', () => {
    for (const secret of ['', [], [SECRET, '']]) {
      expect(() => verify(signed(BODY, 'x'), secret)).toThrow('the secret is empty');
    }
  });
});
