/** Who may do what in a channel. */
import type { ChannelName } from '../channel/name.ts';
import type { Access } from '../channel/rules.ts';
import type { Session } from './session.ts';

export function may(session: Session, access: Access, channel: ChannelName): boolean {
  switch (access) {
    case 'nobody':
      return false;
    case 'token':
      return session.subscriptions.get(channel)?.terms.byToken === true;
    case 'subscriber':
      return session.subscriptions.get(channel) !== null;
    case 'client':
      return session.user !== '';
    case 'anonymous':
      return true;
  }
}
