/** The keys published at one URL (JWKS, RFC 7517 §5), read when they are needed. */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import type { Count } from '../kernel/meters.ts';
import type { KeysById, KeysOfId } from './jwk.ts';
import { parseKeySet } from './jwk.ts';

export interface KeySetLimits {
  /** For one read, from the connection to the last byte. */
  readonly timeoutMs: number;
  /** From this age on the set is read again, while what is known is still used. */
  readonly refreshAfterMs: number;
  /** From this age on nothing of it is used: so long a key that was withdrawn may live on. */
  readonly cacheMaxAgeMs: number;
  /** Between the end of one read and the start of the next, whatever peers ask for. */
  readonly cooldownMs: number;
  /** Keys in a set; a larger one is refused whole. */
  readonly keysMax: number;
  /** Of the answer, after decompression. */
  readonly bytesMax: number;
  /** Unknown key ids that are remembered until the next read. */
  readonly unknownMax: number;
}

export const KEY_SET_LIMITS: KeySetLimits = {
  timeoutMs: 5000,
  refreshAfterMs: 600_000,
  cacheMaxAgeMs: 3_600_000,
  cooldownMs: 5000,
  keysMax: 100,
  bytesMax: 1024 * 1024,
  unknownMax: 1000,
};

/** Key ids are the peer's text and are remembered; those of issuers are a fraction of this. */
const KEY_ID_LENGTH_MAX = 255;

export interface KeySetContext {
  readonly clock: Clock;
  readonly fetch: typeof fetch;
  readonly log: Log;
  /** Of reads, by outcome: `read` or `failed`. */
  readonly count: Count;
}

/**
 * One set is of one URL and one issuer, and is shared with none: the same key id of another issuer
 * is another key (CVE-2026-49998). The URL is from the configuration alone, never made of what a
 * token says (CVE-2026-32301).
 */
export class KeySet {
  readonly #url: URL;
  readonly #limits: KeySetLimits;
  readonly #context: KeySetContext;
  #keys: KeysById = new Map();
  /** The ids that the last read was asked for and did not have. */
  readonly #unknown = new Set<string>();
  #readAtMs: number | null = null;
  #triedAtMs: number | null = null;
  #reading: Promise<boolean> | null = null;
  #abort: AbortController | null = null;
  #closed = false;

  /** @throws Error when `url` is not one that can be read. */
  constructor(url: string, limits: KeySetLimits, context: KeySetContext) {
    this.#url = parseUrl(url);
    this.#limits = limits;
    this.#context = context;
  }

  /**
   * The key with that id, if it fits the algorithm. All that wait share one read.
   * @throws Refusal `internal`, which is temporary, when the set cannot tell now: it cannot be read,
   * or was read so short a time ago that a new key may be missing from it.
   */
  async key(kid: string, alg: string): Promise<KeyObject | null> {
    if (kid === '' || kid.length > KEY_ID_LENGTH_MAX) return null;
    if (this.#closed) throw new Refusal('internal');
    const known = this.#usable() ? this.#keys.get(kid) : undefined;
    if (known !== undefined) this.#refresh();
    const keys = known ?? (await this.#lookUp(kid));
    return keys?.get(alg) ?? null;
  }

  /** Ends a read under way; from now on every answer is the Refusal. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#abort?.abort();
    await this.#reading;
  }

  /** For a key id that is not known: reads the set, unless that was done for it a moment ago. */
  async #lookUp(kid: string): Promise<KeysOfId | null> {
    if (!this.#mayRead() && this.#usable() && this.#unknown.has(kid)) return null;
    if (!this.#mayRead() || !(await this.#read())) throw new Refusal('internal');
    const found = this.#keys.get(kid);
    if (found === undefined && this.#unknown.size < this.#limits.unknownMax) this.#unknown.add(kid);
    return found ?? null;
  }

  #refresh(): void {
    if (this.#since(this.#readAtMs) < this.#limits.refreshAfterMs || !this.#mayRead()) return;
    void this.#read();
  }

  #usable(): boolean {
    return this.#since(this.#readAtMs) < this.#limits.cacheMaxAgeMs;
  }

  #mayRead(): boolean {
    return this.#reading !== null || this.#since(this.#triedAtMs) >= this.#limits.cooldownMs;
  }

  /** Infinite for never, and for a time ahead: then the clock was set back. */
  #since(timeMs: number | null): number {
    const elapsedMs = timeMs === null ? -1 : this.#context.clock.now() - timeMs;
    return elapsedMs < 0 ? Infinity : elapsedMs;
  }

  /** False when it failed; never rejects. */
  #read(): Promise<boolean> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = null;
      this.#triedAtMs = this.#context.clock.now();
    });
    return this.#reading;
  }

  async #readOnce(): Promise<boolean> {
    const { clock, log, count } = this.#context;
    const abort = new AbortController();
    const alarm = clock.after(this.#limits.timeoutMs, () => abort.abort(new Error('timed out')));
    this.#abort = abort;
    try {
      const keys = parseKeySet(await this.#fetch(abort.signal), this.#limits.keysMax);
      this.#keys = keys;
      this.#readAtMs = clock.now();
      this.#unknown.clear();
      count('read');
      return true;
    } catch (error) {
      if (!this.#closed) {
        count('failed');
        log.warn(
          { err: error, url: this.#url.origin + this.#url.pathname },
          'cannot read the key set',
        );
      }
      return false;
    } finally {
      alarm.cancel();
      // Lets go of an answer that was not read to its end.
      abort.abort();
    }
  }

  async #fetch(signal: AbortSignal): Promise<Buffer> {
    const response = await this.#context.fetch(this.#url, {
      // A redirect could lead into our own network.
      redirect: 'error',
      headers: { accept: 'application/jwk-set+json, application/json' },
      signal,
    });
    if (response.status !== 200) throw new Error(`the answer has status ${response.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > this.#limits.bytesMax) throw new Error('the answer is too large');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new Error('jwksUrl is not an http or https URL');
  }
  if (url.username !== '' || url.password !== '') throw new Error('jwksUrl has a password in it');
  return url;
}
