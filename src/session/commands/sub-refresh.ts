/** `sub_refresh`: a new subscription token for a subscription that expires. */
import { Refusal } from '../../kernel/errors.ts';
import type { Reply, SubRefreshCommand } from '../../protocol/frames.ts';
import { grantOf } from '../credentials.ts';
import { expiryOf } from '../expiry.ts';
import type { Session } from '../session.ts';

export async function subRefresh(
  session: Session,
  command: SubRefreshCommand,
): Promise<Reply | null> {
  const { channel } = session.channel(command.channel);
  if (command.token === '') throw new Refusal('badRequest', 'sub_refresh.token is missing');
  const grant = await grantOf(session, channel, command.token);
  if (session.isClosed) return null;
  const subscription = session.subscriptions.get(channel);
  if (subscription === null) throw new Refusal('permissionDenied', 'not subscribed');
  session.subscriptions.renew(subscription, grant.expireAtMs);
  const expiry = expiryOf(grant.expireAtMs, session.services.clock.now());
  return { type: 'sub_refresh', id: command.id, expiry };
}
