/** The kinds of values that are keys: shared secrets, API keys, public keys. */
import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { kind, quoted } from './kinds.ts';
import type { Kind } from './kinds.ts';

const PEM = '-----BEGIN';

/** Spaces around it are refused: they are the line end of some file, and no token would verify. */
export const hmacSecret: Kind<string> = kind({
  name: 'secret',
  allowed: 'a string with something in it and no spaces around it',
  secret: true,
  schema: { type: 'string', pattern: '^\\S(.*\\S)?$' },
  parse(value) {
    if (typeof value !== 'string' || value.trim() !== value) return undefined;
    // Whoever knows a public key could then sign tokens with it.
    return value === '' || value.includes(PEM) ? undefined : value;
  },
  hint: (value) =>
    typeof value === 'string' && value.includes(PEM) ? 'it is a PEM key' : quoted(value),
});

/** It travels in an HTTP header. */
export const apiKey: Kind<string> = kind({
  name: 'secret',
  allowed: 'a string of printable ASCII characters without spaces',
  secret: true,
  schema: { type: 'string', pattern: '^[!-~]+$' },
  parse: (value) => (typeof value === 'string' && /^[!-~]+$/.test(value) ? value : undefined),
  hint: quoted,
});

/** What the public key of each algorithm is to node:crypto. */
const KEY_TYPES = { RSA: 'rsa', ECDSA: 'ec', EdDSA: 'ed25519' } as const;
type Algorithm = keyof typeof KEY_TYPES;
/** P-256, P-384 and P-521, as OpenSSL calls them. */
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];

/** PEM, as text. In a flag or a variable `\n` may stand for the line ends. */
export function publicKey(algorithm: Algorithm): Kind<string> {
  return kind({
    name: 'PEM',
    allowed: `an ${algorithm} public key in PEM (-----BEGIN PUBLIC KEY-----)`,
    // Somebody will paste the private key.
    secret: true,
    schema: { type: 'string', pattern: '^\\s*-----BEGIN PUBLIC KEY-----' },
    parse(value) {
      const key = typeof value === 'string' ? keyOf(value) : undefined;
      if (typeof value !== 'string' || key === undefined) return undefined;
      return unfit(key, algorithm) === undefined ? value.trim() : undefined;
    },
    hint(value) {
      const given = typeof value === 'string' ? value : '';
      if (given.includes('PRIVATE KEY')) return 'it is a private key, which belongs to the issuer';
      const key = keyOf(given);
      return key === undefined ? undefined : unfit(key, algorithm);
    },
    fromText: (given) => given.replaceAll('\\n', '\n'),
  });
}

function keyOf(pem: string): KeyObject | undefined {
  if (!pem.trim().startsWith('-----BEGIN PUBLIC KEY-----')) return undefined;
  try {
    return createPublicKey(pem);
  } catch {
    // The caller tells what is allowed; what OpenSSL says helps nobody.
    return undefined;
  }
}

/** RFC 7518 §3.3: 2048 bits at least; §3.4: three curves. */
function unfit(key: KeyObject, algorithm: Algorithm): string | undefined {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType !== KEY_TYPES[algorithm]) {
    return `it is a key of type ${key.asymmetricKeyType}`;
  }
  if (modulusLength !== undefined && modulusLength < 2048) {
    return `it has ${modulusLength} bits, and needs 2048`;
  }
  if (namedCurve !== undefined && !CURVES.includes(namedCurve)) {
    return `its curve is ${namedCurve}, and must be P-256, P-384 or P-521`;
  }
  return undefined;
}
