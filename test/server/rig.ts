/** An edge with a gateway that does what the path says, and remembers what it was told. */
import { WebSocket } from 'ws';
import type {
  CreateEdge,
  Edge,
  EdgeOptions,
  HttpRequest,
  HttpResponse,
  RequestHead,
  UpgradeAnswer,
} from '../../src/server/edge.ts';
import type { Receiver, Transport } from '../../src/session/transport.ts';
import { until } from './raw.ts';

export const OPTIONS: EdgeOptions = {
  host: '127.0.0.1',
  port: 0,
  messageBytesMax: 1000,
  bodyBytesMax: 100_000,
  headBytesMax: 2048,
  requestsMax: 100,
  socketBytesMax: 4 * 1024 * 1024,
  closeGraceMs: 300,
};

/** A session that sends back what it gets. */
export class Echo implements Receiver {
  readonly transport: Transport;
  readonly binary: boolean;
  readonly received: string[] = [];
  readonly closes: number[] = [];
  drains = 0;

  constructor(transport: Transport, binary: boolean) {
    this.transport = transport;
    this.binary = binary;
  }

  receive(frame: Uint8Array): void {
    this.received.push(Buffer.from(frame).toString('latin1'));
    // A copy: what is sent may still be read from memory after the call.
    this.transport.send(Uint8Array.from(frame), this.binary);
  }

  drained(): void {
    this.drains += 1;
  }

  closed(code: number): void {
    this.closes.push(code);
  }

  /** Sends until the socket takes no more at once; tells how many bytes that took. */
  fill(): number {
    const chunk = new Uint8Array(64 * 1024);
    for (let bytes = chunk.byteLength; bytes < 100_000_000; bytes += chunk.byteLength) {
      if (this.transport.send(chunk, true) === 'buffered') return bytes;
    }
    throw new Error('the socket takes everything');
  }
}

export const BIG = Buffer.alloc(5_000_000, 'abcdefghijklmnopqrstuvwxyz-');

export class Rig {
  readonly edge: Edge;
  readonly upgrades: RequestHead[] = [];
  readonly echoes: Echo[] = [];
  readonly requests: HttpRequest[] = [];
  /** Answers to `/wait`, given when a test wants them. */
  readonly waiting: ((response: HttpResponse) => void)[] = [];
  readonly #clients: WebSocket[] = [];
  port = 0;

  constructor(create: CreateEdge, options: Partial<EdgeOptions> = {}) {
    this.edge = create(
      { ...OPTIONS, ...options },
      {
        upgrade: (head) => this.#upgrade(head),
        http: (request) => this.#http(request),
      },
    );
  }

  static async start(create: CreateEdge, options: Partial<EdgeOptions> = {}): Promise<Rig> {
    const rig = new Rig(create, options);
    rig.port = await rig.edge.listen();
    return rig;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.terminate();
    await this.edge.close();
  }

  get echo(): Echo {
    return this.echoes.at(-1)!;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** A client whose connection may still fail. */
  dial(path: string, protocols: string[] = []): WebSocket {
    const client = new WebSocket(`ws://127.0.0.1:${this.port}${path}`, protocols);
    client.on('error', () => {});
    this.#clients.push(client);
    return client;
  }

  /** A client that is connected, and the session it has. */
  async open(path = '/', protocols: string[] = []): Promise<[WebSocket, Echo]> {
    const client = this.dial(path, protocols);
    const before = this.echoes.length;
    await until(() => client.readyState === WebSocket.OPEN, 'the client to be open');
    await until(() => this.echoes.length > before, 'the session to be open');
    return [client, this.echo];
  }

  #upgrade(head: RequestHead): UpgradeAnswer {
    this.upgrades.push(head);
    if (head.path === '/refuse') {
      const headers = { 'x-why': 'not you' };
      return { accepted: false, response: { status: 403, headers, body: 'no, thanks' } };
    }
    const offered = head.headers.get('sec-websocket-protocol') ?? '';
    return {
      accepted: true,
      protocol: offered.includes('second') ? 'second' : '',
      open: (transport) => this.#open(transport, head.path),
    };
  }

  #open(transport: Transport, path: string): Receiver {
    const echo = new Echo(transport, path === '/binary');
    this.echoes.push(echo);
    if (path === '/greet') transport.send(Buffer.from('hello'), false);
    if (path === '/shut') transport.close(4001, 'not today');
    return echo;
  }

  #http(request: HttpRequest): Promise<HttpResponse> {
    this.requests.push(request);
    const headers = { 'content-type': 'text/plain' };
    if (request.path === '/wait') {
      return new Promise((resolve) => {
        this.waiting.push(resolve);
      });
    }
    if (request.path === '/big') return Promise.resolve({ status: 200, headers, body: BIG });
    if (request.path === '/none') return Promise.resolve({ status: 204, headers, body: '' });
    const body = `${request.method} ${request.query} ${Buffer.from(request.body).toString()}`;
    return Promise.resolve({ status: 200, headers, body });
  }
}

/** What a client is closed with. */
export function closing(client: WebSocket): Promise<[number, string]> {
  return new Promise((resolve) => {
    client.once('close', (code, reason) => resolve([code, reason.toString()]));
  });
}

/** The next message, and whether it was binary. */
export function message(client: WebSocket): Promise<[string, boolean]> {
  return new Promise((resolve) => {
    client.once('message', (data: Buffer, binary) => resolve([data.toString('latin1'), binary]));
  });
}
