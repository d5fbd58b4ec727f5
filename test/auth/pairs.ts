/** Key pairs for the tests of tokens, made once per file that asks. */
import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync } from 'node:crypto';

export interface Pair {
  readonly publicPem: string;
  readonly privatePem: string;
  readonly publicKey: KeyObject;
}

export function rsaPair(modulusLength = 2048): Pair {
  return pairOf(generateKeyPairSync('rsa', { modulusLength }));
}

export function ecPair(namedCurve: string): Pair {
  return pairOf(generateKeyPairSync('ec', { namedCurve }));
}

export function edPair(): Pair {
  return pairOf(generateKeyPairSync('ed25519'));
}

/** The public key as a member of a key set. */
export function jwkOf(pair: Pair, extra: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...pair.publicKey.export({ format: 'jwk' }), ...extra };
}

function pairOf({ publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }): Pair {
  return {
    publicKey,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
