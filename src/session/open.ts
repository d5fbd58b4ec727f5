/** Opens a session for a transport. */
import { run } from './commands.ts';
import type { Services } from './services.ts';
import type { Line } from './session.ts';
import { Session } from './session.ts';

export function openSession(services: Services, line: Line): Session {
  return new Session(services, line, run);
}
