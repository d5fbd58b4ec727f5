/** Whom a gateway asks: the program's own functions, endpoints over HTTP, and the cache before them. */
import { Cache } from './cache/cache.ts';
import type { Store } from './cache/cache.ts';
import { MemoryStore } from './cache/memory.ts';
import { RedisStore } from './cache/redis.ts';
import { channelNameOf } from './channel/name.ts';
import type { ChannelName } from './channel/name.ts';
import type { Rules } from './channel/rules.ts';
import type { Config } from './config/config.ts';
import type { HooksInput, OrUndefined } from './config/input.ts';
import { Endpoints } from './hooks/endpoints.ts';
import type { Hooks } from './hooks/hooks.ts';
import { httpHooks } from './hooks/http.ts';
import type { HttpHooksSettings } from './hooks/http.ts';
import type { Clock } from './kernel/clock.ts';
import type { Log, ThrottledLog } from './kernel/log.ts';
import type { Meters } from './kernel/meters.ts';
import type { Part } from './kernel/part.ts';
import type { Wheel } from './kernel/wheel.ts';
import type { Redis } from './redis/redis.ts';
import type { EventsHook } from './telling.ts';

export interface AskingContext {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: () => number;
  readonly wheel: Wheel;
  readonly meters: Meters;
  readonly log: ThrottledLog;
  readonly surroundings: {
    /** The functions of the program. */
    readonly hooks: OwnHooks;
    readonly log: Log;
    readonly version: string;
  };
  readonly rulesOf: (channel: ChannelName) => Rules | null;
  /** What gateways share; null where this one is alone. */
  readonly redis: Redis | null;
}

export interface Asking {
  readonly hooks: Hooks;
  /** Posts a JSON value to an endpoint. @throws {EndpointError}, or the reason of `signal`. */
  readonly call: (endpoint: string, body: unknown, signal: AbortSignal) => Promise<unknown>;
  readonly endpoints: Endpoints;
  readonly cache: Cache;
  /** In the order of their birth. */
  readonly parts: readonly Part[];
}

export function buildAsking(context: AskingContext): Asking {
  const { config, meters, surroundings } = context;
  const endpoints = new Endpoints(config.endpoints.values(), {
    ...context,
    ...surroundings,
    throttled: context.log,
  });
  const cache = new Cache({
    store: storeOf(context),
    clock: context.clock,
    meters,
    log: context.log,
    valueBytesMax: config.limits.cacheValueBytes,
    computeMsMax: config.limits.cacheComputeMs,
  });
  const http = httpHooks(settingsOf(context), {
    endpoints,
    keep: (key, compute, ttlMs) => cache.getOrSet(key, ttlMs, compute),
    depthMax: config.limits.jsonDepth,
    count: meters.counter('hooks', 'Hooks that were asked over HTTP.', 'hook'),
  });
  return {
    hooks: { ...http, ...surroundings.hooks },
    call: (endpoint, body, signal) => endpoints.ask(endpoint, body, { signal }),
    endpoints,
    cache,
    parts: [
      { name: 'endpoints', close: () => endpoints.close() },
      { name: 'cache', close: () => cache.close() },
    ],
  };
}

function storeOf({ config, redis, ...context }: AskingContext): Store {
  if (redis !== null) return new RedisStore(redis);
  const { cacheEntries, cacheBytes } = config.limits;
  return new MemoryStore({ ...context, entriesMax: cacheEntries, bytesMax: cacheBytes });
}

function settingsOf({ config, rulesOf }: AskingContext): HttpHooksSettings {
  const { hooks, namespaces, endpoints, limits } = config;
  const all = [...namespaces.values()];
  /** A rule of `true` is about a function, where there is no endpoint of that name. */
  const byChannel = (
    asks: (rules: Rules) => string | null,
  ): ((channel: string) => string | null) | null => {
    if (!all.some((rules) => endpoints.has(asks(rules) ?? ''))) return null;
    return (channel) => {
      const rules = rulesOf(channelNameOf(channel, limits.channelNameLength));
      return rules === null ? null : asks(rules);
    };
  };
  return {
    ...hooks,
    subscribe: byChannel(({ hookSubscribe }) => hookSubscribe),
    publish: byChannel(({ hookPublish }) => hookPublish),
  };
}

/** What a program may say under `hooks`: its own functions, and what `sluice.yaml` says there. */
export type HooksOptions = Omit<OwnHooks, Shared> &
  OrUndefined<Omit<HooksInput, Shared>> & {
    readonly [Name in Shared]?: Hooks[Name] | HooksInput[Name];
  };

/** All functions of a program: what it is asked, and what it is told. */
export type OwnHooks = Hooks & EventsHook;

type Shared = keyof Hooks & keyof HooksInput;

const HOOK_NAMES = [
  'connect',
  'refresh',
  'subscribe',
  'publish',
  'rpc',
  'message',
  'events',
] as const satisfies readonly (keyof OwnHooks)[];

/** Functions are hooks of the program, and win; the rest is configuration. */
export function splitHooks(given: HooksOptions): { own: OwnHooks; input: HooksInput } {
  const own = Object.fromEntries(
    HOOK_NAMES.flatMap((name) => {
      const hook = given[name];
      return typeof hook === 'function' ? [[name, hook.bind(given)] as const] : [];
    }),
  );
  const isOwn = (name: string): boolean => Object.hasOwn(own, name);
  // An object with a class has members that are nobody's business.
  const isPlain = [Object.prototype, null].includes(Object.getPrototypeOf(given));
  const said = isPlain ? Object.entries(given).filter(([name]) => !isOwn(name)) : [];
  return { own, input: Object.fromEntries(said) };
}
