/** The folder of an embedded database: one process at a time has it open. */
import { mkdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';

/** What an address of a socket can hold on every system. */
const ADDRESS_BYTES_MAX = 103;

/**
 * Takes the folder until the server is closed or the process ends, however it ends: a socket that
 * nobody listens on any more is no lock.
 * @throws {Error} when another process has it.
 */
export async function takeFolder(folder: string): Promise<Server> {
  // What the engine writes there it makes writable for everyone.
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const address = join(folder, 'lock.sock');
  if (Buffer.byteLength(address) > ADDRESS_BYTES_MAX) {
    throw new Error(`the path of the folder is too long: ${folder}`);
  }
  try {
    return await listen(address);
  } catch (error) {
    if (!isTaken(error)) throw error;
  }
  if (await isHeard(address)) throw new Error(`another process has the folder open: ${folder}`);
  rmSync(address, { force: true });
  return listen(address);
}

async function listen(address: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(address);
  await once(server, 'listening');
  return server;
}

async function isHeard(address: string): Promise<boolean> {
  const socket = connect(address);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    // Whoever listened there is gone.
    return false;
  } finally {
    socket.destroy();
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}
