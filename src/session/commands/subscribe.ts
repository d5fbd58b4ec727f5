/** `subscribe`: a client asks for a channel, and perhaps for what it missed there. */
import { DELTA_FORMAT } from '../../channel/delta.ts';
import type { ChannelName } from '../../channel/name.ts';
import { isTokenOnly, usersOf } from '../../channel/name.ts';
import type { Rules } from '../../channel/rules.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { Run } from '../../kernel/mailbox.ts';
import type { SubscribeCommand } from '../../protocol/frames.ts';
import { SUBSCRIBE_FLAGS } from '../../protocol/frames.ts';
import { may } from '../access.ts';
import { grantOf } from '../credentials.ts';
import type { Session } from '../session.ts';
import { subscribeResult } from '../subscribe-result.ts';
import type { Grant } from '../terms.ts';
import { clientTerms, PLAIN_GRANT } from '../terms.ts';
import { sentOf } from '../values.ts';

export async function subscribe(
  session: Session,
  command: SubscribeCommand,
  run: Run,
): Promise<null> {
  const { channel, rules } = session.channel(command.channel);
  if (command.delta !== '' && command.delta !== DELTA_FORMAT) {
    throw new Refusal('badRequest', 'subscribe.delta: the one format is fossil');
  }
  const grant = await admit(session, { command, channel, rules }, run);
  if (session.isClosed) return null;
  if (run.aborted) throw new Refusal('notAvailable', 'taken back by unsubscribe');
  const terms = clientTerms(rules, command, grant);
  const { recover, offset, epoch } = command;
  const since = recover ? { offset, epoch } : null;
  await session.subscriptions.enter({
    channel,
    terms,
    since,
    welcome(joined) {
      const must = (command.flag & SUBSCRIBE_FLAGS.rejectUnrecovered) !== 0;
      if (recover && must && joined.missed === null) throw new Refusal('unrecoverablePosition');
      const nowMs = session.services.clock.now();
      const result = subscribeResult(terms, { since, joined, nowMs });
      session.tell({ type: 'subscribe', id: command.id, result });
    },
  });
  return null;
}

interface Request {
  readonly command: SubscribeCommand;
  readonly channel: ChannelName;
  readonly rules: Rules;
}

/**
 * In this order, and the first that has a say decides: a token, without which there is no way into
 * a token-only channel; the users in the channel's name; the backend; the namespace's rule.
 */
async function admit(session: Session, request: Request, run: Run): Promise<Grant> {
  const { command, channel, rules } = request;
  if (command.token !== '') {
    return { ...(await grantOf(session, channel, command.token)), byToken: true };
  }
  if (isTokenOnly(channel)) throw new Refusal('permissionDenied', 'this channel wants a token');
  const users = usersOf(channel);
  if (users !== null) {
    const listed = session.user !== '' && users.includes(session.user);
    if (!listed || rules.subscribe === 'nobody') throw new Refusal('permissionDenied');
    return PLAIN_GRANT;
  }
  if (rules.hookSubscribe !== null) return askBackend(session, request, run);
  if (!may(session, rules.subscribe, channel)) throw new Refusal('permissionDenied');
  return PLAIN_GRANT;
}

async function askBackend(session: Session, request: Request, run: Run): Promise<Grant> {
  const { hooks } = session.services;
  if (hooks.subscribe === undefined) throw new Refusal('notAvailable', 'no subscribe hook');
  const question = { channel: request.channel, ...sentOf(request.command.data) };
  const answer = (await hooks.subscribe(question, session.caller(run))) ?? {};
  return { ...answer, byToken: false, expireAtMs: answer.expireAtMs ?? null };
}
