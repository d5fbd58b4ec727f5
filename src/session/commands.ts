/** Which command is carried out by what. */
import type { Run } from '../kernel/mailbox.ts';
import type { Maybe } from '../kernel/maybe.ts';
import type { CommandOf, CommandType, Reply } from '../protocol/frames.ts';
import { connect } from './commands/connect.ts';
import { history } from './commands/history.ts';
import { invalid } from './commands/invalid.ts';
import { ping } from './commands/ping.ts';
import { pong } from './commands/pong.ts';
import { presence, presenceStats } from './commands/presence.ts';
import { publish } from './commands/publish.ts';
import { refresh } from './commands/refresh.ts';
import { rpc } from './commands/rpc.ts';
import { send } from './commands/send.ts';
import { subRefresh } from './commands/sub-refresh.ts';
import { subscribe } from './commands/subscribe.ts';
import { unsubscribe } from './commands/unsubscribe.ts';
import type { Session } from './session.ts';

/** Null: there is nothing to reply, or it was written already. */
export type Handler<T extends CommandType> = (
  session: Session,
  command: CommandOf<T>,
  run: Run,
) => Maybe<Reply | null>;

const HANDLERS: { readonly [T in CommandType]: Handler<T> } = {
  connect,
  subscribe,
  unsubscribe,
  publish,
  presence,
  presence_stats: presenceStats,
  history,
  ping,
  pong,
  send,
  rpc,
  refresh,
  sub_refresh: subRefresh,
  invalid,
};

/** @throws what the handler throws; its promise rejects likewise. */
export function run<T extends CommandType>(
  session: Session,
  command: CommandOf<T> & { type: T },
  running: Run,
): Maybe<Reply | null> {
  return HANDLERS[command.type](session, command, running);
}
