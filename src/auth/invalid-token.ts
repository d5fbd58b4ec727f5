/** What is thrown for a token that must not be believed. */

/**
 * The token is malformed, forged, not meant for this gateway or not valid yet: no later try with it
 * can succeed. Whoever catches it tells the peer by where the token came from: on `connect` and
 * `refresh` close 3500 "invalid token", for a subscription token error 103. The message names the
 * fault for our logs; it never holds the token or a part of it.
 */
export class InvalidToken extends Error {
  override readonly name = 'InvalidToken';
}
