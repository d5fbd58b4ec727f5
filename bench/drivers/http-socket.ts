/** An HTTP client on a plain TCP socket that is kept open: one request at a time. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

const HEAD_END = '\r\n\r\n';

export interface HttpOwner {
  /** A whole answer is there. */
  answered(status: number): void;
  lost(why: string): void;
}

export class HttpSocket {
  readonly #socket: Socket;
  readonly #head: string;
  readonly #owner: HttpOwner;
  readonly ready: Promise<void>;
  /** What came of the answer so far, when it did not come in one piece. */
  #stash = '';

  constructor(
    { port, path, headers }: { port: number; path: string; headers: Record<string, string> },
    owner: HttpOwner,
  ) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${lines.join('')}`;
    this.#owner = owner;
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#socket.setEncoding('latin1');
    this.#socket.on('connect', resolve);
    this.#socket.on('data', (text: string) => this.#read(text));
    const lost = (why: string): void => {
      reject(new Error(why));
      owner.lost(why);
    };
    this.#socket.on('error', (error) => lost(error.message));
    this.#socket.on('end', () => lost('the server closed a kept connection'));
  }

  post(body: string): void {
    this.#socket.write(`${this.#head}Content-Length: ${Buffer.byteLength(body)}${HEAD_END}${body}`);
  }

  end(): void {
    this.#socket.removeAllListeners();
    this.#socket.on('error', () => undefined);
    this.#socket.destroy();
  }

  #read(text: string): void {
    const all = this.#stash + text;
    const head = all.indexOf(HEAD_END);
    const length = head === -1 ? NaN : Number(/\r\ncontent-length: (\d+)/i.exec(all)?.[1]);
    if (head === -1 || all.length < head + HEAD_END.length + length) {
      this.#stash = all;
      return;
    }
    this.#stash = '';
    this.#owner.answered(Number(all.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)));
  }
}
