/** `history`: publications of a channel's stream, and where it stands. */
import { historyOf } from '../../channel/rules.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { Maybe } from '../../kernel/maybe.ts';
import { chain } from '../../kernel/maybe.ts';
import type { HistoryCommand, Reply } from '../../protocol/frames.ts';
import { may } from '../access.ts';
import type { Session } from '../session.ts';

export function history(session: Session, command: HistoryCommand): Maybe<Reply> {
  const { channel, rules } = session.channel(command.channel);
  const { broker, limits } = session.services;
  const kept = historyOf(rules);
  if (kept === null) throw new Refusal('notAvailable', 'no history in this namespace');
  if (!may(session, rules.historyAccess, channel)) throw new Refusal('permissionDenied');
  const { since, reverse } = command;
  const limit =
    command.limit < 0
      ? limits.historyPublications
      : Math.min(command.limit, limits.historyPublications);
  return chain(broker.history(channel, { limit, since, reverse }, kept), (page) => ({
    type: 'history',
    id: command.id,
    publications: page.publications,
    position: page.top,
  }));
}
