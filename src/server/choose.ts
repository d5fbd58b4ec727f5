/** Which edge this process runs on. */
import type { Log } from '../kernel/log.ts';
import type { CreateEdge } from './edge.ts';

export type TransportChoice = 'auto' | 'uws' | 'ws';

/** uWS is a native binary: on a platform without one the import itself fails. */
async function loadUws(): Promise<CreateEdge> {
  return (await import('./uws.ts')).createUwsEdge;
}

async function loadWs(): Promise<CreateEdge> {
  return (await import('./ws.ts')).createWsEdge;
}

/**
 * `auto` takes uWebSockets.js where it loads, and `ws` elsewhere. @throws when `uws` is demanded
 * and cannot be loaded. `load` is how the module of uWS is loaded.
 */
export async function chooseEdge(
  transport: TransportChoice,
  log: Log,
  load: () => Promise<CreateEdge> = loadUws,
): Promise<CreateEdge> {
  if (transport === 'ws') {
    log.info({ transport: 'ws' }, 'sockets are served by ws');
    return loadWs();
  }
  try {
    const create = await load();
    log.info({ transport: 'uws' }, 'sockets are served by uWebSockets.js');
    return create;
  } catch (cause) {
    const reason = firstLine(cause);
    if (transport === 'uws') throw new Error(demanded(reason), { cause });
    log.warn({ transport: 'ws', reason }, 'uWebSockets.js cannot be loaded: ws is used, slower');
    return loadWs();
  }
}

function demanded(reason: string): string {
  const here = `Node ${process.version} on ${process.platform} ${process.arch}`;
  return (
    `transport "uws" cannot be loaded on ${here}: ${reason}. ` +
    'Use a Node version and platform that uWebSockets.js has a binary for, ' +
    'or set the transport to "auto" or "ws".'
  );
}

function firstLine(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.split('\n', 1)[0]!.replace(/\.$/, '');
}
