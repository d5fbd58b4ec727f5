/** Whether the fast edge runs on this machine. */
import { silentLog } from '../../kernel/log.ts';
import { chooseEdge } from '../../server/choose.ts';
import type { TransportChoice } from '../../server/choose.ts';
import { found } from './finding.ts';
import type { Finding } from './finding.ts';

export async function checkTransport(choice: TransportChoice): Promise<Finding> {
  const name = 'transport';
  if (choice === 'ws') return found(name, 'ok', 'ws, as configured');
  try {
    await chooseEdge('uws', silentLog);
    return found(name, 'ok', 'uWebSockets.js loads');
  } catch (error) {
    const says = error instanceof Error ? error.message : String(error);
    if (choice === 'uws') return found(name, 'fail', says, 'use Node 22, or set transport to auto');
    return found(name, 'warn', says, 'ws is used, which is slower; Node 22 has a binary');
  }
}
