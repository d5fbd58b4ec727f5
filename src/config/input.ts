/** What a program may set, in the words of `sluice.yaml`. */
import type { Access, SlowConsumer } from '../channel/rules.ts';
import type { LimitName } from '../kernel/limits.ts';
import type { EventTypeName } from './events-options.ts';
import type { LogLevel, TransportName } from './options.ts';

/** A whole number with its unit: `500ms`, `30s`, `5m`, `1h`, `7d`. */
export type Duration = string;
/** A whole number of bytes, or one with its unit: `64KiB`, `1MiB`. */
export type Bytes = number | string;
/** `2027-01-31`, or `2027-01-31T12:00:00Z`. */
export type IsoDate = string;

/** The same where `undefined` stands for what is left out: what `process.env` has may be handed on. */
export type OrUndefined<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]: OrUndefined<T[K]> | (object extends Pick<T, K> ? undefined : never) }
    : T;

/**
 * The same tree as in `sluice.yaml`; what is left out has the default of `docs/configuration.md`.
 * Files and variables are not read for it.
 */
export interface ConfigInput {
  /** The address to listen on: all, or only this machine with `dev`. */
  readonly host?: string;
  /** 0 is any free port. */
  readonly port?: number;
  /** A port of their own for the API, the metrics and the console. */
  readonly internal?: {
    readonly host?: string;
    readonly port?: number | null;
  };
  readonly transport?: TransportName;
  /** For trying things out: everyone may do everything. */
  readonly dev?: boolean;
  readonly log?: { readonly level?: LogLevel };
  /** Web pages that may connect, as exact origins; `['*']` is all. */
  readonly origins?: readonly string[];
  /** Clients may connect without a token. */
  readonly anonymous?: boolean;
  readonly tokens?: TokensInput;
  readonly api?: { readonly keys?: readonly string[] };
  /** Places of the backend that are asked, by name: a URL, or what else there is to say. */
  readonly endpoints?: Readonly<Record<string, string | EndpointInput>>;
  readonly hooks?: HooksInput;
  readonly redis?: RedisInput;
  /** Only for `sluice serve`: a program runs one gateway in each of its processes. */
  readonly workers?: number | 'auto';
  /** How long `drain` serves on before it lets its clients go, and over how long it does. */
  readonly drain?: { readonly delay?: Duration; readonly timeout?: Duration };
  /** What is done later; see `docs/tasks.md`. */
  readonly tasks?: {
    /** Tasks of one name that this gateway runs at once; 0: none. */
    readonly concurrency?: number;
    readonly attempts?: number;
    readonly timeout?: Duration;
    readonly backoff?: Duration;
    readonly keep?: Duration;
    readonly drain?: Duration;
  };
  /** Where namespaces with `archive` keep their publications: `postgres://…`, `pglite:./folder`. */
  readonly archive?: ArchiveInput;
  /** What the backend is told of connections and channels. */
  readonly events?: EventsInput;
  /** How often each client is pinged, and how long it may take to answer. */
  readonly ping?: {
    readonly interval?: Duration;
    readonly timeout?: Duration;
  };
  /** Time to refresh a token that has expired. */
  readonly expiry?: {
    readonly connectionGrace?: Duration;
    readonly subscriptionGrace?: Duration;
  };
  /** Subscribes each user to a channel of its own, `#<user id>`. */
  readonly personal?: {
    readonly enabled?: boolean;
    readonly namespace?: string;
  };
  readonly limits?: LimitsInput;
  /** By name; `default` is the namespace of channels without a colon. */
  readonly namespaces?: Readonly<Record<string, NamespaceInput>>;
}

/** What gateways share. */
export interface RedisInput {
  /** `redis://…`, or `redis+sentinel://…`, `redis+cluster://…`; with `rediss` over TLS. */
  readonly url?: string;
  readonly prefix?: string;
  readonly tls?: {
    /** Files in PEM: who vouches for Redis; and our own certificate, where Redis asks for one. */
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
    /** The name that the certificates of Redis must have, where it is not that of the host. */
    readonly serverName?: string;
    /** Takes any certificate: who is in between can read and change everything. */
    readonly insecure?: boolean;
  };
}

/** How the tokens of clients are verified; several keys may be set. */
export interface TokensInput {
  /** For HS256, HS384 and HS512. */
  readonly hmacSecret?: string;
  /** The secret before, while tokens signed with it are still about. */
  readonly hmacPreviousSecret?: string;
  readonly hmacPreviousSecretValidUntil?: IsoDate;
  /** PEM. */
  readonly rsaPublicKey?: string;
  /** PEM. */
  readonly ecdsaPublicKey?: string;
  /** PEM. */
  readonly eddsaPublicKey?: string;
  readonly jwksUrl?: string;
  readonly audience?: string;
  readonly issuer?: string;
  /** The claim that is the user id: `sub`, unless it is set. */
  readonly userIdClaim?: string;
}

