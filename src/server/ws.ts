/** The edge on `node:http` and `ws`, for wherever uWebSockets.js has no binary. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { assert } from '../kernel/assert.ts';
import { systemClock } from '../kernel/clock.ts';
import { Deferred } from '../kernel/deferred.ts';
import { BAD_REQUEST, STOPPING, TOO_BUSY } from './answers.ts';
import { CLOSE_GRACE_MS } from './edge.ts';
import type {
  CreateEdge,
  Edge,
  EdgeHandlers,
  EdgeOptions,
  HttpResponse,
  UpgradeAnswer,
} from './edge.ts';
import { asksForWebSocket, handshakeRefusal, headRefusal } from './head.ts';
import { Unanswered } from './unanswered.ts';
import { answer, answerRaw, HTTP_IDLE_MS, readHead, runExchange, withoutOffer } from './ws-http.ts';
import { WsTransport } from './ws-socket.ts';

type Accepted = Extract<UpgradeAnswer, { accepted: true }>;

/** How often node looks for requests that take too long; its own default of 30 s is no defence. */
const CHECK_MS = 2000;

/** An honest client's fragments are larger; many tiny ones cost far more than their bytes. */
const FRAGMENT_BYTES_MIN = 32;
const FRAGMENTS_MIN = 1024;

export const createWsEdge: CreateEdge = (options, handlers) => new WsEdge(options, handlers);

class WsEdge implements Edge {
  readonly name = 'ws';
  readonly #options: EdgeOptions;
  readonly #handlers: EdgeHandlers;
  readonly #server: ReturnType<typeof createServer>;
  readonly #upgrades: WebSocketServer;
  /** Every open connection, and the transport where it has become one. */
  readonly #sockets = new Map<Duplex, WsTransport | null>();
  readonly #closed = new Deferred();
  /** The subprotocol of the upgrade under way; `ws` asks for it within the call. */
  #protocol = '';
  /** Connections with a request that is not answered. */
  readonly #busy = new Set<Duplex>();
  readonly #unanswered = new Unanswered();
  #transports = 0;
  #stopped = false;

