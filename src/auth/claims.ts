/** What a token says of itself: when, for whom and by whom it may be used. */
import { InvalidToken } from './invalid-token.ts';
import type { Members } from './json.ts';

/** Whose tokens are taken. Where one is not set, the claim is not looked at. */
export interface Issuance {
  readonly audience?: string | undefined;
  readonly issuer?: string | undefined;
}

/** When a token, and what it grants, ends. Null: never. */
export interface Expiry {
  readonly tokenAtMs: number | null;
  /** Of the connection or subscription. `expire_at` takes the place of `exp` here; 0 is never. */
  readonly grantAtMs: number | null;
}

/** The latest time a Date can hold, in seconds. */
const TIME_MAX = 8.64e12;

/**
 * The registered claims (RFC 7519 §4.1) but for `sub` and `exp`.
 * @throws InvalidToken when one has the wrong type, or the token is not for now or not for us.
 */
export function checkIssuance(claims: Members, expected: Issuance, nowMs: number): void {
  const notBeforeMs = timeClaim(claims, 'nbf');
  timeClaim(claims, 'iat');
  textClaim(claims, 'jti');
  checkIssuer(claims, expected.issuer);
  const audiences = audiencesOf(claims);
  if (expected.audience !== undefined && !audiences.includes(expected.audience)) {
    throw new InvalidToken('the token is for another audience');
  }
  if (notBeforeMs !== null && notBeforeMs > nowMs) throw new InvalidToken('not valid yet');
}

/** @throws InvalidToken when `iss` is not a string, or not `issuer` where that is set. */
export function checkIssuer(claims: Members, issuer: string | undefined): void {
  const claimed = textClaim(claims, 'iss');
  if (issuer !== undefined && claimed !== issuer) throw new InvalidToken('another issuer');
}

export function expiryOf(claims: Members): Expiry {
  const tokenAtMs = timeClaim(claims, 'exp');
  const setAtMs = timeClaim(claims, 'expire_at');
  const grantAtMs = claims.get('expire_at') === 0 ? null : (setAtMs ?? tokenAtMs);
  return { tokenAtMs, grantAtMs };
}

/** Null where it is missing. @throws InvalidToken when it is not a string. */
export function textClaim(claims: Members, name: string): string | null {
  const value = claims.get(name);
  if (value === undefined) return null;
  if (typeof value !== 'string') throw new InvalidToken(`claim ${name} is not a string`);
  return value;
}

/** In milliseconds; the claim is in seconds, which may have a fraction. */
function timeClaim(claims: Members, name: string): number | null {
  const value = claims.get(name);
  if (value === undefined) return null;
  if (typeof value !== 'number' || Math.abs(value) > TIME_MAX) {
    throw new InvalidToken(`claim ${name} is not a time in seconds`);
  }
  return Math.floor(value * 1000);
}

/** RFC 7519 §4.1.3: one string or an array of them. */
function audiencesOf(claims: Members): readonly string[] {
  const value = claims.get('aud');
  if (value === undefined) return [];
  const audiences: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!audiences.every((audience) => typeof audience === 'string')) {
    throw new InvalidToken('claim aud is not a string or an array of strings');
  }
  return audiences;
}
