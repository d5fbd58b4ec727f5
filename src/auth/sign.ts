/** Makes tokens: for the command line, for tests, and for backends in this language. */
import type { KeyObject } from 'node:crypto';
import { createPrivateKey, createSecretKey } from 'node:crypto';
import { CompactSign } from 'jose';
import type { Algorithm, HmacAlgorithm, PublicKeyAlgorithm } from './algorithms.ts';
import { algorithmsOf } from './algorithms.ts';

/** Without `alg`: HS256 for a secret, the first that fits for a private key in PEM. */
export type SigningKey =
  | { readonly secret: string; readonly alg?: HmacAlgorithm; readonly kid?: string }
  | { readonly privateKey: string; readonly alg?: PublicKeyAlgorithm; readonly kid?: string };

/** Signs the claims as they are: nothing is added to them or checked. */
export async function signToken(
  claims: Readonly<Record<string, unknown>>,
  signing: SigningKey,
): Promise<string> {
  const [key, alg] = keyOf(signing);
  const header = { alg, typ: 'JWT', ...(signing.kid === undefined ? {} : { kid: signing.kid }) };
  return new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader(header).sign(key);
}

/** @throws Error when the private key cannot sign tokens. */
function keyOf(signing: SigningKey): [KeyObject, Algorithm] {
  if ('secret' in signing) return [createSecretKey(signing.secret, 'utf8'), signing.alg ?? 'HS256'];
  const key = createPrivateKey(signing.privateKey);
  const alg = signing.alg ?? algorithmsOf(key)[0];
  if (alg === undefined) throw new Error('the private key is of a kind that signs no tokens');
  return [key, alg];
}
