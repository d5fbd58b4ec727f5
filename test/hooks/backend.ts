/** A backend as a real HTTP server, which behaves as a test wants it to, well or badly. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** What came in. */
export interface Heard {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly atMs: number;
}

/** What it does with a request. */
export type Behaviour = (request: Heard, response: ServerResponse) => void | Promise<void>;

/** Answers with a JSON value. */
export function answering(value: unknown, status = 200): Behaviour {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
}

/** Answers with text as it is. */
export function saying(text: string | Uint8Array, status = 200): Behaviour {
  return (_request, response) => {
    response.writeHead(status);
    response.end(text);
  };
}

/** Answers `{"result": …}` with what the function makes of the request. */
export function resulting(make: (request: Heard) => unknown): Behaviour {
  return (request, response) => answering({ result: make(request) })(request, response);
}

export const mute: Behaviour = () => {};

export class Backend {
  readonly heard: Heard[] = [];
  behaves: Behaviour = answering({});
  /** All connections that were ever made to it. */
  connections = 0;
  /** Requests whose connection went before they were answered. */
  abandoned = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => void this.#handle(request, response));
    // Longer than any test, so that whoever closes is not this one.
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on('connection', (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
    });
  }

  static async start(behaves: Behaviour = answering({})): Promise<Backend> {
    const backend = new Backend();
    backend.behaves = behaves;
    await backend.listen();
    onTestFinished(() => backend.stop());
    return backend;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hooks`;
  }

  /** Open connections. */
  get sockets(): number {
    return this.#sockets.size;
  }

  /** Comes back where it was. */
  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Nobody listens there any more, and what was open is cut. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** The hooks that were asked, in order. */
  asked(): unknown[] {
    return this.heard.map(({ body }) => body['hook']);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    response.on('close', () => (this.abandoned += response.writableFinished ? 0 : 1));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const heard = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      text,
      body: JSON.parse(text) as Heard['body'],
      atMs: Date.now(),
    };
    this.heard.push(heard);
    await this.behaves(heard, response);
  }
}

/** Ways in which a backend can be bad, and what the gateway calls each. */
export const BAD: Readonly<Record<string, { readonly behaves: Behaviour; readonly kind: string }>> =
  {
    'never answers': { behaves: mute, kind: 'timeout' },
    'answers half, and no more': {
      behaves: (_request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"result":');
      },
      kind: 'timeout',
    },
    'answers byte by byte': {
      behaves(_request, response) {
        response.writeHead(200, { 'content-length': '100000' });
        const timer = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(timer));
      },
      kind: 'timeout',
    },
    'only says that it goes on': {
      behaves(_request, response) {
        const timer = setInterval(() => response.writeProcessing(), 20);
        response.on('close', () => clearInterval(timer));
      },
      kind: 'timeout',
    },
    'closes without a word': {
      behaves: (_request, response) => void response.socket?.end(),
      kind: 'broken',
    },
    resets: {
      behaves: (_request, response) => void response.socket?.resetAndDestroy(),
      kind: 'broken',
    },
    'closes in the middle of its answer': {
      behaves(_request, response) {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"result":{}', () => response.socket?.destroy());
      },
      kind: 'broken',
    },
    'does not speak HTTP': {
      behaves: (_request, response) => void response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n'),
      kind: 'broken',
    },
    'answers too much': {
      behaves: saying(`{"result":{},"x":"${'x'.repeat(200_000)}"}`),
      kind: 'too_large',
    },
    'answers without an end': {
      behaves(_request, response) {
        response.writeHead(200);
        const timer = setInterval(() => response.write('x'.repeat(65_536)), 1);
        response.on('close', () => clearInterval(timer));
      },
      kind: 'too_large',
    },
    'answers with wrong JSON': { behaves: saying('{"result":{}'), kind: 'malformed' },
    'answers with nothing': { behaves: saying(''), kind: 'malformed' },
    'answers with HTML': { behaves: saying('<html>It works!</html>'), kind: 'malformed' },
    'answers with no UTF-8': {
      behaves: saying(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])),
      kind: 'malformed',
    },
    'answers with a wrong shape': { behaves: answering([1]), kind: 'malformed' },
    'answers with what nobody asked for': { behaves: answering({ ok: true }), kind: 'malformed' },
    'answers nested without an end': {
      behaves: saying(`{"result":{"data":${'['.repeat(5000)}${']'.repeat(5000)}}}`),
      kind: 'malformed',
    },
    'answers 500': { behaves: answering({ result: {} }, 500), kind: 'status' },
    'answers 404': { behaves: answering({ result: {} }, 404), kind: 'status' },
    'answers 204': {
      behaves: (_request, response) => void response.writeHead(204).end(),
      kind: 'status',
    },
    'answers 503': { behaves: answering({ result: {} }, 503), kind: 'unavailable' },
  };
