/** The options of the backend: its endpoints, and which hook asks which. */
import { hmacSecret } from './keys.ts';
import { boolean, isMap, jsonOf, kind, list, text, url } from './kinds.ts';
import type { JsonSchema, Kind } from './kinds.ts';
import { bytes, duration, integer } from './measures.ts';
import { option, optional, treeSchema } from './option.ts';
import type { Option } from './option.ts';

/** Asked where nothing else is said. */
export const DEFAULT_ENDPOINT = 'default';

export const ENDPOINT_NAME = /^[A-Za-z0-9_-]+$/;

/** A token of RFC 9110 §5.6.2. */
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
/** Set for each request, or forbidden to us. */
const OWN_HEADERS = new Set([
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'x-sluice-signature',
  'x-sluice-timestamp',
]);

type Headers = Readonly<Record<string, string>>;

/** By name, in lower case. The values are secrets: one of them is the key of the backend. */
const headers: Kind<Headers> = kind({
  name: 'map',
  allowed: 'a map of header names to strings',
  secret: true,
  schema: { type: 'object', additionalProperties: { type: 'string' } },
  parse(value) {
    if (!isMap(value)) return undefined;
    const entries = Object.entries(value).map(([name, one]) => [name.toLowerCase(), one] as const);
    const sound: [name: string, value: string][] = [];
    for (const [name, one] of entries) {
      // RFC 9110 §5.5: a line end would begin another header.
      if (typeof one !== 'string' || !/^[\t\x20-\x7e]*$/.test(one)) return undefined;
      if (!HEADER_NAME.test(name) || OWN_HEADERS.has(name)) return undefined;
      sound.push([name, one]);
    }
    return Object.fromEntries(sound);
  },
  hint(value) {
    const names = isMap(value) ? Object.keys(value) : [];
    const own = names.find((name) => OWN_HEADERS.has(name.toLowerCase()));
    return own === undefined ? undefined : `${own.toLowerCase()} is set by Sluice`;
  },
});

/** What an endpoint is made of. What is not set is as the limits say. */
export const ENDPOINT_OPTIONS = {
  url: optional('url', url, 'where it is; of the endpoint default hooks.url may tell it'),
  timeout: optional(
    'timeout',
    duration(1),
    'for a call with all waiting and all attempts; limits.endpointTimeout, unless it is set',
  ),
  concurrency: optional(
    'concurrency',
    integer(1),
    'calls under way at once, and connections; limits.endpointConcurrency, unless it is set',
  ),
  queue: optional(
    'queue',
    integer(0),
    'calls that may wait for those; limits.endpointQueue, unless it is set',
  ),
  answerBytes: optional(
    'answerBytes',
    bytes(1),
    'the largest answer; limits.endpointAnswerBytes, unless it is set',
  ),
  retries: option('retries', integer(0, 10), {
    default: 2,
    means: 'further attempts within the time, where a call can safely be made again',
  }),
  headers: option('headers', headers, {
    default: {},
    means: 'headers of each request, such as a key of the backend',
  }),
  secret: optional('secret', hmacSecret, 'signs its requests, in the place of hooks.secret'),
} as const;

export const ALL_ENDPOINT_OPTIONS: readonly Option<unknown>[] = Object.values(ENDPOINT_OPTIONS);

const endpointSchema: JsonSchema = { oneOf: [url.schema, treeSchema(ALL_ENDPOINT_OPTIONS)] };

/** A URL, or a map of the options of an endpoint; by name. Its reader looks into it. */
const endpoints: Kind<Readonly<Record<string, unknown>>> = kind({
  name: 'map',
  allowed: 'a map',
  // Headers hold keys.
  secret: true,
  schema: {
    type: 'object',
    propertyNames: { pattern: ENDPOINT_NAME.source },
    additionalProperties: endpointSchema,
  },
  parse: (value) => (isMap(value) ? value : undefined),
  fromText: jsonOf,
});

/** True is the endpoint `default`, false is none. */
export const asked: Kind<string | null> = kind({
  name: 'boolean|endpoint',
  allowed: 'true, false or the name of an endpoint',
  schema: { oneOf: [boolean.schema, { type: 'string', pattern: ENDPOINT_NAME.source }] },
  parse(value) {
    if (typeof value === 'boolean') return value ? DEFAULT_ENDPOINT : null;
    return typeof value === 'string' && ENDPOINT_NAME.test(value) ? value : undefined;
  },
  fromText: (given) => boolean.fromText(given),
});

/** A pattern of methods and the endpoint that is asked for them. */
export interface Route {
  readonly pattern: string;
  readonly endpoint: string;
}

/** A name, or the beginning of names and a star. */
const METHODS = /^[^*]*\*?$/;

const routes: Kind<readonly Route[]> = kind({
  name: 'boolean|endpoint|map',
  allowed:
    "true, false, the name of an endpoint, or a map of methods to those such as { 'billing.*': billing, '*': default }",
  schema: {
    oneOf: [
      asked.schema,
      {
        type: 'object',
        propertyNames: { pattern: METHODS.source },
        additionalProperties: { type: 'string', pattern: ENDPOINT_NAME.source },
      },
    ],
  },
  parse(value) {
    if (!isMap(value)) {
      const reading = asked.read(value);
      if (!reading.ok) return undefined;
      return reading.value === null ? [] : [{ pattern: '*', endpoint: reading.value }];
    }
    const read: Route[] = [];
    for (const [pattern, endpoint] of Object.entries(value)) {
      if (!METHODS.test(pattern) || typeof endpoint !== 'string') return undefined;
      if (!ENDPOINT_NAME.test(endpoint)) return undefined;
      read.push({ pattern, endpoint });
    }
    return read;
  },
  hint: (value) =>
    isMap(value) && Object.keys(value).some((pattern) => !METHODS.test(pattern))
      ? 'a star may only end a pattern'
      : undefined,
  fromText: (given) => (given.startsWith('{') ? jsonOf(given) : boolean.fromText(given)),
});

const headerName = text('the name of a header in lower case', HEADER_NAME);

export const HOOK_OPTIONS = {
  endpoints: option('endpoints', endpoints, {
    default: {},
    means:
      'places of the backend that are asked, by name: a URL, or a map of options; as JSON in a variable or flag, which replaces them all',
  }),
  hooksUrl: optional(
    'hooks.url',
    url,
    'the backend in one line: the URL of the endpoint default, which is asked for all hooks',
  ),
  hooksSecret: optional(
    'hooks.secret',
    hmacSecret,
    'signs all that is sent to endpoints with HMAC-SHA256; unless it is set, nothing is signed',
  ),
  hooksConnect: optional(
    'hooks.connect',
    asked,
    'which endpoint is asked who connects; with hooks.url default, otherwise none, unless it is set',
  ),
  hooksRefresh: optional(
    'hooks.refresh',
    asked,
    'which is asked when a connection expires that the connect hook gave a time; the same',
  ),
  hooksRpc: optional(
    'hooks.rpc',
    routes,
    'which is asked for the calls of clients, or for which of their methods; the same',
  ),
  hooksHeaders: option('hooks.headers', list(headerName), {
    default: ['authorization', 'cookie', 'origin', 'user-agent', 'x-forwarded-for'],
    means: 'headers of the upgrade that the connect hook is told',
  }),
  hooksCacheConnect: option('hooks.cache.connect', duration(0), {
    default: '0s',
    means: 'how long an answer of the connect hook is kept for the same question; 0s: it is not',
  }),
  hooksCacheSubscribe: option('hooks.cache.subscribe', duration(0), {
    default: '0s',
    means: 'the same for the subscribe hook',
  }),
} as const;
