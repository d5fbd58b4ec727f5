/** The one reading of the configuration: the file, the environment and the flags. */
import type { Rules } from '../channel/rules.ts';
import { archiveOf, refuseNoArchive } from './archive.ts';
import type { ArchiveConfig } from './archive.ts';
import { eventsOf } from './events.ts';
import type { EventsConfig, EventsTarget } from './events.ts';
import { freeze } from './frozen.ts';
import { helpText } from './help.ts';
import { readEndpoints, readHooks } from './hooks.ts';
import type { EndpointConfig, HooksConfig } from './hooks.ts';
import type { ConfigInput, OrUndefined } from './input.ts';
import { limits } from '../kernel/limits.ts';
import type { LimitName, Limits } from '../kernel/limits.ts';
import { durationText } from './measures.ts';
import { readNamespaces } from './namespaces.ts';
import type { Backend } from './namespaces.ts';
import { envOf, givensOf, valuesOf } from './option.ts';
import type { Givens, Option, Values, Where } from './option.ts';
import { ALL_OPTIONS, LIMIT_OPTIONS, OPTIONS } from './options.ts';
import type { LogLevel, TransportName } from './options.ts';
import { ConfigError, show, showPath } from './problems.ts';
import { drainOf, workersOf } from './process.ts';
import type { DrainConfig } from './process.ts';
import type { RedisConfig } from './redis.ts';
import { redisOf } from './redis.ts';
import { readEnvironment, readFileOptions, readFlags, readText } from './sources.ts';
import type { Environment } from './sources.ts';
import { tasksOf } from './tasks.ts';
import type { TasksConfig } from './tasks.ts';
import { VERSION } from '../version.ts';

/** Read once, frozen to its leaves, and handed out in parts. */
export interface Config {
  /** Everyone may do everything. */
  readonly dev: boolean;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Where the API, the metrics and the console are; null: on `port`, with all the rest. */
  readonly internal: { readonly host: string; readonly port: number } | null;
  readonly transport: TransportName;
  readonly logLevel: LogLevel;
  /** Compared with the header as they are. */
  readonly origins: readonly string[] | 'all';
  /** Clients may connect without a token. */
  readonly anonymous: boolean;
  readonly tokens: TokensConfig;
  readonly api: { readonly keys: readonly string[] };
  /** Of the backend, by name. */
  readonly endpoints: ReadonlyMap<string, EndpointConfig>;
  readonly hooks: HooksConfig;
  /** What gateways share; null: this one is alone. */
  readonly redis: RedisConfig | null;
  /** How many gateways `sluice serve` runs; `auto` is one for each core if there is a Redis. */
  readonly workers: number | 'auto';
  readonly drain: DrainConfig;
  readonly tasks: TasksConfig;
  /** Where publications are kept beyond the history; null: nowhere. */
  readonly archive: ArchiveConfig | null;
  /** What the backend is told of connections and channels. */
  readonly events: EventsConfig;
  readonly pingIntervalMs: number;
  /** Always less than `pingIntervalMs`. */
  readonly pingTimeoutMs: number;
  readonly connectionGraceMs: number;
  readonly subscriptionGraceMs: number;
  /** Each user is subscribed to a channel of its own in it; null: none is. */
  readonly personalNamespace: string | null;
  readonly limits: Limits;
  /** By name; `default` is always there. */
  readonly namespaces: ReadonlyMap<string, Rules>;
}

/** What is undefined is not set. The public keys are PEM. */
export interface TokensConfig {
  readonly hmacSecret: string | undefined;
  readonly hmacPreviousSecret: string | undefined;
  /** Milliseconds since the Unix epoch; undefined: without an end. */
  readonly hmacPreviousSecretValidUntilMs: number | undefined;
  readonly rsaPublicKey: string | undefined;
  readonly ecdsaPublicKey: string | undefined;
  readonly eddsaPublicKey: string | undefined;
  readonly jwksUrl: string | undefined;
  readonly audience: string | undefined;
  readonly issuer: string | undefined;
  readonly userIdClaim: string;
}

/** Where to read from; what is left out is this process. */
export interface Surroundings {
  /** Without the program and the script. */
  readonly argv?: readonly string[];
  readonly env?: Environment;
  /** Null where there is no such file. May throw. */
  readonly readFile?: (path: string) => string | null;
}

/** What a configuration was read from, for a process of the same environment to read it again. */
export interface Source {
  readonly argv: readonly string[];
  /** What stood in the file; null where there was none. */
  readonly text: string | null;
}

/** Either a configuration and the file it came from, or what to print instead of starting. */
export type Reading =
  | { readonly config: Config; readonly file: string | null; readonly source: Source }
  | { readonly config: null; readonly print: string };

/**
 * Flags win over the environment, the environment over the file, the file over the defaults.
 * `backend` is as for `parseConfig`.
 * @throws ConfigError with all that is wrong.
 */
