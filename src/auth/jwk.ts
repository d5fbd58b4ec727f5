/** A set of JSON Web Keys (RFC 7517) as a document: which of its keys verify tokens. */
import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import { algorithmsOf } from './algorithms.ts';
import type { Members } from './json.ts';
import { membersOf, parseMembers } from './json.ts';

/** Keys of one id, by the algorithm that each may verify. */
export type KeysOfId = ReadonlyMap<string, KeyObject>;
export type KeysById = ReadonlyMap<string, KeysOfId>;

/**
 * A set without a single key for us is taken for a mistake of whoever serves it, not for the
 * withdrawal of all keys.
 * @throws Error when the bytes are no such set, or it has more than `keysMax` keys.
 */
export function parseKeySet(bytes: Buffer, keysMax: number): KeysById {
  const list = parseMembers(bytes)?.get('keys');
  if (!Array.isArray(list)) throw new Error('the answer is not a key set');
  if (list.length > keysMax) throw new Error('the set has too many keys');
  const keys = new Map<string, Map<string, KeyObject>>();
  for (const value of list) {
    const jwk = membersOf(value);
    if (jwk !== null) addKey(keys, jwk);
  }
  if (keys.size === 0) throw new Error('the set has no key that verifies tokens');
  return keys;
}

/** RFC 7517 §4.5: keys of one id may differ in kind. Of two for one algorithm the first counts. */
function addKey(keys: Map<string, Map<string, KeyObject>>, jwk: Members): void {
  const kid = jwk.get('kid');
  const key = importKey(jwk);
  if (key === null || typeof kid !== 'string') return;
  const only = jwk.get('alg') ?? null;
  for (const alg of algorithmsOf(key)) {
    if (only !== null && only !== alg) continue;
    const ofId = keys.get(kid) ?? new Map<string, KeyObject>();
    if (!ofId.has(alg)) ofId.set(alg, key);
    keys.set(kid, ofId);
  }
}

/**
 * Null for a key that is not there to verify signatures: sets also hold keys for encryption and of
 * kinds to come, so one that we cannot use is no fault of the set.
 */
function importKey(jwk: Members): KeyObject | null {
  const operations = jwk.get('key_ops') ?? ['verify'];
  if ((jwk.get('use') ?? 'sig') !== 'sig') return null;
  if (!Array.isArray(operations) || !operations.includes('verify')) return null;
  // A private key that was published is everyone's, and a secret is no public key.
  if (jwk.has('d') || jwk.get('kty') === 'oct') return null;
  try {
    return createPublicKey({ key: Object.fromEntries(jwk), format: 'jwk' });
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}
