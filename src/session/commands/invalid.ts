/** A command that cannot be carried out, answered with what is wrong with it. */
import { Refusal } from '../../kernel/errors.ts';
import type { InvalidCommand } from '../../protocol/frames.ts';
import type { Session } from '../session.ts';

export function invalid(_session: Session, command: InvalidCommand): never {
  throw new Refusal(command.kind, command.detail);
}
