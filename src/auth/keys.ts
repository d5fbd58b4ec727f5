/** The keys of the server API. */
import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Compares digests, all of them, in a time that tells nothing: neither how much of a candidate was
 * right, nor how long a key is, nor which of them it was.
 */
export class ApiKeys {
  readonly #digests: readonly Buffer[];

  /** @throws Error for an empty key: a request without one would then be let in. */
  constructor(keys: readonly string[]) {
    if (keys.includes('')) throw new Error('an API key is empty');
    this.#digests = keys.map(digest);
  }

  /** False when there is no key: then none is accepted. */
  get enabled(): boolean {
    return this.#digests.length > 0;
  }

  accepts(candidate: string): boolean {
    const asked = digest(candidate);
    let found = false;
    for (const known of this.#digests) found = timingSafeEqual(known, asked) || found;
    return found;
  }
}

const SCHEME = 'apikey ';

/**
 * The key of a request, from `X-API-Key: k` or `Authorization: apikey k`; null where there is none.
 * `headers` has lower-case names. A key in the URL is not looked for: URLs are logged.
 */
export function apiKeyOf(headers: ReadonlyMap<string, string>): string | null {
  const key = headers.get('x-api-key');
  if (key !== undefined) return key;
  const authorization = headers.get('authorization') ?? '';
  const isScheme = authorization.slice(0, SCHEME.length).toLowerCase() === SCHEME;
  return isScheme ? authorization.slice(SCHEME.length).trim() : null;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
