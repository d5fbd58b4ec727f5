/** What can go wrong on this side, and the one class of errors that callers meet. */

/** One error: those of the gateway have codes from 100 on, those of this client have lower ones. */
export interface Failure {
  readonly code: number;
  readonly message: string;
  /** Whether trying again later may succeed. */
  readonly temporary?: boolean;
}

/** The errors that are made here. */
export const FAILURES = {
  timeout: { code: 1, message: 'no answer in time', temporary: true },
  lost: { code: 2, message: 'connection lost, outcome unknown', temporary: true },
  offline: { code: 3, message: 'not connected', temporary: true },
  closed: { code: 4, message: 'closed' },
  queueFull: { code: 5, message: 'queueMax is reached', temporary: true },
  bufferFull: { code: 6, message: 'bufferMax is reached' },
  unsubscribed: { code: 7, message: 'unsubscribed' },
  token: { code: 8, message: 'getToken failed', temporary: true },
  listener: { code: 9, message: 'a listener threw' },
  frame: { code: 10, message: 'unreadable frame', temporary: true },
  silence: { code: 11, message: 'no ping', temporary: true },
  network: { code: 12, message: 'the machine is offline', temporary: true },
  socket: { code: 13, message: 'no WebSocket' },
  disconnected: { code: 14, message: 'disconnect called' },
} as const satisfies Record<string, Failure>;

/**
 * Every promise of this client that rejects does so with one of these, or with the `reason` of the
 * caller's own AbortSignal. `cause` is what was thrown, where something was.
 */
export class SluiceError extends Error {
  override readonly name = 'SluiceError';
  /** Of `FAILURES` below 100; from 100 on the gateway's, or the close code of the connection. */
  readonly code: number;
  /** Whether trying again later may succeed. */
  readonly temporary: boolean;

  constructor({ code, message, temporary = false }: Failure, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.temporary = temporary;
  }
}
