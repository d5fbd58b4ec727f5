/** `connect`: who is there, what it may hear at once, and how the connection will be kept. */
import type { Identity } from '../../auth/identity.ts';
import { personalChannel } from '../../channel/name.ts';
import type { SubscriptionOptions } from '../../channel/subscription-options.ts';
import type { ConnectAnswer } from '../../hooks/hooks.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { Run } from '../../kernel/mailbox.ts';
import { Disconnection } from '../../protocol/close.ts';
import type { ConnectCommand, SubscribeResult } from '../../protocol/frames.ts';
import type { Quota } from '../../quota/quota.ts';
import type { Credentials } from '../credentials.ts';
import { identityOf } from '../credentials.ts';
import { expiryOf } from '../expiry.ts';
import type { Session } from '../session.ts';
import { subscribeResult } from '../subscribe-result.ts';
import { serverTerms } from '../terms.ts';
import { dataOf, sentOf } from '../values.ts';

type ServerSubs = ReadonlyMap<string, SubscriptionOptions>;

export async function connect(session: Session, command: ConnectCommand, run: Run): Promise<null> {
  const { services } = session;
  const identity = command.token === '' ? null : await identityOf(services, command.token);
  if (session.isClosed) return null;
  const answer = await askBackend(session, { command, identity }, run);
  if (session.isClosed) return null;
  const credentials = credentialsOf(session, identity, answer);
  // What is refused is refused before the session counts as connected, and its outbox is held.
  const { user } = credentials.info;
  const orders = subsOf(session, user, { identity, answer });
  if (services.quota !== null) await keepUserLimit(session, services.quota, user);
  if (session.isClosed) return null;
  // Publications of the server-side subscriptions wait until the reply is written before them.
  session.outbox.cork();
  session.connected(credentials);
  const subs = await subscribeByServer(session, command, orders);
  if (session.isClosed) return null;
  const { settings, clock } = services;
  const result = {
    ...expiryOf(credentials.renewal === 'client' ? credentials.expireAtMs : null, clock.now()),
    client: session.client,
    version: settings.version,
    data: dataOf(answer.data),
    subs,
    ping: Math.ceil(settings.pingIntervalMs / 1000),
    pong: settings.pingIntervalMs > 0,
  };
  session.outbox.uncork(session.outbox.codec.encode({ type: 'connect', id: command.id, result }));
  return null;
}

interface Question {
  readonly command: ConnectCommand;
  readonly identity: Identity | null;
}

async function askBackend(session: Session, question: Question, run: Run): Promise<ConnectAnswer> {
  const { hooks } = session.services;
  if (hooks.connect === undefined) return {};
  const { command, identity } = question;
  const { headers, remoteAddress } = session.origin;
  const asked = {
    ...sentOf(command.data),
    name: command.name,
    version: command.version,
    emulatedHeaders: command.headers ?? {},
    headers,
    remoteAddress,
  };
  const caller = {
    client: session.client,
    user: identity?.user ?? '',
    info: identity?.info,
    meta: identity?.meta,
    get signal() {
      return run.signal;
    },
  };
  return (await hooks.connect(asked, caller)) ?? {};
}

/** @throws {Refusal} `unauthorized` when neither token nor hook says who it is, and nobody may be anonymous. */
function credentialsOf(
  session: Session,
  identity: Identity | null,
  answer: ConnectAnswer,
): Credentials {
  // What the hook says counts, where it says anything.
  const { user, info, meta, expireAtMs = null } = { ...identity, ...answer };
  if (user === undefined && !session.services.settings.anonymous) {
    throw new Refusal('unauthorized', 'a token is needed');
  }
  const { client } = session;
  return {
    info: { client, user: user ?? '', connInfo: dataOf(info), chanInfo: null },
    meta,
    expireAtMs,
    renewal: answer.expireAtMs === undefined ? 'client' : 'server',
  };
}

/** The session gives its place back when it ends, from when it is connected. @throws when there is none. */
async function keepUserLimit(session: Session, quota: Quota, user: string): Promise<void> {
  if (user === '') return;
  const admission = await quota.take(user, session.client);
  if (admission === 'full') throw new Disconnection('connectionLimit');
  if (admission === 'doubtful') throw new Refusal('tooManyRequests', 'connections of the user');
  if (session.isClosed) quota.release(user, session.client);
}

interface Orderers {
  readonly identity: Identity | null;
  readonly answer: ConnectAnswer;
}

function subsOf({ services }: Session, user: string, { identity, answer }: Orderers): ServerSubs {
  const subs = new Map<string, SubscriptionOptions>();
  const { limits, settings } = services;
  if (settings.personalNamespace !== null && user !== '') {
    const { channelNameLength } = limits;
    subs.set(personalChannel(user, settings.personalNamespace, channelNameLength), {});
  }
  if (identity !== null) order(subs, identity.channels, identity.subs);
  order(subs, answer.channels ?? [], Object.entries(answer.subs ?? {}));
  if (subs.size > limits.channelsPerConnection) throw new Disconnection('channelLimit');
  return subs;
}

function order(
  subs: Map<string, SubscriptionOptions>,
  channels: Iterable<string>,
  withOptions: Iterable<readonly [string, SubscriptionOptions]>,
): void {
  for (const channel of channels) subs.set(channel, {});
  for (const [channel, options] of withOptions) subs.set(channel, options);
}

/**
 * All or nothing: a client that is told of fewer channels than it was promised would not know.
 * @throws {Disconnection}
 */
async function subscribeByServer(
  session: Session,
  command: ConnectCommand,
  subs: ServerSubs,
): Promise<ReadonlyMap<string, SubscribeResult>> {
  const results = new Map<string, SubscribeResult>();
  const enterAll = Promise.all(
    [...subs].map(async ([name, options]) => {
      const { channel, rules } = session.channel(name);
      const terms = serverTerms(rules, options, null);
      const recovery = command.subs.get(name);
      const since = recovery?.recover === true ? recovery : null;
      await session.subscriptions.enter({
        channel,
        terms,
        since,
        welcome(joined) {
          const nowMs = session.services.clock.now();
          results.set(name, subscribeResult(terms, { since, joined, nowMs }));
        },
      });
    }),
  );
  try {
    await enterAll;
  } catch (error) {
    if (!(error instanceof Refusal)) throw new Disconnection('serverError', { cause: error });
    const { log } = session.services;
    log.warn('server-side', { client: session.client, reason: error.message }, 'cannot subscribe');
    throw new Disconnection(error.entry.temporary ? 'serverError' : 'badRequest');
  }
  return results;
}
