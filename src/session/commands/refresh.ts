/** `refresh`: a new connection token, before the old one runs out or in the time of grace. */
import { Refusal } from '../../kernel/errors.ts';
import type { RefreshCommand, Reply } from '../../protocol/frames.ts';
import { CLOSES, Disconnection } from '../../protocol/close.ts';
import { identityOf, informed } from '../credentials.ts';
import { expiryOf } from '../expiry.ts';
import type { Session } from '../session.ts';
import { dataOf } from '../values.ts';

export async function refresh(session: Session, command: RefreshCommand): Promise<Reply | null> {
  if (command.token === '') throw new Refusal('badRequest', 'refresh.token is missing');
  const identity = await identityOf(session.services, command.token);
  if (session.isClosed) return null;
  if (identity.user !== session.user) throw new Disconnection(CLOSES.invalidToken);
  session.renew({
    info: informed(session.info, dataOf(identity.info)),
    meta: identity.meta,
    expireAtMs: identity.expireAtMs,
    renewal: 'client',
  });
  const { settings, clock } = session.services;
  const expiry = expiryOf(identity.expireAtMs, clock.now());
  return {
    type: 'refresh',
    id: command.id,
    client: session.client,
    version: settings.version,
    expiry,
  };
}
