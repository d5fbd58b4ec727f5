/** A link that can be cut, held up and slowed down. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export class Proxy {
  /** Where new connections go. */
  target: number;
  /** How much later everything arrives, in each direction. */
  delayMs = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #held: (() => void)[] | null = null;
  #tearing = false;

  private constructor(target: number) {
    this.target = target;
    this.#server = createServer((socket) => this.#join(socket));
  }

  static async start(target: number): Promise<Proxy> {
    const proxy = new Proxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    onTestFinished(() => {
      proxy.#server.close();
      proxy.cut();
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** All connections end; new ones may come. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** The next thing that comes back over each connection ends in its middle, and so does the connection. */
  tear(): void {
    this.#tearing = true;
  }

  /** No more is torn. */
  mend(): void {
    this.#tearing = false;
  }

  /** Nothing passes any more, and nobody is told; what was on its way waits. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const pass of held) pass();
  }

  #join(near: Socket): void {
    const far = connect(this.target, '127.0.0.1');
    this.#pipe(near, far, (chunk) => void far.write(chunk));
    this.#pipe(far, near, (chunk) => {
      if (!this.#tearing) near.write(chunk);
      else near.end(chunk.subarray(0, chunk.length >> 1));
    });
  }

  #pipe(from: Socket, to: Socket, write: (chunk: Buffer) => void): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    const queue: (() => void)[] = [];
    // Bytes never overtake each other, however the delay changes: whichever timer rings, the first
    // in the queue is next.
    const pass = (act: () => void): void => {
      queue.push(act);
      const next = (): void => queue.shift()?.();
      setTimeout(() => (this.#held === null ? next() : this.#held.push(next)), this.delayMs);
    };
    from.on('data', (chunk: Buffer) => pass(() => write(chunk)));
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      pass(() => void to.destroy());
    });
  }
}
