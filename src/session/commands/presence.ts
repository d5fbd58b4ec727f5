/** `presence` and `presence_stats`: who is in a channel, or how many are. */
import { Refusal } from '../../kernel/errors.ts';
import type { Maybe } from '../../kernel/maybe.ts';
import { chain } from '../../kernel/maybe.ts';
import type { ChannelName } from '../../channel/name.ts';
import type { PresenceCommand, PresenceStatsCommand, Reply } from '../../protocol/frames.ts';
import { may } from '../access.ts';
import type { Session } from '../session.ts';

export function presence(session: Session, command: PresenceCommand): Maybe<Reply> {
  const channel = allowed(session, command.channel);
  const { services } = session;
  const members = services.presence.members(channel, services.limits.presenceMembers);
  return chain(members, (infos) => ({ type: 'presence', id: command.id, presence: infos }));
}

export function presenceStats(session: Session, command: PresenceStatsCommand): Maybe<Reply> {
  const channel = allowed(session, command.channel);
  return chain(session.services.presence.stats(channel), (stats) => ({
    type: 'presence_stats',
    id: command.id,
    numClients: stats.clients,
    numUsers: stats.users,
  }));
}

function allowed(session: Session, name: string): ChannelName {
  const { channel, rules } = session.channel(name);
  if (!rules.presence) throw new Refusal('notAvailable', 'no presence in this namespace');
  if (!may(session, rules.presenceAccess, channel)) throw new Refusal('permissionDenied');
  return channel;
}
