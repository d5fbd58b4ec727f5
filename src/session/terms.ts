/** How a subscription is to be, after the rules, the grant and the client's wishes were heard. */
import type { Overrides, SubscriptionOptions } from '../channel/subscription-options.ts';
import type { Rules } from '../channel/rules.ts';
import type { Data } from '../kernel/data.ts';
import { DELTA_FORMAT } from '../channel/delta.ts';
import { dataOf } from './values.ts';

export interface Terms {
  readonly rules: Rules;
  /** Asked for by the client, or by the server in its name. */
  readonly origin: 'client' | 'server';
  /** Allowed by a subscription token. */
  readonly byToken: boolean;
  readonly presence: boolean;
  /** Others are told of this subscriber's join and leave. */
  readonly joinLeave: boolean;
  /** This subscriber is told of others' joins and leaves. */
  readonly pushJoinLeave: boolean;
  readonly recoverable: boolean;
  readonly positioned: boolean;
  readonly delta: boolean;
  /** About the subscriber, for others. */
  readonly info: Data | null;
  /** For the subscriber, in the reply. */
  readonly data: Data | null;
  /** Null: it does not expire. */
  readonly expireAtMs: number | null;
  /** Whether the client can renew it, with a new token. */
  readonly renewable: boolean;
}

/** What a client asks for in its subscribe command. */
export interface Wishes {
  readonly positioned: boolean;
  readonly recoverable: boolean;
  readonly joinLeave: boolean;
  readonly delta: string;
}

/** Who or what allowed it. */
export interface Grant extends SubscriptionOptions {
  readonly byToken: boolean;
  readonly expireAtMs: number | null;
}

export const PLAIN_GRANT: Grant = { byToken: false, expireAtMs: null };

/**
 * Most subscriptions are allowed by a rule alone, and then the same wishes make the same terms: all
 * such subscriptions of a namespace share them.
 */
const plainTerms = new WeakMap<Rules, Map<string, Terms>>();

export function clientTerms(rules: Rules, wishes: Wishes, grant: Grant): Terms {
  if (grant !== PLAIN_GRANT) return newClientTerms(rules, wishes, grant);
  const shared = plainTerms.get(rules) ?? new Map<string, Terms>();
  plainTerms.set(rules, shared);
  const { positioned, recoverable, joinLeave, delta } = wishes;
  const key = `${positioned} ${recoverable} ${joinLeave} ${delta === DELTA_FORMAT}`;
  const terms = shared.get(key) ?? newClientTerms(rules, wishes, grant);
  shared.set(key, terms);
  return terms;
}

function newClientTerms(rules: Rules, wishes: Wishes, grant: Grant): Terms {
  const override = grant.override ?? {};
  const common = commonTerms(rules, grant, override);
  return {
    ...common,
    origin: 'client',
    byToken: grant.byToken,
    pushJoinLeave: (wishes.joinLeave && common.joinLeave) || override.forcePushJoinLeave === true,
    recoverable: common.recoverable || (wishes.recoverable && canRecover(rules)),
    positioned: common.positioned || (wishes.positioned && rules.historySize > 0),
    delta: rules.delta && wishes.delta === DELTA_FORMAT,
    expireAtMs: grant.expireAtMs,
    renewable: grant.byToken,
  };
}

/** A server-side subscription recovers wherever its namespace can. */
export function serverTerms(
  rules: Rules,
  options: SubscriptionOptions,
  expireAtMs: number | null,
): Terms {
  const override = options.override ?? {};
  const common = commonTerms(rules, options, override);
  return {
    ...common,
    origin: 'server',
    byToken: false,
    pushJoinLeave: override.forcePushJoinLeave ?? common.joinLeave,
    recoverable: common.recoverable || canRecover(rules),
    delta: false,
    expireAtMs,
    renewable: false,
  };
}

function commonTerms(
  rules: Rules,
  options: SubscriptionOptions,
  override: Overrides,
): Pick<
  Terms,
  'rules' | 'presence' | 'joinLeave' | 'recoverable' | 'positioned' | 'info' | 'data'
> {
  const keeps = rules.historySize > 0;
  return {
    rules,
    presence: override.presence ?? rules.presence,
    joinLeave: override.joinLeave ?? rules.joinLeave,
    recoverable: override.forceRecovery === true && keeps,
    positioned: (rules.positioned || override.forcePositioning === true) && keeps,
    info: dataOf(options.info),
    data: dataOf(options.data),
  };
}

function canRecover(rules: Rules): boolean {
  return rules.historySize > 0 && rules.recovery !== 'off';
}
