/** The table of close codes, and the table of codes that end one subscription. */

export interface Close {
  readonly code: number;
  readonly reason: string;
}

/**
 * Why a connection is closed. Clients come back after 3000 to 3499, 4000 to 4499 and from 5000 on;
 * 3500 to 3999 and 4500 to 4999 are final. 4000 to 4999 are the application's.
 */
export const CLOSES = {
  connectionClosed: { code: 3000, reason: 'connection closed' },
  shutdown: { code: 3001, reason: 'shutdown' },
  serverError: { code: 3004, reason: 'internal server error' },
  expired: { code: 3005, reason: 'connection expired' },
  subscriptionExpired: { code: 3006, reason: 'subscription expired' },
  slow: { code: 3008, reason: 'slow' },
  writeError: { code: 3009, reason: 'write error' },
  insufficientState: { code: 3010, reason: 'insufficient state' },
  forceReconnect: { code: 3011, reason: 'force reconnect' },
  noPong: { code: 3012, reason: 'no pong' },
  tooManyRequests: { code: 3013, reason: 'too many requests' },
  invalidToken: { code: 3500, reason: 'invalid token' },
  badRequest: { code: 3501, reason: 'bad request' },
  stale: { code: 3502, reason: 'stale' },
  forceDisconnect: { code: 3503, reason: 'force disconnect' },
  connectionLimit: { code: 3504, reason: 'connection limit' },
  channelLimit: { code: 3505, reason: 'channel limit' },
  inappropriateProtocol: { code: 3506, reason: 'inappropriate protocol' },
  permissionDenied: { code: 3507, reason: 'permission denied' },
  notAvailable: { code: 3508, reason: 'not available' },
  tooManyErrors: { code: 3509, reason: 'too many errors' },
} as const satisfies Record<string, Close>;

export type CloseKind = keyof typeof CLOSES;

/** RFC 6455 §5.5: a control frame carries at most 125 bytes, two of which are the code. */
export const CLOSE_REASON_BYTES_MAX = 123;

/** Whether a client that is closed with `code` comes back. */
export function reconnects(code: number): boolean {
  return code < 3500 || (code >= 4000 && code < 4500) || code >= 5000;
}

/** Why a subscription ended. From 2500 on the client subscribes again. */
export const UNSUBSCRIBES = {
  client: { code: 0, reason: 'unsubscribe called' },
  disconnect: { code: 1, reason: 'disconnect called' },
  server: { code: 2000, reason: 'server unsubscribe' },
  insufficientState: { code: 2500, reason: 'insufficient state' },
  expired: { code: 2501, reason: 'expired' },
} as const satisfies Record<string, Close>;

/** Thrown to close the connection of whoever sent what is being handled. */
export class Disconnection extends Error {
  override readonly name = 'Disconnection';
  readonly close: Close;

  constructor(close: CloseKind | Close, options?: ErrorOptions) {
    const entry = typeof close === 'string' ? CLOSES[close] : close;
    super(entry.reason, options);
    this.close = entry;
  }
}
