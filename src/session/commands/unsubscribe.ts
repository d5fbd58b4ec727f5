/** `unsubscribe`: also takes back the subscribes of the channel that are still under way. */
import { Refusal } from '../../kernel/errors.ts';
import type { Command, Reply, UnsubscribeCommand } from '../../protocol/frames.ts';
import { channelLane } from '../lanes.ts';
import type { Session } from '../session.ts';

export function unsubscribe(session: Session, command: UnsubscribeCommand): Reply {
  const { channel } = session.channel(command.channel);
  for (const waiting of session.withdraw(channelLane(channel), isSubscribe)) {
    session.refuse(waiting, new Refusal('notAvailable', 'taken back by unsubscribe'));
  }
  session.subscriptions.leave(channel);
  return { type: 'unsubscribe', id: command.id };
}

function isSubscribe(command: Command): boolean {
  return command.type === 'subscribe';
}
