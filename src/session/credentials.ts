/** Tokens, as the session meets them: what is wrong with one, told in the terms of the protocol. */
import type { Identity, SubscriptionGrant } from '../auth/identity.ts';
import { InvalidToken } from '../auth/invalid-token.ts';
import type { ChannelName } from '../channel/name.ts';
import type { ClientInfo } from '../channel/publication.ts';
import type { Data } from '../kernel/data.ts';
import { Refusal } from '../kernel/errors.ts';
import { Disconnection } from '../protocol/close.ts';
import type { Services } from './services.ts';

/** What a connected client is, for as long as it is connected. */
export interface Credentials {
  /** Who it is to others. */
  readonly info: ClientInfo;
  readonly meta: unknown;
  /** Null: it does not expire. */
  readonly expireAtMs: number | null;
  /** Who renews it at its expiry: the client with a token, or the server by its refresh hook. */
  readonly renewal: 'client' | 'server';
}

/** What was said about a client; null: nothing new. */
export function informed(info: ClientInfo, connInfo: Data | null): ClientInfo {
  return connInfo === null ? info : { ...info, connInfo };
}

/** Whose tokens are looked at. */
export interface Bearer {
  readonly services: Services;
  readonly client: string;
  readonly user: string;
}

/**
 * @throws {Disconnection} `invalidToken`; {Refusal} `tokenExpired`, or `internal` when the keys
 * cannot be had now.
 */
export async function identityOf(services: Services, token: string): Promise<Identity> {
  try {
    return await services.verifier.connection(token);
  } catch (error) {
    if (!(error instanceof InvalidToken)) throw error;
    services.log.warn('token', { reason: error.message }, 'refused a connection token');
    throw new Disconnection('invalidToken');
  }
}

/**
 * What a subscription token grants to this session in this channel.
 * @throws {Refusal} `permissionDenied`, `tokenExpired`, or `internal` when the keys cannot be had.
 */
export async function grantOf(
  session: Bearer,
  channel: ChannelName,
  token: string,
): Promise<SubscriptionGrant> {
  const { verifier, log } = session.services;
  try {
    const grant = await verifier.subscription(token);
    if (grant.channel === channel && grant.user === session.user) return grant;
    log.warn('token', { client: session.client }, 'refused a token of another channel or user');
  } catch (error) {
    if (!(error instanceof InvalidToken)) throw error;
    log.warn('token', { reason: error.message }, 'refused a subscription token');
  }
  throw new Refusal('permissionDenied');
}
