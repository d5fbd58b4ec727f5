/** The signature algorithms a token may use, and which of them fits a key. */
import type { KeyObject } from 'node:crypto';

/** The HMAC algorithms, each with its hash. */
export const HMAC_HASHES = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const;
export type HmacAlgorithm = keyof typeof HMAC_HASHES;

const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512'] as const;
/** By the name OpenSSL has for the curve. RFC 7518 §3.4: each curve has one algorithm. */
const CURVE_ALGORITHMS = {
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
} as const;

export type PublicKeyAlgorithm =
  | (typeof RSA_ALGORITHMS)[number]
  | (typeof CURVE_ALGORITHMS)[keyof typeof CURVE_ALGORITHMS][number]
  | 'EdDSA';
export type Algorithm = HmacAlgorithm | PublicKeyAlgorithm;

/** RFC 7518 §3.3: a key of 2048 bits or larger must be used. */
const RSA_BITS_MIN = 2048;

export function isHmacAlgorithm(alg: string): alg is HmacAlgorithm {
  return Object.hasOwn(HMAC_HASHES, alg);
}

/** What an asymmetric key may sign or verify: nothing for a kind, curve or size we refuse. */
export function algorithmsOf(key: KeyObject): readonly PublicKeyAlgorithm[] {
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = key;
  if (kind === 'rsa') return (details?.modulusLength ?? 0) >= RSA_BITS_MIN ? RSA_ALGORITHMS : [];
  if (kind === 'ed25519') return ['EdDSA'];
  const curve = details?.namedCurve;
  return kind === 'ec' && isCurve(curve) ? CURVE_ALGORITHMS[curve] : [];
}

function isCurve(name: string | undefined): name is keyof typeof CURVE_ALGORITHMS {
  return name !== undefined && Object.hasOwn(CURVE_ALGORITHMS, name);
}
