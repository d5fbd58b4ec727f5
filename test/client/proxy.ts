/** A way to a gateway that breaks when a test says so. */
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { onTestFinished } from 'vitest';

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

export class Proxy {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  /** Where connections go; a gateway that is started anew has another port. */
  target: number;
  #way: 'open' | 'stalled' | 'refused' = 'open';
  /** All that were taken. */
  connections = 0;

  private constructor(target: number) {
    this.target = target;
    this.#server = createServer({ allowHalfOpen: true }, (near) => this.#take(near));
  }

  /** To a port of this machine; closed after the test. */
  static async to(target: number): Promise<Proxy> {
    const proxy = new Proxy(target);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => proxy.close());
    return proxy;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `ws://127.0.0.1:${port}/connection/websocket`;
  }

  /** Connections that are open. */
  get size(): number {
    return this.#pairs.size;
  }

  /** Ends every connection, as a network that breaks: without a word of the protocol. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  /** Through the connections that are open nothing passes any more, and nothing is closed. */
  stall(): void {
    for (const { near, far } of this.#pairs) {
      near.pause();
      far.pause();
    }
  }

  /** What was held passes. */
  resume(): void {
    for (const { near, far } of this.#pairs) {
      near.resume();
      far.resume();
    }
  }

  /** What becomes of new connections: they get through, or nowhere, or end at once. */
  next(way: 'open' | 'stalled' | 'refused'): void {
    this.#way = way;
  }

  close(): Promise<void> {
    this.cut();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #take(near: Socket): void {
    this.connections += 1;
    if (this.#way === 'refused') {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true });
    const pair = { near, far };
    this.#pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk) => to.write(chunk));
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
      if (this.#way === 'stalled') from.pause();
    }
  }
}