export function readConfig(surroundings: Surroundings = {}, backend: Backend = {}): Reading {
  const { argv = process.argv.slice(2), env = process.env, readFile = readText } = surroundings;
  const problems: string[] = [];
  const flags = readFlags(argv, problems);
  if (flags.asked === 'help') return { config: null, print: helpText() };
  if (flags.asked === 'version') return { config: null, print: `sluice ${VERSION}\n` };
  const environment = readEnvironment(env, problems);
  const file = readFileOptions(flags.config ?? environment.config, readFile, problems);
  if (file === null) throw new ConfigError(problems);
  const givens = new Map([...file.givens, ...environment.givens, ...flags.givens]);
  const config = build(givens, backend, problems);
  return { config, file: file.path, source: { argv, text: file.text } };
}

/** Whoever reads what this process prints wants no colours: https://no-color.org. */
export function wantsPlainText(env: Environment = process.env): boolean {
  return (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
}

/**
 * `backend` tells which hooks the program brings: with a connect hook no token key is needed.
 * @throws ConfigError with all that is wrong.
 */
export function parseConfig(input: OrUndefined<ConfigInput> = {}, backend: Backend = {}): Config {
  const problems: string[] = [];
  return build(givensOf(input, ALL_OPTIONS, showPath, problems), backend, problems);
}

function build(givens: Givens, backend: Backend, problems: string[]): Config {
  const context = { where: showPath, problems };
  const dev = valuesOf(givens, { ...context, dev: false }).read(OPTIONS.dev);
  const values = valuesOf(givens, { ...context, dev });
  const under = ({ path }: Option<unknown>): Where =>
    givens.get(path)?.where ?? ((inner) => showPath([path, ...inner]));
  const limitValues = limitsOf(values, dev);
  const around = { where: under(OPTIONS.endpoints), limits: limitValues, problems };
  const { endpoints, names } = readEndpoints(values, around);
  const hooks = readHooks(values, names);
  const tree = values.read(OPTIONS.namespaces);
  const places = { dev, backend, problems, endpoints: names };
  const namespaces = readNamespaces(tree, under(OPTIONS.namespaces), places);
  const workers = workersOf(values, OPTIONS.redisUrl);
  const config: Config = {
    dev,
    ...edgeOf(values),
    anonymous: values.read(OPTIONS.anonymous),
    tokens: tokensOf(values),
    api: { keys: values.read(OPTIONS.apiKeys) },
    endpoints,
    hooks,
    redis: redisOf(values),
    workers,
    drain: drainOf(values),
    tasks: tasksOf(values, !values.isGiven(OPTIONS.redisUrl)),
    archive: archiveOf(values, workers),
    events: eventsOf(values, { backend, endpoints: { endpoints, names } }),
    ...pingOf(values),
    connectionGraceMs: values.read(OPTIONS.connectionGrace),
    subscriptionGraceMs: values.read(OPTIONS.subscriptionGrace),
    personalNamespace: personalNamespaceOf(values, namespaces),
    limits: limitValues,
    namespaces,
  };
  refuseNoArchive(namespaces, values);
  const asks = backend.connect === true || hooks.connect !== null;
  const closed = noWayToConnect(config.anonymous || asks, values);
  if (closed !== null) problems.push(closed);
  if (problems.length > 0) throw new ConfigError(problems);
  return freeze(config);
}

type Edge = Pick<Config, 'host' | 'port' | 'internal' | 'transport' | 'logLevel' | 'origins'>;

function edgeOf(values: Values): Edge {
  const host = values.read(OPTIONS.host);
  const port = values.read(OPTIONS.port);
  const origins = values.read(OPTIONS.origins);
  if (origins.includes('*') && origins.length > 1) {
    values.refuse(OPTIONS.origins, "'*' is all origins; none can stand beside it");
  }
  return {
    host,
    port,
    internal: internalOf(values, host, port),
    transport: values.read(OPTIONS.transport),
    logLevel: values.read(OPTIONS.logLevel),
    origins: origins.includes('*') ? 'all' : origins,
  };
}

function internalOf(values: Values, publicHost: string, publicPort: number): Config['internal'] {
  const host = values.read(OPTIONS.internalHost);
  const port = values.read(OPTIONS.internalPort);
  if (port === undefined) {
    if (host !== undefined && values.sound(OPTIONS.internalPort)) {
      values.refuse(OPTIONS.internalHost, 'it is of no use without internal.port');
    }
    return null;
  }
  const internal = { host: host ?? publicHost, port };
  if (port !== 0 && port === publicPort && internal.host === publicHost) {
    values.refuse(OPTIONS.internalPort, 'it is the same as port; leave it out to share one');
  }
  return internal;
}

function tokensOf(values: Values): TokensConfig {
  const tokens = {
    hmacSecret: values.read(OPTIONS.hmacSecret),
    hmacPreviousSecret: values.read(OPTIONS.hmacPreviousSecret),
    hmacPreviousSecretValidUntilMs: values.read(OPTIONS.hmacPreviousSecretValidUntil),
    rsaPublicKey: values.read(OPTIONS.rsaPublicKey),
    ecdsaPublicKey: values.read(OPTIONS.ecdsaPublicKey),
    eddsaPublicKey: values.read(OPTIONS.eddsaPublicKey),
    jwksUrl: values.read(OPTIONS.jwksUrl),
    audience: values.read(OPTIONS.audience),
    issuer: values.read(OPTIONS.issuer),
    userIdClaim: values.read(OPTIONS.userIdClaim),
  };
  // Each of these is about the one before it.
  const chain = [
    OPTIONS.hmacSecret,
    OPTIONS.hmacPreviousSecret,
    OPTIONS.hmacPreviousSecretValidUntil,
  ];
  for (const [index, option] of chain.entries()) {
    const before = chain[index - 1];
    if (before === undefined || !values.isGiven(option) || values.isGiven(before)) continue;
    values.refuse(option, `it is of no use without ${before.path}`);
  }
  return tokens;
}

type Ping = Pick<Config, 'pingIntervalMs' | 'pingTimeoutMs'>;

function pingOf(values: Values): Ping {
  const pingIntervalMs = values.read(OPTIONS.pingInterval);
  const pingTimeoutMs = values.read(OPTIONS.pingTimeout);
  const sound = values.sound(OPTIONS.pingInterval, OPTIONS.pingTimeout);
  if (sound && pingTimeoutMs >= pingIntervalMs) {
    const [timeout, interval] = [pingTimeoutMs, pingIntervalMs].map(durationText);
    const given = values.isGiven(OPTIONS.pingTimeout) ? OPTIONS.pingTimeout : OPTIONS.pingInterval;
    values.refuse(given, `ping.timeout (${timeout}) is not less than ping.interval (${interval})`);
  }
  return { pingIntervalMs, pingTimeoutMs };
}

function limitsOf(values: Values, dev: boolean): Limits {
  const set: Partial<Record<LimitName, number>> = {};
  for (const [name, option] of LIMIT_OPTIONS) set[name] = values.read(option);
  return limits(set, dev);
}

function personalNamespaceOf(
  values: Values,
  namespaces: ReadonlyMap<string, Rules>,
): string | null {
  const enabled = values.read(OPTIONS.personalEnabled);
  const namespace = values.read(OPTIONS.personalNamespace);
  if (enabled && values.sound(OPTIONS.namespaces) && !namespaces.has(namespace)) {
    values.refuse(OPTIONS.personalNamespace, `${show(namespace)} is none of namespaces`);
  }
  return enabled ? namespace : null;
}

const KEYS = [
  OPTIONS.hmacSecret,
  OPTIONS.rsaPublicKey,
  OPTIONS.ecdsaPublicKey,
  OPTIONS.eddsaPublicKey,
  OPTIONS.jwksUrl,
];

/** Whoever starts a gateway that nobody can connect to has forgotten something. */
function noWayToConnect(open: boolean, values: Values): string | null {
  // A key that is wrong is a problem of its own.
  if (open || KEYS.some((key) => values.isGiven(key))) return null;
  const { path } = OPTIONS.hmacSecret;
  return (
    `no client could connect: set ${path} (${envOf(path)}) or another key of tokens; ` +
    `or ${OPTIONS.hooksUrl.path}, which is asked who it is; ` +
    'or anonymous to true; or, to try things out, dev (--dev), which allows everything'
  );
}

function hidden(secret: string | undefined): string | undefined {
  return secret === undefined ? undefined : '[hidden]';
}

/** Some want a key in it. */
function withoutQuery(url: string): string {
  return url.replace(/\?.*/, '?[hidden]');
}

function redactedEndpoint(
  endpoint: EndpointConfig | EventsTarget,
): Readonly<Record<string, unknown>> {
  const { url, headers, secret } = endpoint;
  const names = Object.keys(headers);
  return {
    ...endpoint,
    url: withoutQuery(url),
    headers: Object.fromEntries(names.map((name) => [name, hidden(name)])),
    secret: secret === null ? null : hidden(secret),
  };
}

/** The configuration for a log or a page, without its secrets. */
export function redacted(config: Config): Readonly<Record<string, unknown>> {
  const { tokens, api, endpoints, redis, archive, events, namespaces } = config;
  return {
    ...config,
    tokens: {
      ...tokens,
      hmacSecret: hidden(tokens.hmacSecret),
      hmacPreviousSecret: hidden(tokens.hmacPreviousSecret),
      jwksUrl: tokens.jwksUrl === undefined ? undefined : withoutQuery(tokens.jwksUrl),
    },
    api: { keys: api.keys.map(hidden) },
    endpoints: Object.fromEntries(
      [...endpoints].map(([name, endpoint]) => [name, redactedEndpoint(endpoint)]),
    ),
    redis: redis === null ? null : { ...redis, url: hidden(redis.url) },
    archive: archive === null ? null : { ...archive, url: hidden(archive.url) },
    events: {
      ...events,
      target: events.target === null ? null : redactedEndpoint(events.target),
    },
    namespaces: Object.fromEntries(
      [...namespaces].map(([name, rules]) => [
        name,
        { ...rules, checkData: rules.checkData === null ? null : 'JSON Schema' },
      ]),
    ),
  };
}
