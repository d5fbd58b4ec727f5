/** What a session needs of whatever carries its bytes, and no more. */

/**
 * What became of a frame: on its way; kept in memory until the socket takes it (`drained` follows);
 * or not taken at all.
 */
export type Sent = 'sent' | 'buffered' | 'refused';

export interface Transport {
  /**
   * Never throws. On a closed transport it does nothing and answers `refused`. Nobody may change the
   * bytes of the frame afterwards: they may be kept until the socket takes them.
   */
  send(frame: Uint8Array, binary: boolean): Sent;
  /** Bytes accepted by `send` that the socket has not taken yet; 0 when closed. */
  buffered(): number;
  /** Idempotent. What was sent before leaves first, unless the peer does not read. */
  close(code: number, reason: string): void;
}

/** What a transport needs of a session. Never called after `closed`. */
export interface Receiver {
  /** `frame` is only good for the call: what outlives it must be copied. */
  receive(frame: Uint8Array): void;
  /** The transport has room again after a send that was `buffered`. */
  drained(): void;
  /** The transport is gone, whoever closed it. Called exactly once. */
  closed(code: number): void;
}
