/** `rpc`: the application is asked, and answers. */
import { Refusal } from '../../kernel/errors.ts';
import type { Run } from '../../kernel/mailbox.ts';
import type { Maybe } from '../../kernel/maybe.ts';
import { chain } from '../../kernel/maybe.ts';
import type { Reply, RpcCommand } from '../../protocol/frames.ts';
import type { Session } from '../session.ts';
import { dataOf, sentOf } from '../values.ts';

export function rpc(session: Session, command: RpcCommand, run: Run): Maybe<Reply> {
  const { hooks } = session.services;
  if (hooks.rpc === undefined) throw new Refusal('notAvailable', 'no rpc hook');
  const { id, method } = command;
  const answer = hooks.rpc({ method, ...sentOf(command.data) }, session.caller(run));
  return chain(answer, (value) => ({ type: 'rpc', id, data: dataOf(value) }));
}
