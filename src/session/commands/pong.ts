/** `pong`: the answer to a ping of the server. */
import type { PongCommand } from '../../protocol/frames.ts';
import type { Session } from '../session.ts';

export function pong(session: Session, _command: PongCommand): null {
  session.pong();
  return null;
}
