/** Whether a port can be listened on, or who has it. */
import { createServer } from 'node:net';
import { reachable } from '../place.ts';
import { found } from './finding.ts';
import type { Finding } from './finding.ts';

export interface ListenPlace {
  readonly host: string;
  readonly port: number;
}

const ANSWER_MS = 2000;

export async function checkPorts({ host, port }: ListenPlace): Promise<Finding> {
  const name = `port ${port}`;
  if (port === 0) return found(name, 'ok', 'any free port');
  const code = await listening({ host, port });
  if (code === '') return found(name, 'ok', `free on ${host}`);
  if (code === 'EACCES') {
    const advice = 'choose one from 1024 on, or let the process have it (CAP_NET_BIND_SERVICE)';
    return found(name, 'fail', `it may not be listened on`, advice);
  }
  if (code !== 'EADDRINUSE') {
    return found(
      name,
      'fail',
      `cannot listen on ${host} (${code})`,
      'set host to an address of this machine',
    );
  }
  if (await isGateway({ host, port })) {
    return found(name, 'ok', `taken by a gateway that is well, at ${reachable(host)}`);
  }
  return found(name, 'fail', `taken on ${host}`, 'stop what listens there, or set another port');
}

/** '' when it can be; else the code of what went wrong. */
function listening({ host, port }: ListenPlace): Promise<string> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    probe.once('listening', () => probe.close(() => resolve('')));
    probe.listen({ host, port, exclusive: true });
  });
}

/** `/health` is on the public port, `/metrics` on the one for the API. */
async function isGateway({ host, port }: ListenPlace): Promise<boolean> {
  const base = `http://${reachable(host)}:${port}`;
  const answers = ['/health', '/metrics'].map(async (path) => {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(`${base}${path}`, { signal, redirect: 'manual' });
    const text = await response.text();
    return response.status === 200 && /^\{"status":"ok"\}|^sluice_/m.test(text);
  });
  const settled = await Promise.allSettled(answers);
  return settled.some((one) => one.status === 'fulfilled' && one.value);
}
