/** `send`: a message to the application that wants no reply. */
import type { Run } from '../../kernel/mailbox.ts';
import type { Maybe } from '../../kernel/maybe.ts';
import { chain } from '../../kernel/maybe.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { SendCommand } from '../../protocol/frames.ts';
import type { Session } from '../session.ts';
import { valueOf } from '../values.ts';

export function send(session: Session, command: SendCommand, run: Run): Maybe<null> {
  const { hooks } = session.services;
  // Nobody hears it: that is counted as an error, as there is no reply to carry one.
  if (hooks.message === undefined) throw new Refusal('notAvailable', 'no message hook');
  return chain(hooks.message(valueOf(command.data), session.caller(run)), () => null);
}
