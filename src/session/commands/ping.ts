/** `ping`: the client asks whether the server is there. */
import type { PingCommand, Reply } from '../../protocol/frames.ts';
import type { Session } from '../session.ts';

export function ping(_session: Session, command: PingCommand): Reply {
  return { type: 'ping', id: command.id };
}
