/** The codes of the protocol that mean something to a client; `src/protocol` has their tables. */

/** Of an error: the token has run out. */
export const TOKEN_EXPIRED = 109;

/** Of unsubscribe pushes. */
export const SERVER_UNSUBSCRIBE = 2000;
/** From here on they ask for a new subscription. */
export const RESUBSCRIBES_FROM = 2500;
/** The token has run out. */
export const SUBSCRIPTION_EXPIRED = 2501;
/** The token is worth nothing any more. */
export const SUBSCRIPTION_INVALIDATED = 2502;

/** Of a close: the token is worth nothing any more. */
export const CONNECTION_INVALIDATED = 3014;
