/** The ports that several workers are to share: looked at, and held until they listen there. */
import { createServer } from 'node:net';
import type { Config } from '../config/config.ts';
import { assert } from '../kernel/assert.ts';
import type { Address } from '../listening.ts';

/**
 * Elsewhere the kernel does not spread connections over those who share a port, or Node does not
 * share one. @throws in words.
 */
export function refuseOtherSystems(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const sharesPorts = major > 22 || (major === 22 && minor >= 12);
  if (process.platform === 'linux' && sharesPorts) return;
  const here = `Node ${process.version} on ${process.platform}`;
  throw new Error(`workers need Linux and Node from 22.12 on, and this is ${here}`);
}

interface Held {
  readonly address: Address;
  release(): void;
}

/** @throws when a port is taken. */
export async function holdPorts({ host, port, internal }: Config): Promise<Held> {
  const open = await hold(host, port);
  if (internal === null) {
    const address = { port: open.port, internalPort: open.port };
    return { address, release: open.release };
  }
  const closed = await hold(internal.host, internal.port);
  return {
    address: { port: open.port, internalPort: closed.port },
    release() {
      open.release();
      closed.release();
    },
  };
}

/**
 * Who shares a port is not told that others have it, such as the workers of another primary: so it
 * is taken alone once. A free one is held, as a sharer, so that nobody takes it meanwhile; nobody
 * knows of it either, so nobody connects to it.
 */
function hold(host: string, port: number): Promise<{ port: number; release: () => void }> {
  return new Promise((resolve, reject) => {
    // It keeps no process alive that cannot start.
    const server = createServer((socket) => socket.destroy()).unref();
    server.once('error', ({ message }) => {
      reject(new Error(`cannot listen on ${host}:${port}: ${message}`));
    });
    server.listen({ host, port, reusePort: port === 0 }, () => {
      const release = (): void => void server.close();
      const bound = server.address();
      assert(bound !== null && typeof bound === 'object', 'a TCP server has a port');
      if (port === 0) resolve({ port: bound.port, release });
      else server.close(() => resolve({ port, release }));
    });
  });
}
