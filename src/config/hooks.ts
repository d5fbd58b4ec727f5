/** The endpoints of the backend and which hook asks which, from what was given for them. */
import type { Limits } from '../kernel/limits.ts';
import {
  ALL_ENDPOINT_OPTIONS,
  DEFAULT_ENDPOINT,
  ENDPOINT_NAME,
  ENDPOINT_OPTIONS as ENDPOINT,
  HOOK_OPTIONS as HOOKS,
} from './hook-options.ts';
import type { Route } from './hook-options.ts';
import { isMap } from './kinds.ts';
import { givensOf, valuesOf } from './option.ts';
import type { Option, Values, Where } from './option.ts';
import { didYouMean, show } from './problems.ts';

export interface EndpointConfig {
  readonly name: string;
  readonly url: string;
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly queue: number;
  readonly answerBytes: number;
  readonly retries: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Null: its requests are not signed. */
  readonly secret: string | null;
}

/** Which endpoint each hook asks; null: none. The hooks of channels are among their rules. */
export interface HooksConfig {
  readonly connect: string | null;
  readonly refresh: string | null;
  /** The first pattern that fits the method counts. */
  readonly rpc: readonly Route[];
  /** In lower case. */
  readonly headers: readonly string[];
  /** 0: answers are not kept. */
  readonly connectTtlMs: number;
  readonly subscribeTtlMs: number;
}

export interface HooksContext {
  /** Of what is under `endpoints`. */
  readonly where: Where;
  readonly limits: Limits;
  readonly problems: string[];
}

/** The endpoints by name, and the names of all that were meant: those that are wrong are told once. */
export interface Endpoints {
  readonly endpoints: ReadonlyMap<string, EndpointConfig>;
  readonly names: ReadonlySet<string>;
}

export function readEndpoints(values: Values, context: HooksContext): Endpoints {
  const tree = values.read(HOOKS.endpoints);
  const names = new Set(Object.keys(tree));
  if (values.isGiven(HOOKS.hooksUrl)) names.add(DEFAULT_ENDPOINT);
  const shared: Shared = {
    secret: values.read(HOOKS.hooksSecret) ?? null,
    url: values.read(HOOKS.hooksUrl),
    isUrlGiven: values.isGiven(HOOKS.hooksUrl),
  };
  const endpoints = new Map<string, EndpointConfig>();
  for (const name of names) {
    if (!ENDPOINT_NAME.test(name)) {
      context.problems.push(`${context.where([name])}: a name is made of letters, digits, _ and -`);
    }
    const given = Object.hasOwn(tree, name) ? tree[name] : {};
    const endpoint = endpointOf(name, given, { ...context, shared });
    if (endpoint !== null) endpoints.set(name, endpoint);
  }
  return { endpoints, names };
}

/** What `hooks` says for endpoints. */
interface Shared {
  readonly secret: string | null;
  readonly url: string | undefined;
  /** Right or wrong. */
  readonly isUrlGiven: boolean;
}

/** Null where it has no URL, which is a problem. */
function endpointOf(
  name: string,
  given: unknown,
  context: HooksContext & { readonly shared: Shared },
): EndpointConfig | null {
  const { limits, problems, shared } = context;
  const where: Where = (path) => context.where([name, ...path]);
  // A URL says all that most endpoints need.
  const tree = typeof given === 'string' ? { url: given } : (given ?? {});
  const givens = givensOf(tree, ALL_ENDPOINT_OPTIONS, where, problems);
  const values = valuesOf(givens, { dev: false, where, problems });
  // Then that is what is wrong with it.
  if (!isMap(tree)) return null;
  const url = urlOf(values, name === DEFAULT_ENDPOINT ? shared : null);
  const settings = settingsOf(values, limits, shared);
  return url === undefined ? null : { name, url, ...settings };
}

function urlOf(values: Values, shared: Shared | null): string | undefined {
  const own = values.read(ENDPOINT.url);
  const isTold = shared?.isUrlGiven ?? false;
  if (!values.sound(ENDPOINT.url)) return undefined;
  if (own !== undefined && isTold) {
    values.refuse(ENDPOINT.url, `${HOOKS.hooksUrl.path} tells it, too; leave one of them out`);
  }
  if (own === undefined && !isTold) {
    values.refuse(ENDPOINT.url, 'it is missing: where is the endpoint?');
  }
  return own ?? shared?.url;
}

function settingsOf(
  values: Values,
  limits: Limits,
  shared: Shared,
): Omit<EndpointConfig, 'name' | 'url'> {
  return {
    timeoutMs: values.read(ENDPOINT.timeout) ?? limits.endpointTimeoutMs,
    concurrency: values.read(ENDPOINT.concurrency) ?? limits.endpointConcurrency,
    queue: values.read(ENDPOINT.queue) ?? limits.endpointQueue,
    answerBytes: values.read(ENDPOINT.answerBytes) ?? limits.endpointAnswerBytes,
    retries: values.read(ENDPOINT.retries),
    headers: values.read(ENDPOINT.headers),
    secret: values.read(ENDPOINT.secret) ?? shared.secret,
  };
}

/** `endpoints` are the names that there are. */
export function readHooks(values: Values, endpoints: ReadonlySet<string>): HooksConfig {
  // One URL is for all hooks, unless they are told otherwise.
  const usual = values.isGiven(HOOKS.hooksUrl) ? DEFAULT_ENDPOINT : null;
  const check = (option: Option<unknown>, endpoint: string): void => {
    const wrong = unknownEndpoint(endpoint, endpoints);
    if (wrong === null || !values.sound(HOOKS.endpoints, option)) return;
    values.refuse(option, `there is nobody to ask: ${wrong}`);
  };
  const one = (option: Option<string | null | undefined>): string | null => {
    const given = values.read(option);
    const endpoint = given === undefined ? usual : given;
    if (endpoint !== null) check(option, endpoint);
    return endpoint;
  };
  const connect = one(HOOKS.hooksConnect);
  const refresh = one(HOOKS.hooksRefresh);
  const rpc =
    values.read(HOOKS.hooksRpc) ?? (usual === null ? [] : [{ pattern: '*', endpoint: usual }]);
  for (const { endpoint } of rpc) check(HOOKS.hooksRpc, endpoint);
  const hooks = {
    connect,
    refresh,
    rpc,
    headers: values.read(HOOKS.hooksHeaders),
    connectTtlMs: values.read(HOOKS.hooksCacheConnect),
    subscribeTtlMs: values.read(HOOKS.hooksCacheSubscribe),
  };
  if (hooks.connect === null && hooks.connectTtlMs > 0) {
    values.refuse(HOOKS.hooksCacheConnect, `it is of no use without ${HOOKS.hooksConnect.path}`);
  }
  return hooks;
}

/** What is wrong with the name of an endpoint; null: nothing is. */
export function unknownEndpoint(name: string, endpoints: ReadonlySet<string>): string | null {
  if (endpoints.has(name)) return null;
  if (name === DEFAULT_ENDPOINT) {
    return `set ${HOOKS.hooksUrl.path}, or endpoints.${DEFAULT_ENDPOINT}`;
  }
  return `${show(name)} is none of endpoints${didYouMean(name, endpoints)}`;
}
