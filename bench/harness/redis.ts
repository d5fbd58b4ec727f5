/** A server of Redis for one run: a process of its own that keeps nothing. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Absent } from '../systems/system.ts';

const PATIENCE_MS = 5000;

const running = new Set<Redis>();

export class Redis {
  readonly url: string;
  readonly #port: number;
  readonly #process: ChildProcess;

  private constructor(port: number, process: ChildProcess) {
    this.url = `redis://127.0.0.1:${port}`;
    this.#port = port;
    this.#process = process;
    running.add(this);
  }

  /** @throws {Absent} when there is no redis-server. */
  static async start(): Promise<Redis> {
    const port = await freePort();
    const volatile = ['--save', '', '--appendonly', 'no', '--loglevel', 'warning'];
    const args = ['--port', String(port), '--bind', '127.0.0.1', ...volatile];
    const child = spawn('redis-server', args, { stdio: 'ignore' });
    try {
      await once(child, 'spawn');
    } catch (error) {
      throw new Absent('redis-server is not installed', { cause: error });
    }
    const redis = new Redis(port, child);
    for (const until = performance.now() + PATIENCE_MS; performance.now() < until;) {
      try {
        await redis.#ask('PING');
        return redis;
      } catch {
        await sleep(20);
      }
    }
    throw new Error('redis-server does not answer');
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Commands it has carried out since its start, those of scripts among them, by name. */
  async commands(): Promise<ReadonlyMap<string, number>> {
    const stats = await this.#ask('INFO commandstats');
    const lines = stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
    return new Map([...lines].map(([, name = '', calls]) => [name, Number(calls)]));
  }

  stop(): void {
    running.delete(this);
    this.#process.kill('SIGKILL');
  }

  /** What it says to an inline command: one line, or one bulk text. */
  async #ask(command: string): Promise<string> {
    const socket = connect(this.#port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      socket.setEncoding('latin1');
      socket.write(`${command}\r\n`);
      let reply = '';
      while (!isWhole(reply)) reply += String((await once(socket, 'data'))[0]);
      return reply;
    } finally {
      socket.destroy();
    }
  }
}

function isWhole(reply: string): boolean {
  const bulk = /^\$(\d+)\r\n/.exec(reply);
  if (bulk === null) return reply.endsWith('\r\n');
  return reply.length >= bulk[0].length + Number(bulk[1]) + 2;
}

/** For a run that is interrupted. */
export function stopAllRedis(): void {
  for (const redis of running) redis.stop();
}

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
