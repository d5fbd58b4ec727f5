/** `publish`: a client publishes to a channel. */
import type { PublishOptions } from '../../broker/broker.ts';
import type { ChannelName } from '../../channel/name.ts';
import type { Draft } from '../../channel/publication.ts';
import { historyOf } from '../../channel/rules.ts';
import type { Rules } from '../../channel/rules.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { Run } from '../../kernel/mailbox.ts';
import type { Maybe } from '../../kernel/maybe.ts';
import { chain } from '../../kernel/maybe.ts';
import type { PublishCommand, Reply } from '../../protocol/frames.ts';
import { may } from '../access.ts';
import type { Session } from '../session.ts';
import { dataOf, sentOf, valueOf } from '../values.ts';

export function publish(session: Session, command: PublishCommand, run: Run): Maybe<Reply> {
  const { channel, rules } = session.channel(command.channel);
  const draft: Draft = {
    data: command.data,
    info: session.subscriptions.get(channel)?.info ?? session.info,
    tags: null,
    event: null,
    wantsDelta: rules.delta,
  };
  const published =
    rules.hookPublish !== null
      ? publishAsked(session, { channel, rules, draft }, run)
      : publishAllowed(session, { channel, rules, draft });
  return chain(published, () => ({ type: 'publish', id: command.id }));
}

interface Request {
  readonly channel: ChannelName;
  readonly rules: Rules;
  readonly draft: Draft;
}

function publishAllowed(session: Session, { channel, rules, draft }: Request): Maybe<unknown> {
  if (!may(session, rules.publish, channel)) throw new Refusal('permissionDenied');
  check(rules, draft);
  return session.services.broker.publish(channel, draft, optionsOf(rules));
}

/** Where the backend is asked it alone decides, and may change what is published. */
async function publishAsked(session: Session, request: Request, run: Run): Promise<void> {
  const { channel, rules, draft } = request;
  const { hooks, broker } = session.services;
  if (hooks.publish === undefined) throw new Refusal('notAvailable', 'no publish hook');
  const question = { channel, ...sentOf(draft.data) };
  const answer = (await hooks.publish(question, session.caller(run))) ?? {};
  if (run.aborted) return;
  const changed = {
    ...draft,
    data: answer.data === undefined ? draft.data : (dataOf(answer.data) ?? draft.data),
    tags: answer.tags ?? null,
  };
  check(rules, changed);
  const options = optionsOf(rules);
  await broker.publish(
    channel,
    changed,
    answer.skipHistory === true ? { ...options, history: null, skipHistory: true } : options,
  );
}

function check(rules: Rules, draft: Draft): void {
  if (rules.checkData === null) return;
  const problem = rules.checkData(valueOf(draft.data));
  if (problem !== null) throw new Refusal('badRequest', `data ${problem}`);
}

function optionsOf(rules: Rules): PublishOptions {
  return { history: historyOf(rules), idempotencyKey: '', version: 0, versionEpoch: '' };
}