export interface EndpointInput {
  /** Of the endpoint `default` it may be in `hooks.url`. */
  readonly url?: string;
  /** For a call with all waiting and all attempts. */
  readonly timeout?: Duration;
  /** Calls under way at once, and connections. */
  readonly concurrency?: number;
  /** Calls that may wait for those. */
  readonly queue?: number;
  /** The largest answer. */
  readonly answerBytes?: Bytes;
  /** Further attempts, where a call can safely be made again. */
  readonly retries?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Signs its requests, in the place of `hooks.secret`. */
  readonly secret?: string;
}

/** Which endpoint is asked; `true` is `default`, `false` is none. */
type Asked = boolean | string;

/** The hooks of a backend over HTTP; see `docs/hooks.md`. */
export interface HooksInput {
  /** The URL of the endpoint `default`, which is then asked for all hooks. */
  readonly url?: string;
  /** Signs all that is sent to endpoints. */
  readonly secret?: string;
  readonly connect?: Asked;
  readonly refresh?: Asked;
  /** Or which for which methods: `{ 'billing.*': 'billing', '*': 'default' }`. */
  readonly rpc?: Asked | Readonly<Record<string, string>>;
  /** Headers of the upgrade that the connect hook is told, in lower case. */
  readonly headers?: readonly string[];
  /** How long answers are kept; `0s`: they are not. */
  readonly cache?: { readonly connect?: Duration; readonly subscribe?: Duration };
}

/** The durable log of publications; see `docs/archive.md`. */
export interface ArchiveInput {
  readonly url?: string;
  /** How long publications are kept; forever, unless it is set. */
  readonly retention?: Duration;
  /** How long a publication waits for others, to be written with them. */
  readonly delay?: Duration;
  /** Connections to Postgres. */
  readonly pool?: { readonly min?: number; readonly max?: number };
  /** How long one statement may take. */
  readonly statementTimeout?: Duration;
}

/** See `docs/events.md`. */
export interface EventsInput {
  /** Unless it is set, nothing is posted. */
  readonly url?: string;
  /** In the place of `url`: the name of an endpoint. */
  readonly endpoint?: string;
  /** Signs what is posted to `url`, in the place of `hooks.secret`. */
  readonly secret?: string;
  /** Which events are told; all, unless it is set. */
  readonly types?: readonly EventTypeName[];
  /** Whose events these are: all gateways on one Redis are one source. */
  readonly source?: string;
  readonly batchSize?: number;
  readonly batchDelay?: Duration;
  readonly timeout?: Duration;
  /** How long an event is tried that the backend answers with an error. */
  readonly giveUp?: Duration;
  /** How long nobody must be in a channel before it is told vacated. */
  readonly vacateDelay?: Duration;
}

type DurationLimit = Extract<LimitName, `${string}Ms`>;
type BytesLimit = Extract<LimitName, `${string}Bytes`>;

/** See `docs/limits.md`. */
export type LimitsInput = {
  readonly [
    Name in LimitName as Name extends `${infer Bare}Ms` ? Bare : Name
  ]?: Name extends DurationLimit ? Duration : Name extends BytesLimit ? Bytes : number;
};

/** The rules of the channels of one namespace. What is left out is closed. */
export interface NamespaceInput {
  /** Publications kept of each channel, and how long after the last one. */
  readonly history?: { readonly size?: number; readonly ttl?: Duration };
  /** `true` or `stream`: who comes back is sent all it missed. `cache`: the latest publication. */
  readonly recovery?: boolean | 'stream' | 'cache';
  /** Every subscriber is told when its place in the stream is lost, asked for or not. */
  readonly positioned?: boolean;
  readonly presence?: boolean;
  readonly joinLeave?: boolean;
  readonly subscribe?: Exclude<Access, 'subscriber'>;
  readonly publish?: Access;
  readonly presenceAccess?: Access;
  readonly historyAccess?: Access;
  readonly slowConsumer?: SlowConsumer;
  readonly delta?: boolean;
  /** Ask the hook of the program first, or the endpoint: `true` is `default`. */
  readonly hooks?: { readonly subscribe?: Asked; readonly publish?: Asked };
  /** JSON Schema (2020-12) of the data of publications. */
  readonly schema?: object;
  /** Subscribers of one channel on one gateway; 0 is no limit. */
  readonly maxSubscribers?: number;
  /** Publications are kept in the archive, too. */
  readonly archive?: boolean;
}
