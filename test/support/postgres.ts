/** Servers of Postgres of the tests' own: real processes on free ports, in a folder that is thrown away. */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { onTestFinished } from 'vitest';
import { freePort } from './redis.ts';

const MISSING =
  'these tests start servers of Postgres of their own, and there is none: ' +
  'apt-get install postgresql';

const PATIENCE_MS = 20_000;

/** One server, stopped after the test at the latest. */
export class PostgresServer {
  readonly port: number;
  readonly url: string;
  readonly #bin: string;
  readonly #folder: string;
  #process: ChildProcess | null = null;

  private constructor(port: number) {
    this.port = port;
    this.url = `postgres://sluice@127.0.0.1:${port}/postgres`;
    this.#bin = findBin();
    this.#folder = mkdtempSync(join(tmpdir(), 'sluice-postgres-'));
    const { uid, gid } = owner();
    if (uid !== undefined && gid !== undefined) chownSync(this.#folder, uid, gid);
  }

  /** A server that is not started. */
  static async prepare(): Promise<PostgresServer> {
    const server = new PostgresServer(await freePort());
    onTestFinished(() => server.dispose());
    server.#init();
    return server;
  }

  static async start(): Promise<PostgresServer> {
    const server = await PostgresServer.prepare();
    await server.start();
    return server;
  }

  /** For a suite that shares one; whoever starts it disposes of it. */
  static async shared(): Promise<PostgresServer> {
    const server = new PostgresServer(await freePort());
    server.#init();
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const settings = [
      // What is committed survives the death of the server, if not that of the machine.
      'fsync=off',
      'listen_addresses=127.0.0.1',
      `port=${this.port}`,
      `unix_socket_directories=${this.#folder}`,
      'max_connections=50',
      'shared_buffers=32MB',
    ];
    const args = ['-D', join(this.#folder, 'data'), ...settings.flatMap((one) => ['-c', one])];
    const started = spawn(join(this.#bin, 'postgres'), args, { stdio: 'ignore', ...owner() });
    const failed = once(started, 'exit').then(([code]) => {
      throw new Error(`postgres ended with ${code}`);
    });
    failed.catch(() => undefined);
    this.#process = started;
    await Promise.race([this.#answers(), failed]);
  }

  /** As if its machine lost power. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    for (const pid of familyOf(running)) signal(pid, 'SIGKILL');
    await ended;
  }

  /** It ends in order: connections are closed, and told why. */
  async shutdown(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (running === null) return;
    const ended = once(running, 'exit');
    running.kill('SIGINT');
    await ended;
  }

  /** Everything of it stands still: it takes connections, and answers nothing. */
  pause(): void {
    for (const pid of familyOf(this.#running())) signal(pid, 'SIGSTOP');
  }

  resume(): void {
    for (const pid of familyOf(this.#running())) signal(pid, 'SIGCONT');
  }

  /** Over a connection of its own. */
  async query(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = await this.connect();
    try {
      return (await client.query(text, values)).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  }

  /** For who begins a transaction; it ends with the server at the latest. */
  async connect(): Promise<Client> {
    const client = new Client({ connectionString: this.url });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #init(): void {
    const data = join(this.#folder, 'data');
    const args = ['-D', data, '-U', 'sluice', '-A', 'trust', '-E', 'UTF8', '--locale=C'];
    const options = { stdio: 'ignore' as const, cwd: this.#folder, ...owner() };
    execFileSync(join(this.#bin, 'initdb'), [...args, '--no-sync'], options);
  }

  #running(): ChildProcess {
    if (this.#process === null) throw new Error('the server of Postgres does not run');
    return this.#process;
  }

  async #answers(): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (Date.now() < deadline) {
      try {
        await this.query('select 1');
        return;
      } catch {
        // It does not listen yet, or is still recovering.
      }
      await sleep(20);
    }
    throw new Error('postgres does not answer');
  }
}

/** Of the newest version that is installed. */
function findBin(): string {
  const versions = globSync('/usr/lib/postgresql/*/bin/postgres').map(dirname);
  const newest = versions.toSorted((one, other) => versionOf(other) - versionOf(one))[0];
  if (newest === undefined) throw new Error(MISSING);
  return newest;
}

function versionOf(bin: string): number {
  return Number(/(\d+)\/bin$/.exec(bin)?.[1]);
}

/** Postgres does not run as root; whoever is root runs it as somebody else. */
function owner(): Pick<SpawnOptions, 'uid' | 'gid'> {
  if (process.getuid?.() !== 0) return {};
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const line = lines.find((one) => one.startsWith('postgres:'));
  const [, , uid, gid] = (line ?? 'nobody:x:65534:65534').split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

/** The server and the processes that it began: the server first, so that it begins no more. */
function familyOf(server: ChildProcess): number[] {
  const { pid } = server;
  if (pid === undefined) return [];
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [
    pid,
    ...children
      .split(' ')
      .filter((one) => one !== '')
      .map(Number),
  ];
}

/** One of them may have ended meanwhile. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
