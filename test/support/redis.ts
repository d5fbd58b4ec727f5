/** Servers of Redis of the tests' own: real processes on free ports, in a folder that is thrown away. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

const MISSING =
  'these tests start servers of Redis of their own, and there is no redis-server: ' +
  'apt-get install redis-server';

const PATIENCE_MS = 10_000;

/** Below those that systems give to connections: a port cannot be taken by one before it is used. */
const PORT_MIN = 10_000;
const PORT_MAX = 32_000;

/** A port that nothing listens on, at this moment; never the same twice. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

const given = new Set<number>();

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
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

  get isRunning(): boolean {
    return this.#process !== null;
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

function isWhole(reply: string): boolean {
  return endOf(reply, 0) !== null;
}

/** Where the reply that begins there ends; null where it is not all there yet. */
function endOf(reply: string, at: number): number | null {
  const lineEnd = reply.indexOf('\r\n', at);
  if (lineEnd < 0) return null;
  const after = lineEnd + 2;
  const size = Number(reply.slice(at + 1, lineEnd));
  if (reply[at] === '$') {
    const end = size < 0 ? after : after + size + 2;
    return end <= reply.length ? end : null;
  }
  let end: number | null = after;
  for (let left = reply[at] === '*' ? size : 0; left > 0 && end !== null; left -= 1) {
    end = endOf(reply, end);
  }
  return end;
}