  constructor(options: EdgeOptions, handlers: EdgeHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#upgrades = this.#makeUpgrades();
    this.#server = createServer({
      maxHeaderSize: options.headBytesMax,
      headersTimeout: HTTP_IDLE_MS,
      requestTimeout: HTTP_IDLE_MS,
      keepAliveTimeout: HTTP_IDLE_MS,
      connectionsCheckingInterval: CHECK_MS,
    });
    this.#server.on('connection', (socket) => this.#connected(socket));
    this.#server.on('request', (request, response) => this.#requested(request, response));
    this.#server.on('upgrade', (request, socket, rest) => this.#upgrade(request, socket, rest));
  }

  async listen(): Promise<number> {
    const { host, port, sharesPort } = this.#options;
    assert(!this.#stopped && !this.#server.listening, 'an edge listens once');
    const { promise, resolve, reject } = new Deferred();
    this.#server.once('listening', resolve);
    // Stays on: a connection that cannot be accepted, for want of file descriptors, is told here.
    this.#server.on('error', reject);
    this.#server.listen({ host, port, reusePort: sharesPort === true });
    try {
      await promise;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`cannot listen on ${host}:${port}: ${why}`, { cause });
    }
    return portOf(this.#server.address());
  }

  stopListening(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    // Tells that it never listened as an error, which is as good as closed.
    this.#server.close(() => this.#settle());
  }

  answered(): Promise<void> {
    return this.#unanswered.none();
  }

  close(): Promise<void> {
    this.stopListening();
    for (const [socket, transport] of this.#sockets) {
      // Its grace began with the close, and `ws` ends it.
      if (transport?.isLeaving === true) socket.end(() => socket.destroy());
      else socket.destroy();
    }
    this.#settle();
    return this.#closed.promise;
  }

  #makeUpgrades(): WebSocketServer {
    const { messageBytesMax, closeGraceMs } = this.#options;
    const parts = Math.max(FRAGMENTS_MIN, Math.ceil(messageBytesMax / FRAGMENT_BYTES_MIN));
    // A name of its own, as the types do not know `closeTimeout` yet.
    const settings = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: messageBytesMax,
      maxFragments: parts,
      maxBufferedChunks: parts,
      closeTimeout: closeGraceMs ?? CLOSE_GRACE_MS,
      handleProtocols: (): string | false => this.#protocol || false,
    };
    return new WebSocketServer(settings);
  }

  #connected(socket: Duplex): void {
    // A socket that is put back comes here twice.
    if (this.#sockets.has(socket)) return;
    this.#sockets.set(socket, null);
    // Whoever owns the socket at the time hears of its end by itself.
    socket.on('error', ignore);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#busy.delete(socket);
      this.#settle();
    });
  }

  #requested(request: IncomingMessage, response: ServerResponse): void {
    request.on('error', ignore);
    response.on('error', ignore);
    const { socket } = request;
    if (this.#isBusy(socket)) return;
    this.#busy.add(socket);
    response.once('close', () => this.#busy.delete(socket));
    const head = readHead(request);
    const refusal = headRefusal(head, this.#options.headBytesMax);
    if (refusal !== null || this.#stopped) {
      answer(response, refusal ?? STOPPING, true);
      return;
    }
    if (this.#unanswered.size >= this.#options.requestsMax) {
      answer(response, TOO_BUSY, false);
      return;
    }
    this.#unanswered.came();
    response.once('close', () => this.#unanswered.went());
    const { bodyBytesMax } = this.#options;
    runExchange({ request, response }, head, bodyBytesMax, (whole) => this.#handlers.http(whole));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, rest: Buffer): void {
    if (this.#isBusy(socket)) return;
    const head = readHead(request);
    const refusal = headRefusal(head, this.#options.headBytesMax);
    if (refusal !== null || this.#stopped) {
      this.#refuse(socket, refusal ?? STOPPING);
      return;
    }
    if (!asksForWebSocket(head)) {
      withoutOffer(request, socket, rest);
      this.#server.emit('connection', socket);
      return;
    }
    const said = handshakeRefusal(head);
    const answered = said === null ? this.#handlers.upgrade(head) : null;
    if (answered?.accepted === true) this.#accept({ request, socket, rest }, answered);
    else this.#refuse(socket, answered?.response ?? said ?? BAD_REQUEST);
  }

  #refuse(socket: Duplex, said: HttpResponse): void {
    answerRaw(socket, said);
    this.#endWithin(socket);
  }

  /** For a socket that only waits for its peer to read the rest. */
  #endWithin(socket: Duplex): void {
    const { closeGraceMs } = this.#options;
    const alarm = systemClock.after(closeGraceMs ?? CLOSE_GRACE_MS, () => socket.destroy());
    socket.once('close', () => alarm.cancel());
  }

  /**
   * One request at a time, as on uWS: whoever sends another before the answer is cut off. So what
   * hides behind a request that is refused is never run.
   */
  #isBusy(socket: Duplex): boolean {
    const busy = this.#busy.has(socket);
    if (busy) socket.destroy();
    return busy;
  }

  #accept(
    { request, socket, rest }: { request: IncomingMessage; socket: Duplex; rest: Buffer },
    accepted: Accepted,
  ): void {
    this.#protocol = accepted.protocol;
    this.#upgrades.handleUpgrade(request, socket, rest, (webSocket) => {
      const transport = new WsTransport(webSocket, this.#options.socketBytesMax);
      this.#transports += 1;
      this.#sockets.set(socket, transport);
      transport.open((own) => accepted.open(own));
      // `ws` would wait for ever for a peer that has said its last and reads no more.
      socket.once('end', () => this.#endWithin(socket));
      webSocket.once('close', () => {
        this.#transports -= 1;
        this.#settle();
      });
    });
  }

  /** Closed is what has stopped, has no connection, and has told every receiver. */
  #settle(): void {
    if (!this.#stopped || this.#server.listening) return;
    if (this.#sockets.size === 0 && this.#transports === 0) this.#closed.resolve();
  }
}

function portOf(address: AddressInfo | string | null): number {
  assert(address !== null && typeof address === 'object', 'a TCP server has a port');
  return address.port;
}

function ignore(): void {}
