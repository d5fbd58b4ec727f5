/** A WebSocket of uWS as the transport of a session. */
import type { WebSocket } from 'uWebSockets.js';
import { assert } from '../kernel/assert.ts';
import type { Receiver, Sent, Transport } from '../session/transport.ts';
import { CLOSE, closeReason } from './close-frame.ts';
import type { UpgradeAnswer } from './edge.ts';
import type { Farewells } from './farewells.ts';
import { Farewell } from './farewells.ts';

type Accepted = Extract<UpgradeAnswer, { accepted: true }>;

/** uWS copies these fields onto its own socket object; what it hands back is that object. */
export interface SocketData {
  readonly transport: UwsTransport;
  /** Until the socket is open. */
  accepted: Accepted | null;
}

/** What all transports of one edge share. */
export interface UwsSockets {
  readonly messageBytesMax: number;
  readonly closeGraceMs: number;
  readonly farewells: Farewells;
}

/** What uWS tells of a connection it cut by itself, and the code that `ws` would have sent. */
const CUTS = new Map([
  ['Received too big message', CLOSE.tooLarge],
  ['Received invalid UTF-8', CLOSE.notText],
  ['Received invalid WebSocket frame', CLOSE.protocolError],
]);

const decoder = new TextDecoder();

/**
 * Every call on a uWS socket that is closed throws, so the socket is forgotten the moment uWS
 * tells of its end. One object per connection and no closure: an idle socket pays for this class.
 */
export class UwsTransport implements Transport {
  readonly #sockets: UwsSockets;
  #socket: WebSocket<SocketData> | null = null;
  #receiver: Receiver | null = null;
  /** Set while a close waits for the peer to read what was sent before. */
  #farewell: Farewell | null = null;

  constructor(sockets: UwsSockets) {
    this.#sockets = sockets;
  }

  send(frame: Uint8Array, binary: boolean): Sent {
    if (this.#socket === null || this.#farewell !== null) return 'refused';
    const sent = this.#socket.send(frame, binary);
    if (sent === 1) return 'sent';
    return sent === 0 ? 'buffered' : 'refused';
  }

  buffered(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  /**
   * `end` of uWS puts the close frame behind the backlog and makes the socket unreachable for us,
   * and each byte the peer reads then lets it live on. So it is only called on an empty socket;
   * one with a backlog is watched until that is gone or the grace is over.
   */
  close(code: number, reason: string): void {
    if (this.#socket === null || this.#farewell !== null) return;
    const fitting = closeReason(code, reason);
    if (this.#socket.getBufferedAmount() === 0) {
      this.#socket.end(code, fitting);
      return;
    }
    const { closeGraceMs, farewells } = this.#sockets;
    const cut = (): void => this.#socket?.close();
    this.#farewell = new Farewell({ code, reason: fitting }, closeGraceMs, cut);
    farewells.add(this.#farewell);
  }

  opened(socket: WebSocket<SocketData>): void {
    const data = socket.getUserData();
    const { accepted } = data;
    assert(accepted !== null, 'a socket opens once');
    data.accepted = null;
    this.#socket = socket;
    this.#receiver = accepted.open(this);
  }

  received(frame: ArrayBuffer): void {
    if (this.#farewell !== null) return;
    if (frame.byteLength > this.#sockets.messageBytesMax) {
      this.close(CLOSE.tooLarge, 'message too large');
    } else {
      this.#receiver?.receive(new Uint8Array(frame));
    }
  }

  /** uWS tells of every bit of progress; a receiver only hears when all is gone. */
  drained(): void {
    if (this.#socket === null || this.#socket.getBufferedAmount() > 0) return;
    if (this.#farewell === null) this.#receiver?.drained();
    else this.#socket.end(this.#farewell.close.code, this.#farewell.close.reason);
  }

  /**
   * uWS calls this from within `end` and `close`, and no receiver is to hear of its end while it
   * still asks for it.
   */
  gone(code: number, message: ArrayBuffer): void {
    this.#socket = null;
    const told = this.#farewell?.close.code ?? cutCode(code, message);
    if (this.#farewell !== null) this.#sockets.farewells.remove(this.#farewell);
    queueMicrotask(() => this.#receiver?.closed(told));
  }
}

function cutCode(code: number, message: ArrayBuffer): number {
  if (code !== CLOSE.abnormal || message.byteLength === 0) return code;
  return CUTS.get(decoder.decode(message)) ?? code;
}
