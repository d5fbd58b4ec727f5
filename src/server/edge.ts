/** The seam between the gateway and whatever listens: uWebSockets.js, or `ws` on `node:http`. */
import type { Receiver, Transport } from '../session/transport.ts';

/** The head of a request, copied: the native one dies with its callback. */
export interface RequestHead {
  /** Upper case. */
  readonly method: string;
  /** Without the query; as sent, not decoded. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** Lower-case names. A header that came twice is joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  /** The peer's address in text. */
  readonly remoteAddress: string;
}

export interface HttpRequest extends RequestHead {
  /** The whole body, at most `bodyBytesMax`. */
  readonly body: Uint8Array;
  /** Aborts when the client goes away before the answer. */
  readonly signal: AbortSignal;
}

/** Length, date and connection are the edge's to say: `headers` holds the others. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

/**
 * To accept, `open` is called with the transport at once, and its result receives from then on. It
 * is not called for a peer that is already gone. A refusal ends the connection.
 */
export type UpgradeAnswer =
  | {
      readonly accepted: true;
      /** The subprotocol chosen of those offered; '' for none. */
      readonly protocol: string;
      open(transport: Transport): Receiver;
    }
  | { readonly accepted: false; readonly response: HttpResponse };

/**
 * What the gateway does with what comes in. Neither function may throw or reject. What is no proper
 * request, or over a limit, is refused before they are asked.
 */
export interface EdgeHandlers {
  upgrade(head: RequestHead): UpgradeAnswer;
  http(request: HttpRequest): Promise<HttpResponse>;
}

/** How long a socket that is being closed may take to read what was sent before. */
export const CLOSE_GRACE_MS = 5000;

export interface EdgeOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Other processes may listen on the port too, and the kernel spreads the connections. */
  readonly sharesPort?: boolean;
  /**
   * WebSocket messages over it close with 1009. uWS cuts the connection of one that is more than
   * twice as long: its peer sees 1006, and only the receiver hears of 1009.
   */
  readonly messageBytesMax: number;
  /** Bodies over it are answered 413. */
  readonly bodyBytesMax: number;
  /** Request heads over it are answered 431. uWS takes 4,096 bytes at most, whatever stands here. */
  readonly headBytesMax: number;
  /** HTTP requests that may be handled at once; over it they are answered 429. */
  readonly requestsMax: number;
  /** A send is refused while the socket's own buffer holds more; the outbox stays below it. */
  readonly socketBytesMax: number;
  /** From `close` with unread frames to the end of the socket; default `CLOSE_GRACE_MS`. */
  readonly closeGraceMs?: number;
}

export interface Edge {
  readonly name: 'uws' | 'ws';
  /** Starts to listen and tells the port. To be called once. @throws when the address is taken. */
  listen(): Promise<number>;
  /**
   * No new connection from now on, and 503 for a new request; what is open goes on. Idempotent.
   */
  stopListening(): void;
  /** Resolves when no request waits for its answer. */
  answered(): Promise<void>;
  /**
   * Cuts what is open: whoever wants close frames closes the transports before. One that was closed,
   * and whose peer has not read all yet, keeps its grace. Idempotent; when it resolves every
   * receiver was told, and no handle is left.
   */
  close(): Promise<void>;
}

/** How an edge is made; each implementation exports one. */
export type CreateEdge = (options: EdgeOptions, handlers: EdgeHandlers) => Edge;
