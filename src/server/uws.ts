/** The edge on uWebSockets.js. */
import { createServer } from 'node:net';
import type {
  HttpRequest,
  HttpResponse as UwsResponse,
  RecognizedString,
  us_listen_socket,
  us_socket_context_t,
  WebSocketBehavior,
} from 'uWebSockets.js';
import { App, us_listen_socket_close, us_socket_local_port } from 'uWebSockets.js';
import { assert } from '../kernel/assert.ts';
import { Deferred } from '../kernel/deferred.ts';
import { BAD_REQUEST, STOPPING, TOO_BUSY } from './answers.ts';
import { CLOSE_GRACE_MS } from './edge.ts';
import type {
  CreateEdge,
  Edge,
  EdgeHandlers,
  EdgeOptions,
  HttpResponse,
  RequestHead,
} from './edge.ts';
import { Farewells } from './farewells.ts';
import {
  addHeader,
  asksForWebSocket,
  handshakeRefusal,
  headRefusal,
  plainAddress,
} from './head.ts';
import { Unanswered } from './unanswered.ts';
import { UwsExchange } from './uws-http.ts';
import { type SocketData, type UwsSockets, UwsTransport } from './uws-socket.ts';

declare module 'uWebSockets.js' {
  interface TemplatedApp {
    /** The binary takes the options with a host too; its types only know them without one. */
    listen(
      host: RecognizedString,
      port: number,
      options: number,
      cb: (listenSocket: us_listen_socket | false) => void,
    ): TemplatedApp;
  }
}

const SHARED_PORT = 0;
const EXCLUSIVE_PORT = 1;

export const createUwsEdge: CreateEdge = (options, handlers) => new UwsEdge(options, handlers);

class UwsEdge implements Edge {
  readonly name = 'uws';
  readonly #options: EdgeOptions;
  readonly #handlers: EdgeHandlers;
  readonly #sockets: UwsSockets;
  readonly #app = App();
  #listening: us_listen_socket | null = null;
  readonly #unanswered = new Unanswered();
  #stopped = false;

  constructor(options: EdgeOptions, handlers: EdgeHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#sockets = {
      messageBytesMax: options.messageBytesMax,
      closeGraceMs: options.closeGraceMs ?? CLOSE_GRACE_MS,
      farewells: new Farewells(),
    };
    this.#app.ws('/*', this.#behavior());
    this.#app.any('/*', (response, request) => this.#incoming(response, request, null));
  }

  async listen(): Promise<number> {
    assert(!this.#stopped && this.#listening === null, 'an edge listens once');
    const { host, port } = this.#options;
    const mode = this.#options.sharesPort === true ? SHARED_PORT : EXCLUSIVE_PORT;
    this.#app.listen(host, port, mode, (listening) => {
      this.#listening = listening === false ? null : listening;
    });
    if (this.#listening !== null) return us_socket_local_port(this.#listening);
    throw new Error(`cannot listen on ${host}:${port}: ${await whyNot(host, port)}`);
  }

  stopListening(): void {
    this.#stopped = true;
    if (this.#listening !== null) us_listen_socket_close(this.#listening);
    this.#listening = null;
  }

  answered(): Promise<void> {
    return this.#unanswered.none();
  }

  async close(): Promise<void> {
    this.stopListening();
    await this.#sockets.farewells.over();
    this.#app.close();
    // The receivers are told in microtasks, which all come before whoever awaits this one.
    await Promise.resolve();
  }

  #behavior(): WebSocketBehavior<SocketData> {
    // Compression is off unless asked for.
    return {
      // The session has a heartbeat of its own.
      idleTimeout: 0,
      sendPingsAutomatically: false,
      // Twice the limit, so that most messages over it are still received, and told 1009.
      maxPayloadLength: this.#options.messageBytesMax * 2,
      maxBackpressure: this.#options.socketBytesMax,
      closeOnBackpressureLimit: false,
      upgrade: (response, request, context) => this.#incoming(response, request, context),
      open: (socket) => socket.getUserData().transport.opened(socket),
      message: (socket, frame) => socket.getUserData().transport.received(frame),
      drain: (socket) => socket.getUserData().transport.drained(),
      close: (socket, code, message) => socket.getUserData().transport.gone(code, message),
    };
  }

  /** `context` comes with what uWS takes for an upgrade: a GET with a key, and no more. */
  #incoming(
    response: UwsResponse,
    request: HttpRequest,
    context: us_socket_context_t | null,
  ): void {
    const head = readHead(response, request);
    const refusal = headRefusal(head, this.#options.headBytesMax);
    if (refusal !== null) refuse(response, head, refusal);
    else if (this.#stopped) refuse(response, head, STOPPING);
    else if (asksForWebSocket(head)) this.#upgrade(response, head, context);
    else this.#http(response, head);
  }

  #upgrade(response: UwsResponse, head: RequestHead, context: us_socket_context_t | null): void {
    const refusal = handshakeRefusal(head);
    if (refusal !== null || context === null) {
      refuse(response, head, refusal ?? BAD_REQUEST);
      return;
    }
    const answer = this.#handlers.upgrade(head);
    if (!answer.accepted) {
      refuse(response, head, answer.response);
      return;
    }
    const data: SocketData = { transport: new UwsTransport(this.#sockets), accepted: answer };
    const key = head.headers.get('sec-websocket-key') ?? '';
    response.upgrade(data, key, answer.protocol, '', context);
  }

  #http(response: UwsResponse, head: RequestHead): void {
    if (this.#unanswered.size >= this.#options.requestsMax) {
      new UwsExchange(response, head, ignore).answer(TOO_BUSY, false);
      return;
    }
    this.#unanswered.came();
    const exchange = new UwsExchange(response, head, () => this.#unanswered.went());
    exchange.run(this.#options.bodyBytesMax, (request) => this.#handlers.http(request));
  }
}

/** The native request dies with the callback, and the response forgets its peer with the answer. */
function readHead(response: UwsResponse, request: HttpRequest): RequestHead {
  const headers = new Map<string, string>();
  request.forEach((name, value) => addHeader(headers, name, value));
  const address = Buffer.from(response.getRemoteAddressAsText()).toString('latin1');
  const query: string | undefined = request.getQuery();
  return {
    method: request.getMethod().toUpperCase(),
    path: request.getUrl(),
    // Undefined where the request has no question mark, whatever the types say.
    query: query ?? '',
    headers,
    remoteAddress: plainAddress(address),
  };
}

function refuse(response: UwsResponse, head: RequestHead, answer: HttpResponse): void {
  new UwsExchange(response, head, ignore).answer(answer, true);
}

function ignore(): void {}

/** uWS does not say why it could not listen; node:net does. */
function whyNot(host: string, port: number): Promise<string> {
  const { promise, resolve } = new Deferred<string>();
  const probe = createServer();
  probe.once('error', (error) => resolve(error.message));
  probe.once('listening', () => probe.close(() => resolve('uWebSockets.js could not, node could')));
  probe.listen({ host, port });
  return promise;
}
