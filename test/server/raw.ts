/** A peer that speaks bytes, for all that a proper client would not do. */
import { connect, type Socket } from 'node:net';
import { setTimeout as later } from 'node:timers/promises';

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

const PATIENCE_MS = 10_000;

/** Waits for a condition; the text says what never came. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`still waiting: ${what}`);
    await later(5);
  }
}

export class RawPeer {
  readonly socket: Socket;
  /** All that came, one character per byte. */
  text = '';
  bytes = 0;
  gone = false;
  /** Keeps only the number of bytes, for answers that are large. */
  readonly #counts: boolean;

  private constructor(socket: Socket, counts: boolean) {
    this.socket = socket;
    this.#counts = counts;
    socket.on('data', (chunk: Buffer) => {
      this.bytes += chunk.byteLength;
      if (!this.#counts) this.text += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.gone = true;
    });
  }

  static async connect(port: number, counts = false): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const peer = new RawPeer(socket, counts);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('connect', resolve);
    socket.once('error', reject);
    await promise;
    return peer;
  }

  /** Connects, and has sent the text by then. */
  static async saying(port: number, text: string | Uint8Array): Promise<RawPeer> {
    const peer = await RawPeer.connect(port);
    peer.say(text);
    return peer;
  }

  say(text: string | Uint8Array): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  heard(part: string): Promise<void> {
    return until(() => this.text.includes(part), `«${part}» in «${this.text.slice(0, 300)}»`);
  }

  ended(): Promise<void> {
    return until(() => this.gone, 'the end of the connection');
  }

  drop(): void {
    this.socket.destroy();
  }
}

export function request(line: string, headers: readonly string[] = [], body = ''): string {
  return [`${line} HTTP/1.1`, 'Host: test', ...headers, '', body].join('\r\n');
}

export function upgrade(path: string, headers: readonly string[] = []): string {
  return request(`GET ${path}`, [
    'Connection: Upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Key: ${KEY}`,
    'Sec-WebSocket-Version: 13',
    ...headers,
  ]);
}

/** A frame of a client, masked with zeros. `first` is the byte with FIN and the opcode. */
export function frame(first: number, payload: Uint8Array): Uint8Array {
  const length = payload.byteLength;
  const size = length < 126 ? [0x80 | length] : [0xfe, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([first, ...size, 0, 0, 0, 0]), payload]);
}
