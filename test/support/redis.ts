/** Servers of Redis of the tests' own: real processes on free ports, in a folder that is thrown away. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

const MISSING =
  'these tests start servers of Redis of their own, and there is no redis-server: ' +
  'apt-get install redis-server';

const PATIENCE_MS = 10_000;

/** A port that nothing listens on, at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export interface RedisOptions {
  readonly port?: number;
  /** Further arguments of redis-server. */
  readonly args?: readonly string[];
}

/** One server, stopped after the test at the latest. */
export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #args: readonly string[];
  readonly #folder: string;
  #process: ChildProcess | null = null;

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#args = args;
    this.#folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
  }

  /** A server that is not started. */
  static async prepare({ port, args = [] }: RedisOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(port ?? (await freePort()), args);
    onTestFinished(() => server.dispose());
    return server;
  }

  static async start(options: RedisOptions = {}): Promise<RedisServer> {
    const server = await RedisServer.prepare(options);
    await server.start();
    return server;
  }

  /** For a suite that shares one; whoever starts it disposes of it. */
  static async shared(options: RedisOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(options.port ?? (await freePort()), options.args ?? []);
    await server.start();
    return server;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('the server of Redis does not run');
    return pid;
  }

  async start(): Promise<void> {
    const place = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder];
    const volatile = ['--save', '', '--appendonly', 'no'];
    const args = [...place, ...volatile, ...this.#args];
    const started = spawn('redis-server', args, { stdio: 'ignore' });
    const failed = new Promise<never>((_resolve, reject) => {
      started.once('error', (error: NodeJS.ErrnoException) => {
        reject(error.code === 'ENOENT' ? new Error(MISSING) : error);
      });
      started.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)));
    });
    failed.catch(() => undefined);
    this.#process = started;
    await Promise.race([this.#answers(), failed]);
  }

  /** As if its machine lost power. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** It ends in order, and writes its file if it was told to save. */
  async shutdown(): Promise<void> {
    await this.#end('SIGTERM');
  }

  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  async dispose(): Promise<void> {
    if (this.#process !== null) await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** One command, over a connection of its own; the reply as it came. */
  command(...parts: readonly string[]): Promise<string> {
    return RedisServer.ask(this.port, ...parts);
  }

  /** The same, of whatever speaks as Redis does. */
  static async ask(port: number, ...parts: readonly string[]): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    const encoded = parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
    try {
      await once(socket, 'connect');
      socket.write(`*${parts.length}\r\n${encoded.join('')}`);
      let reply = '';
      const deadline = Date.now() + PATIENCE_MS;
      while (!isWhole(reply) && Date.now() < deadline) {
        const [chunk] = (await once(socket, 'data')) as [Buffer];
        reply += chunk.toString('latin1');
      }
      return Buffer.from(reply, 'latin1').toString();
    } finally {
      socket.destroy();
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGCONT');
    running.kill(signal);
    await ended;
  }

  async #answers(): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (Date.now() < deadline) {
      try {
        if ((await this.command('PING')).startsWith('+PONG')) return;
      } catch {
        // It does not listen yet.
      }
      await sleep(10);
    }
    throw new Error('redis-server does not answer');
  }
}

/** Enough for what the tests ask: a line, or one bulk string. */
function isWhole(reply: string): boolean {
  if (!reply.endsWith('\r\n')) return false;
  const bulk = /^\$(-?\d+)\r\n/.exec(reply);
  if (bulk === null) return true;
  const length = Number(bulk[1]);
  return length < 0 || reply.length >= bulk[0].length + length + 2;
}
