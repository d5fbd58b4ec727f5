/** The table of errors, and the refusal that carries one of them to a peer. */

/** One error of the table. `temporary` tells the client that trying again later may succeed. */
export interface ErrorEntry {
  readonly code: number;
  readonly message: string;
  readonly temporary: boolean;
}

/**
 * What a reply or an API answer can carry. Codes 100 to 112 are those of the Centrifugal client
 * protocol; 0 to 399 are reserved, and an application may use 400 to 1999 for its own.
 */
export const ERRORS = {
  internal: { code: 100, message: 'internal error', temporary: true },
  unauthorized: { code: 101, message: 'unauthorized', temporary: false },
  unknownChannel: { code: 102, message: 'unknown channel', temporary: false },
  permissionDenied: { code: 103, message: 'permission denied', temporary: false },
  methodNotFound: { code: 104, message: 'method not found', temporary: false },
  alreadySubscribed: { code: 105, message: 'already subscribed', temporary: false },
  limitExceeded: { code: 106, message: 'limit exceeded', temporary: false },
  badRequest: { code: 107, message: 'bad request', temporary: false },
  notAvailable: { code: 108, message: 'not available', temporary: false },
  tokenExpired: { code: 109, message: 'token expired', temporary: false },
  expired: { code: 110, message: 'expired', temporary: false },
  tooManyRequests: { code: 111, message: 'too many requests', temporary: true },
  unrecoverablePosition: { code: 112, message: 'unrecoverable position', temporary: false },
  conflict: { code: 113, message: 'conflict', temporary: false },
  unknownTask: { code: 114, message: 'unknown task', temporary: false },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorKind = keyof typeof ERRORS;

/** The codes an application may choose for errors of its own. */
export const APP_ERROR_CODES = { min: 400, max: 1999 } as const;

/**
 * A refusal to tell the peer. Anything else that is thrown is our fault, and the peer only hears
 * `internal`.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly entry: ErrorEntry;

  /** `detail` says which field or limit, in words for the developer of the peer. */
  constructor(reason: ErrorKind | ErrorEntry, detail?: string) {
    const entry = typeof reason === 'string' ? ERRORS[reason] : reason;
    super(detail === undefined ? entry.message : `${entry.message}: ${detail}`);
    this.entry = entry;
  }

  is(kind: ErrorKind): boolean {
    return this.entry === ERRORS[kind];
  }
}
