/** A WebSocket of `ws` as the transport of a session. */
import { WebSocket } from 'ws';
import { assert } from '../kernel/assert.ts';
import type { Receiver, Sent, Transport } from '../session/transport.ts';
import { CLOSE, closeReason } from './close-frame.ts';

/** Faults of a peer that `ws` names, and the code it closes with; it tells ours only of the name. */
const FAULTS = new Map([
  ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', CLOSE.tooLarge],
  ['WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', CLOSE.tooLarge],
  ['WS_ERR_INVALID_UTF8', CLOSE.notText],
  ['WS_ERR_TOO_MANY_BUFFERED_PARTS', CLOSE.policy],
]);

/**
 * `ws` keeps the bytes of a frame it could not send whole, not a copy: whoever sends must not
 * change them after.
 */
export class WsTransport implements Transport {
  readonly #socket: WebSocket;
  readonly #bytesMax: number;
  readonly #flushed = (): void => this.#onFlushed();
  #receiver: Receiver | null = null;
  /** What was sent, and not yet reported as written. */
  #unsent = 0;
  /** A send left something behind in memory. */
  #stalled = false;
  /** Why we close; 0 while we do not. */
  #closing = 0;

  /** `bytesMax` is what the socket may hold before a send is refused. */
  constructor(socket: WebSocket, bytesMax: number) {
    this.#socket = socket;
    this.#bytesMax = bytesMax;
  }

  /** It was closed, and its peer has not read all yet. */
  get isLeaving(): boolean {
    return this.#closing !== 0 && this.buffered() > 0;
  }

  /** To be called once, before anything can come in. */
  open(receive: (transport: Transport) => Receiver): void {
    this.#socket.on('message', (frame) => {
      assert(frame instanceof Uint8Array, 'ws gives messages in one piece');
      // A plain view, as on the other edge: `slice` of a Buffer would not copy.
      const { buffer, byteOffset, byteLength } = frame;
      if (this.#closing !== 0) return;
      this.#receiver?.receive(new Uint8Array(buffer, byteOffset, byteLength));
    });
    // `close` follows each error, so all there is to do is to remember why.
    this.#socket.on('error', (error) => {
      this.#closing ||= faultCode(error);
    });
    this.#socket.on('close', (code) => this.#receiver?.closed(this.#closing || code));
    this.#receiver = receive(this);
  }

  send(frame: Uint8Array, binary: boolean): Sent {
    if (this.#closing !== 0 || this.#socket.readyState !== WebSocket.OPEN) return 'refused';
    if (this.#socket.bufferedAmount > this.#bytesMax) return 'refused';
    this.#unsent += 1;
    // What waits may wait for long, and a short frame may be a part of much more memory.
    const kept = this.#socket.bufferedAmount > 0 ? new Uint8Array(frame) : frame;
    this.#socket.send(kept, { binary }, this.#flushed);
    if (this.#socket.bufferedAmount === 0) return 'sent';
    this.#stalled = true;
    return 'buffered';
  }

  buffered(): number {
    return this.#socket.readyState === WebSocket.CLOSED ? 0 : this.#socket.bufferedAmount;
  }

  /** `ws` destroys a socket whose peer does not answer within its `closeTimeout`. */
  close(code: number, reason: string): void {
    if (this.#closing !== 0 || this.#socket.readyState !== WebSocket.OPEN) return;
    const fitting = closeReason(code, reason);
    this.#closing = code;
    this.#socket.close(code, fitting);
  }

  /**
   * The socket's own `drain` event would not do: it is silent as long as less than its high-water
   * mark is left behind.
   */
  #onFlushed(): void {
    this.#unsent -= 1;
    if (this.#unsent > 0 || !this.#stalled) return;
    this.#stalled = false;
    if (this.#closing === 0 && this.#socket.readyState === WebSocket.OPEN) {
      this.#receiver?.drained();
    }
  }
}

function faultCode(error: Error): number {
  const name = 'code' in error ? String(error.code) : '';
  if (!name.startsWith('WS_ERR_')) return 0;
  return FAULTS.get(name) ?? CLOSE.protocolError;
}
