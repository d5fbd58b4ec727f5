/** The routes of the API: who may ask, and how answers look on HTTP. */
import type { ApiKeys } from '../auth/keys.ts';
import { apiKeyOf } from '../auth/keys.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Api } from './api.ts';
import { errorWire, write } from './reply.ts';
import { STATUSES } from './statuses.ts';

/** What a route needs of a request. */
interface ApiRequest {
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>;
  /** What stood in the path in the place of `:method`. */
  readonly params: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ApiRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  handle(request: ApiRequest): Promise<ApiAnswer>;
}

export interface ApiAccess {
  readonly keys: Pick<ApiKeys, 'enabled' | 'accepts'>;
  /** False: everyone may ask, without a key. */
  readonly required: boolean;
}

/**
 * The content type of a request is not looked at. The document of the API is for everyone: it says
 * nothing about this gateway but its version.
 */
export function apiRoutes(api: Api, access: ApiAccess): readonly ApiRoute[] {
  return [
    {
      method: 'POST',
      path: '/api/:method',
      async handle({ headers, params, body }) {
        const wrong = access.required ? keyProblem(access.keys, headers) : null;
        if (wrong !== null) return unauthorized(wrong);
        const { status, body: text } = await api.handle(params.get('method') ?? '', body);
        return { status, headers: headersFor(status), body: text };
      },
    },
    {
      method: 'GET',
      path: '/api/openapi.json',
      async handle() {
        return { status: 200, headers: JSON_TYPE, body: JSON.stringify(api.openapi()) };
      },
    },
  ];
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** The scheme of `Authorization: apikey …`. RFC 9110 §11.6.1: a 401 says how to be let in. */
const CHALLENGE = { 'www-authenticate': 'apikey realm="sluice"' };

const RETRY = { 'retry-after': '1' };

function headersFor(status: number): Record<string, string> {
  return status === 429 || status === 503 ? { ...JSON_TYPE, ...RETRY } : JSON_TYPE;
}

function keyProblem(keys: ApiAccess['keys'], headers: ReadonlyMap<string, string>): string | null {
  if (!keys.enabled) return 'this server has no API keys: set api.keys to use its API';
  const key = apiKeyOf(headers);
  if (key === null) return 'an API key is needed, in X-API-Key or as Authorization: apikey';
  return keys.accepts(key) ? null : 'this API key is not known here';
}

function unauthorized(detail: string): ApiAnswer {
  const { entry, message } = new Refusal('unauthorized', detail);
  return {
    status: STATUSES.unauthorized,
    headers: { ...JSON_TYPE, ...CHALLENGE },
    body: write({ error: errorWire(entry, message) }),
  };
}
