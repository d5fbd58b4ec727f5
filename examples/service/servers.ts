/** Runs the service on a Redis and a Postgres of its own, in a folder that is thrown away. */
import type { ExecFileSyncOptions } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'sluice-example-'));
const stops: (() => void)[] = [() => rmSync(folder, { recursive: true })];
// A Ctrl-C is for the service. When that has ended, the servers are ended, and not before.
process.on('SIGINT', () => {}).on('SIGTERM', () => {});

try {
  process.env['REDIS_URL'] = await startRedis();
  process.env['DATABASE_URL'] = await startPostgres();
  await import('./main.ts');
} finally {
  for (const stop of stops.toReversed()) stop();
}

async function startRedis(): Promise<string> {
  const port = await freePort();
  const place = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder];
  execFileSync('redis-server', [...place, '--daemonize', 'yes'], { stdio: 'ignore' });
  stops.push(() => execFileSync('redis-cli', ['-p', `${port}`, 'shutdown', 'nosave']));
  return `redis://127.0.0.1:${port}`;
}

async function startPostgres(): Promise<string> {
  const port = await freePort();
  const user = unprivileged();
  if (user.uid !== undefined) chownSync(folder, user.uid, user.uid);
  const run = (program: string, ...args: readonly string[]): unknown =>
    execFileSync(postgres(program), ['-D', join(folder, 'postgres'), ...args], {
      cwd: folder,
      stdio: 'ignore',
      ...user,
    });
  run('initdb', '-U', 'example', '-A', 'trust');
  const settings = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1`;
  run('pg_ctl', 'start', '-w', '-l', join(folder, 'postgres.log'), '-o', settings);
  stops.push(() => run('pg_ctl', 'stop', '-m', 'fast'));
  return `postgres://example@127.0.0.1:${port}/postgres`;
}

/** Debian keeps it out of the PATH. */
function postgres(program: string): string {
  return globSync(`/usr/lib/postgresql/*/bin/${program}`).at(-1) ?? program;
}

/** Postgres does not run as root. */
function unprivileged(): Pick<ExecFileSyncOptions, 'uid'> {
  if (process.getuid?.() !== 0) return {};
  return { uid: Number(execFileSync('id', ['-u', 'postgres'])) };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
