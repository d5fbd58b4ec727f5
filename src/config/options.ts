/** The table of all options: what can be set, its default and what it means. */
import { DEFAULT_NAMESPACE } from '../channel/name.ts';
import { ACCESS, RECOVERY, SLOW_CONSUMER } from '../channel/rules.ts';
import { LIMITS, LIMIT_NAMES } from '../kernel/limits.ts';
import type { Limit, LimitName } from '../kernel/limits.ts';
import { asked, HOOK_OPTIONS } from './hook-options.ts';
import { ARCHIVE_OPTIONS } from './archive-options.ts';
import { EVENTS_OPTIONS } from './events-options.ts';
import { apiKey, hmacSecret, publicKey } from './keys.ts';
import { REDIS_OPTIONS } from './redis-options.ts';
import {
  boolean,
  dataSchema,
  date,
  list,
  oneOf,
  origin,
  record,
  text,
  toggle,
  url,
} from './kinds.ts';
import { bytes, bytesText, duration, durationText, integer } from './measures.ts';
import { option, optional, treeSchema } from './option.ts';
import type { Option } from './option.ts';
import { PROCESS_OPTIONS } from './process-options.ts';
import { TASK_OPTIONS } from './task-options.ts';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const TRANSPORTS = ['auto', 'uws', 'ws'] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** The names of namespaces; a colon ends them in the name of a channel. */
export const NAMESPACE = /^[A-Za-z0-9_-]+$/;
const namespaceName = text('a name of letters, digits, _ and -', NAMESPACE);

/** What a namespace is made of. The defaults are `CLOSED_RULES`; those with `dev`, `DEV_RULES`. */
export const RULE_OPTIONS = {
  historySize: option('history.size', integer(0), {
    default: 0,
    dev: 100,
    means: 'publications kept of each channel, for recovery and history',
  }),
  historyTtl: option('history.ttl', duration(0), {
    default: '0s',
    dev: '5m',
    means: 'how long they are kept after the last one',
  }),
  recovery: option('recovery', toggle(RECOVERY, 'off', 'stream'), {
    default: false,
    dev: true,
    means:
      'who comes back is sent what it missed (true or stream) or the latest publication (cache)',
  }),
  positioned: option('positioned', boolean, {
    default: false,
    means: 'every subscriber is told when its place in the stream is lost, asked for or not',
  }),
  presence: option('presence', boolean, {
    default: false,
    dev: true,
    means: 'keeps who is subscribed to a channel',
  }),
  joinLeave: option('joinLeave', boolean, {
    default: false,
    dev: true,
    means: 'joins and leaves are sent to subscribers that ask for them',
  }),
  subscribe: option('subscribe', oneOf(ACCESS.filter(isBeginning), whySubscriber), {
    default: 'nobody',
    dev: 'anonymous',
    means: 'who may subscribe',
  }),
  publish: option('publish', oneOf(ACCESS), {
    default: 'nobody',
    dev: 'anonymous',
    means: 'who may publish; the server API always may',
  }),
  presenceAccess: option('presenceAccess', oneOf(ACCESS), {
    default: 'nobody',
    dev: 'anonymous',
    means: 'who may ask who is in a channel',
  }),
  historyAccess: option('historyAccess', oneOf(ACCESS), {
    default: 'nobody',
    dev: 'anonymous',
    means: 'who may read the history',
  }),
  slowConsumer: option('slowConsumer', oneOf(SLOW_CONSUMER), {
    default: 'disconnect',
    means:
      'what becomes of a subscriber that reads too slowly: it is disconnected and may recover; it misses publications and is resynchronised (skip); it gets only the latest',
  }),
  delta: option('delta', boolean, {
    default: false,
    dev: true,
    means: 'subscribers may ask for the difference to the publication before',
  }),
  hookSubscribe: option('hooks.subscribe', asked, {
    default: false,
    means: 'asks the subscribe hook before a subscription: that of the program, or this endpoint',
  }),
  hookPublish: option('hooks.publish', asked, {
    default: false,
    means: "asks the publish hook before a client's publication: likewise",
  }),
  schema: optional('schema', dataSchema, 'JSON Schema (2020-12) of the data of publications'),
  maxSubscribers: option('maxSubscribers', integer(0), {
    default: 0,
    means: 'subscribers of one channel on one gateway; 0 is no limit',
  }),
  archive: option('archive', boolean, {
    default: false,
    means: 'publications are kept in the archive, too; needs archive.url',
  }),
} as const;

export const ALL_RULE_OPTIONS: readonly Option<unknown>[] = Object.values(RULE_OPTIONS);

type Beginning = Exclude<(typeof ACCESS)[number], 'subscriber'>;

function isBeginning(access: (typeof ACCESS)[number]): access is Beginning {
  return access !== 'subscriber';
}

function whySubscriber(value: unknown): string | undefined {
  return value === 'subscriber' ? 'a subscriber has subscribed already' : undefined;
}

