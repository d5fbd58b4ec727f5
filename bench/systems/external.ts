/** Systems that are programs of their own, where they are on the PATH. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Absent } from './system.ts';
import type { Started } from './system.ts';

const PATIENCE_MS = 5000;

/** Starts it, and ends it with this process. @throws {Absent} when it is not installed. */
export async function startProgram(
  { program, args, env = {} }: Program,
  port: number,
): Promise<Started> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 2],
    env: { ...process.env, ...env },
  });
  process.on('exit', () => child.kill('SIGKILL'));
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw new Absent(`${program} is not installed`, { cause: error });
  }
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until; await sleep(20)) {
    if (child.exitCode !== null) throw new Absent(`${program} ended with ${child.exitCode}`);
    if (await listens(port)) return { port, pid: child.pid ?? 0 };
  }
  throw new Error(`${program} does not listen on ${port}`);
}

interface Program {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
