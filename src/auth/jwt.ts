/** Tokens: from the text a peer sent to who it is, or a refusal. */
import type { Clock } from '../kernel/clock.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import { silentLog } from '../kernel/log.ts';
import type { Count } from '../kernel/meters.ts';
import { isHmacAlgorithm } from './algorithms.ts';
import type { Issuance } from './claims.ts';
import { checkIssuance, checkIssuer, expiryOf } from './claims.ts';
import type { Compact } from './compact.ts';
import { claimsOf, parseCompact } from './compact.ts';
import type { Identity, SubscriptionGrant } from './identity.ts';
import { readGrant, readIdentity } from './identity.ts';
import { InvalidToken } from './invalid-token.ts';
import type { Members } from './json.ts';
import type { KeySetLimits } from './key-set.ts';
import { KEY_SET_LIMITS, KeySet } from './key-set.ts';
import type { KeyOptions } from './keyring.ts';
import { Keyring, verifySignature } from './keyring.ts';

export interface TokenOptions extends KeyOptions, Issuance {
  /** Where the issuer publishes its keys. Asked for a token that names a key and has none of ours. */
  readonly jwksUrl?: string | undefined;
  readonly jwks?: Partial<KeySetLimits> | undefined;
  /** The claim that holds the user id, where it is not `sub`. */
  readonly userIdClaim?: string | undefined;
}

export interface TokenContext {
  readonly clock: Clock;
  readonly fetch?: typeof fetch | undefined;
  readonly log?: Log | undefined;
  /** Of tokens, by outcome: `accepted`, `expired`, `invalid` or `failed`, which is our fault. */
  readonly count?: Count | undefined;
  /** Of reads of the key set, by outcome: `read` or `failed`. */
  readonly countKeySetReads?: Count | undefined;
}

/**
 * Both methods reject with `InvalidToken` for a token that is not to be believed, with the Refusal
 * `tokenExpired` for one that was good until its time was over, and with the Refusal `internal`,
 * which is temporary, when the key of the token cannot be read now.
 */
export interface TokenVerifier {
  /** False when there is no key: then every token is invalid. */
  readonly enabled: boolean;
  connection(token: string): Promise<Identity>;
  subscription(token: string): Promise<SubscriptionGrant>;
  /** Ends what is under way; idempotent. */
  close(): Promise<void>;
}

/** @throws Error naming the option that cannot be used. */
export function createTokenVerifier(options: TokenOptions, context: TokenContext): TokenVerifier {
  return new JwtVerifier(options, context);
}

class JwtVerifier implements TokenVerifier {
  readonly #keyring: Keyring;
  readonly #keySet: KeySet | null;
  readonly #issuance: Issuance;
  readonly #userIdClaim: string;
  readonly #clock: Clock;
  readonly #count: Count;

  constructor(options: TokenOptions, context: TokenContext) {
    this.#keyring = new Keyring(options, context.clock);
    this.#keySet = keySetOf(options, context);
    this.#issuance = { audience: options.audience, issuer: options.issuer };
    this.#userIdClaim = options.userIdClaim ?? 'sub';
    this.#clock = context.clock;
    this.#count = context.count ?? ignore;
  }

  get enabled(): boolean {
    return this.#keyring.enabled || this.#keySet !== null;
  }

  connection(token: string): Promise<Identity> {
    return this.#counted(token, readIdentity);
  }

  subscription(token: string): Promise<SubscriptionGrant> {
    return this.#counted(token, readGrant);
  }

  async close(): Promise<void> {
    await this.#keySet?.close();
  }

  async #counted<T>(token: string, read: Read<T>): Promise<T> {
    try {
      const result = await this.#verify(token, read);
      this.#count('accepted');
      return result;
    } catch (error) {
      this.#count(outcomeOf(error));
      throw error;
    }
  }

  /** Nothing that a token says is acted on before its signature, and it expires last of all. */
  async #verify<T>(token: string, read: Read<T>): Promise<T> {
    const compact = parseCompact(token);
    if (!(await this.#signed(compact))) throw new InvalidToken('no key of ours signed the token');
    const claims = claimsOf(compact);
    const nowMs = this.#clock.now();
    checkIssuance(claims, this.#issuance, nowMs);
    const result = read(claims, this.#userIdClaim);
    const { tokenAtMs, grantAtMs } = expiryOf(claims);
    if ((tokenAtMs ?? Infinity) <= nowMs || (grantAtMs ?? Infinity) <= nowMs) {
      throw new Refusal('tokenExpired');
    }
    return result;
  }

  /** Our own keys go first: they need no network. */
  async #signed(compact: Compact): Promise<boolean> {
    if (await this.#keyring.signed(compact)) return true;
    const { alg, kid } = compact;
    if (this.#keySet === null || kid === null || isHmacAlgorithm(alg)) return false;
    // Before the set is read, so that a token of another issuer does not make us read it.
    checkIssuer(claimsOf(compact), this.#issuance.issuer);
    const key = await this.#keySet.key(kid, alg);
    return key !== null && verifySignature(compact, key);
  }
}

type Read<T> = (claims: Members, userIdClaim: string) => T;

function keySetOf(options: TokenOptions, context: TokenContext): KeySet | null {
  if (options.jwksUrl === undefined) return null;
  const limits = { ...KEY_SET_LIMITS, ...options.jwks };
  return new KeySet(options.jwksUrl, limits, {
    clock: context.clock,
    fetch: context.fetch ?? fetch,
    log: context.log ?? silentLog,
    count: context.countKeySetReads ?? ignore,
  });
}

function outcomeOf(error: unknown): string {
  if (error instanceof InvalidToken) return 'invalid';
  return error instanceof Refusal && error.is('tokenExpired') ? 'expired' : 'failed';
}

const ignore: Count = () => {};
