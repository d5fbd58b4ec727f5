/** The rules of every namespace, from what was given for them. */
import { DEFAULT_NAMESPACE } from '../channel/name.ts';
import type { Rules } from '../channel/rules.ts';
import { DEFAULT_ENDPOINT } from './hook-options.ts';
import { unknownEndpoint } from './hooks.ts';
import { givensOf, valuesOf } from './option.ts';
import type { Option, Values, Where } from './option.ts';
import { ALL_RULE_OPTIONS, NAMESPACE, RULE_OPTIONS as RULE } from './options.ts';

/** Which hooks there are to ask. */
export interface Backend {
  readonly connect?: boolean;
  readonly subscribe?: boolean;
  readonly publish?: boolean;
  /** Whether the program takes the events by itself. */
  readonly events?: boolean;
}

export interface Context {
  readonly dev: boolean;
  readonly backend: Backend;
  /** The names of those there are. */
  readonly endpoints: ReadonlySet<string>;
  readonly problems: string[];
}

/** `tree` is a map from names to rules; `where` tells a place in it. */
export function readNamespaces(
  tree: Readonly<Record<string, unknown>>,
  where: Where,
  context: Context,
): Map<string, Rules> {
  const namespaces = new Map<string, Rules>();
  // Channels without a colon have rules, too, whether they are set or not.
  const names = new Set([...Object.keys(tree), DEFAULT_NAMESPACE]);
  for (const name of names) {
    if (!NAMESPACE.test(name)) {
      context.problems.push(`${where([name])}: a name is made of letters, digits, _ and -`);
    }
    const rules = Object.hasOwn(tree, name) ? tree[name] : {};
    namespaces.set(
      name,
      rulesOf(name, rules, { ...context, where: (path) => where([name, ...path]) }),
    );
  }
  return namespaces;
}

function rulesOf(namespace: string, tree: unknown, context: Context & { where: Where }): Rules {
  const givens = givensOf(tree, ALL_RULE_OPTIONS, context.where, context.problems);
  const dev = context.dev && namespace === DEFAULT_NAMESPACE;
  const values = valuesOf(givens, { ...context, dev });
  const rules: Rules = {
    namespace,
    historySize: values.read(RULE.historySize),
    historyTtlMs: values.read(RULE.historyTtl),
    recovery: values.read(RULE.recovery),
    positioned: values.read(RULE.positioned),
    presence: values.read(RULE.presence),
    joinLeave: values.read(RULE.joinLeave),
    subscribe: values.read(RULE.subscribe),
    publish: values.read(RULE.publish),
    presenceAccess: values.read(RULE.presenceAccess),
    historyAccess: values.read(RULE.historyAccess),
    slowConsumer: values.read(RULE.slowConsumer),
    delta: values.read(RULE.delta),
    hookSubscribe: values.read(RULE.hookSubscribe),
    hookPublish: values.read(RULE.hookPublish),
    checkData: values.read(RULE.schema) ?? null,
    subscribersMax: values.read(RULE.maxSubscribers),
    archive: values.read(RULE.archive),
  };
  refuseContradictions(rules, values);
  refuseMissingHooks(rules, values, context);
  // What `dev` would have kept, where its history was taken away.
  if (rules.historySize > 0) return rules;
  return { ...rules, historyTtlMs: 0, recovery: 'off' };
}

/** Only what was given can contradict; a default gives way. */
function refuseContradictions(rules: Rules, values: Values): void {
  const refuse = (when: boolean, option: Option<unknown>, wrong: string): void => {
    if (when && values.isGiven(option)) values.refuse(option, wrong);
  };
  if (values.sound(RULE.historySize, RULE.historyTtl)) {
    const without = 'without a history; set history.size and history.ttl';
    const kept = rules.historySize > 0;
    refuse(kept && rules.historyTtlMs === 0, RULE.historySize, NO_TTL);
    refuse(!kept && rules.historyTtlMs > 0, RULE.historyTtl, `nothing is kept ${without}`);
    refuse(!kept && rules.recovery !== 'off', RULE.recovery, `nothing can be recovered ${without}`);
    refuse(!kept && rules.positioned, RULE.positioned, `there are no positions ${without}`);
    refuse(
      !kept && rules.historyAccess !== 'nobody',
      RULE.historyAccess,
      `nothing can be read ${without}`,
    );
  }
  refuse(
    values.sound(RULE.presence) && !rules.presence && rules.presenceAccess !== 'nobody',
    RULE.presenceAccess,
    'nothing can be asked without presence; set presence to true',
  );
  const everyOne = rules.positioned || (rules.historySize > 0 && rules.recovery === 'stream');
  refuse(
    rules.slowConsumer === 'latest' && everyOne,
    RULE.slowConsumer,
    "latest leaves publications out, but recovery and positioned promise every one; with it, set recovery to 'cache' or false, and positioned to false",
  );
}

const NO_TTL = "history.ttl is missing: how long they are kept after the last one, such as '5m'";

/** `true` may mean a hook of the program; a name is one of an endpoint in any case. */
function refuseMissingHooks(rules: Rules, values: Values, context: Context): void {
  const { backend, endpoints } = context;
  const hooks = [
    { hook: 'subscribe', option: RULE.hookSubscribe, endpoint: rules.hookSubscribe },
    { hook: 'publish', option: RULE.hookPublish, endpoint: rules.hookPublish },
  ] as const;
  for (const { hook, option, endpoint } of hooks) {
    if (endpoint === null || (endpoint === DEFAULT_ENDPOINT && backend[hook] === true)) continue;
    const wrong = unknownEndpoint(endpoint, endpoints);
    if (wrong !== null) values.refuse(option, `there is no ${hook} hook to ask: ${wrong}`);
  }
}