export const OPTIONS = {
  // Everyone who can reach a gateway with `dev` may do everything: it starts within its machine.
  host: option('host', text('a host name or an IP address'), {
    default: '0.0.0.0',
    dev: '127.0.0.1',
    means: 'address to listen on',
  }),
  port: option('port', integer(0, 65_535), {
    default: 8000,
    foreignEnv: 'PORT',
    means: 'port to listen on; 0 is any free port',
  }),
  internalHost: optional(
    'internal.host',
    text('a host name or an IP address'),
    'address for internal.port; host, unless it is set',
  ),
  internalPort: optional(
    'internal.port',
    integer(0, 65_535),
    'port for the API, metrics and console; unless it is set they are on port',
  ),
  transport: option('transport', oneOf(TRANSPORTS), {
    default: 'auto',
    means: 'uWebSockets.js (fast) or ws (portable); auto is uws wherever it runs',
  }),
  dev: option('dev', boolean, {
    default: false,
    means: 'for trying things out: everyone may do everything',
  }),
  logLevel: option('log.level', oneOf(LOG_LEVELS), {
    default: 'info',
    means: 'what is logged',
  }),
  origins: option('origins', list(origin), {
    default: [],
    dev: ['*'],
    means: "web pages that may connect, as exact origins; '*' alone is all",
  }),
  anonymous: option('anonymous', boolean, {
    default: false,
    dev: true,
    means: 'clients may connect without a token',
  }),
  hmacSecret: optional(
    'tokens.hmacSecret',
    hmacSecret,
    'secret of tokens signed with HS256, 384, 512',
  ),
  hmacPreviousSecret: optional(
    'tokens.hmacPreviousSecret',
    hmacSecret,
    'the secret before, while tokens signed with it are still about',
  ),
  hmacPreviousSecretValidUntil: optional(
    'tokens.hmacPreviousSecretValidUntil',
    date,
    'when the previous secret ends; unless it is set, never',
  ),
  rsaPublicKey: optional(
    'tokens.rsaPublicKey',
    publicKey('RSA'),
    'key of tokens signed with RS256, 384, 512',
  ),
  ecdsaPublicKey: optional(
    'tokens.ecdsaPublicKey',
    publicKey('ECDSA'),
    'key of tokens signed with ES256, 384, 512',
  ),
  eddsaPublicKey: optional(
    'tokens.eddsaPublicKey',
    publicKey('EdDSA'),
    'key of tokens signed with Ed25519',
  ),
  jwksUrl: optional('tokens.jwksUrl', url, 'where the public keys of the issuer are fetched'),
  audience: optional('tokens.audience', text(), 'what the claim aud must hold'),
  issuer: optional('tokens.issuer', text(), 'what the claim iss must be'),
  userIdClaim: option('tokens.userIdClaim', text(), {
    default: 'sub',
    means: 'the claim that is the user id',
  }),
  ...REDIS_OPTIONS,
  apiKeys: option('api.keys', list(apiKey), {
    default: [],
    means: 'keys of the server API; several let one be replaced',
  }),
  ...HOOK_OPTIONS,
  ...TASK_OPTIONS,
  pingInterval: option('ping.interval', duration(1), {
    default: '25s',
    means: 'how often each client is pinged',
  }),
  pingTimeout: option('ping.timeout', duration(1), {
    default: '10s',
    means: 'how long it may take to answer; less than ping.interval',
  }),
  connectionGrace: option('expiry.connectionGrace', duration(0), {
    default: '25s',
    means: 'time to refresh an expired connection token before the client is disconnected',
  }),
  subscriptionGrace: option('expiry.subscriptionGrace', duration(0), {
    default: '25s',
    means: 'time to refresh an expired subscription token before it is unsubscribed',
  }),
  personalEnabled: option('personal.enabled', boolean, {
    default: false,
    means: 'subscribes each user to a channel of its own, #<user id>',
  }),
  personalNamespace: option('personal.namespace', namespaceName, {
    default: DEFAULT_NAMESPACE,
    means: 'the namespace of these channels',
  }),
  ...PROCESS_OPTIONS,
  ...ARCHIVE_OPTIONS,
  ...EVENTS_OPTIONS,
  namespaces: option('namespaces', record(NAMESPACE.source, treeSchema(ALL_RULE_OPTIONS)), {
    default: {},
    means: 'the rules of channels; as JSON in a variable or flag, which replaces them all',
  }),
} as const;

/** The options of the limits, generated from their table. */
export const LIMIT_OPTIONS: ReadonlyMap<LimitName, Option<number>> = new Map(
  LIMIT_NAMES.map((name) => [name, limitOption(name)]),
);

export const ALL_OPTIONS: readonly Option<unknown>[] = [
  ...Object.values(OPTIONS),
  ...LIMIT_OPTIONS.values(),
];

function limitOption(name: LimitName): Option<number> {
  const limit: Limit = LIMITS[name];
  const written = (value: number): number | string => {
    if (limit.unit === 'ms') return durationText(value);
    return limit.unit === 'bytes' ? bytesText(value) : value;
  };
  // Where 0 is a value of the table it means no limit; elsewhere nothing would work.
  const min = limit.unit === 'per second' || limit.default === 0 || limit.dev === 0 ? 0 : 1;
  const kinds = { ms: duration(min), bytes: bytes(min), count: integer(min) };
  const { unit } = limit;
  const counted = unit === 'ms' || unit === 'bytes' ? kinds[unit] : kinds.count;
  return option(limitPath(name), counted, {
    default: written(limit.default),
    ...(limit.dev === undefined ? {} : { dev: written(limit.dev) }),
    ...(unit === 'ms' || unit === 'bytes' || unit === 'count' ? {} : { unit }),
    means: limit.means,
  });
}

/** Its value is written with a unit, so its name has none: `connectTimeoutMs` is `connectTimeout`. */
function limitPath(name: LimitName): string {
  return `limits.${name.replace(/Ms$/, '')}`;
}
