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

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

/** To accept, `open` is called with the transport at once, and its result receives from then on. */
export type UpgradeAnswer =
  | {
      readonly accepted: true;
      /** The subprotocol chosen of those offered; '' for none. */
      readonly protocol: string;
      open(transport: Transport): Receiver;
    }
  | { readonly accepted: false; readonly response: HttpResponse };

/** What the gateway does with what comes in. Neither function may throw or reject. */
export interface EdgeHandlers {
  upgrade(head: RequestHead): UpgradeAnswer;
  http(request: HttpRequest): Promise<HttpResponse>;
}

export interface EdgeOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** WebSocket messages over it close with 1009. */
  readonly messageBytesMax: number;
  /** Bodies over it are answered 413. */
  readonly bodyBytesMax: number;
  /** Request heads over it are answered 431. */
  readonly headBytesMax: number;
  /** HTTP requests that may be handled at once; over it they are answered 429. */
  readonly requestsMax: number;
  /** What a socket's own buffer may hold at the very most; the outbox stays below it. */
  readonly socketBytesMax: number;
}

export interface Edge {
  readonly name: 'uws' | 'ws';
  /** Starts to listen and tells the port. @throws when the address is taken. */
  listen(): Promise<number>;
  /** No new connection or request from now on; those that are open go on. Idempotent. */
  stopListening(): void;
  /** Closes what is still open, at once. Idempotent; no handle is left when it resolves. */
  close(): Promise<void>;
}

/** How an edge is made; each implementation exports one. */
export type CreateEdge = (options: EdgeOptions, handlers: EdgeHandlers) => Edge;
