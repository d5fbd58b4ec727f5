/** HTTP requests on their way to whatever answers them. */
import { Refusal } from '../kernel/errors.ts';
import type { Maybe } from '../kernel/maybe.ts';
import type { HttpRequest, HttpResponse } from './edge.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

/** A request to a route. */
export interface RouteRequest extends HttpRequest {
  /** What stood in the place of each `:name` of the path, decoded. */
  readonly params: ReadonlyMap<string, string>;
  readonly searchParams: URLSearchParams;
  /** The body as a JSON value. @throws {Refusal} `badRequest` when it is none. */
  json(): unknown;
}

export interface Route {
  /** A `GET` route also answers `HEAD`. */
  readonly method: HttpMethod;
  /** Segments such as `:name` match any one segment: `/rooms/:room`. */
  readonly path: string;
  /**
   * A `Refusal` becomes the status that fits it; whatever else is thrown is logged, and the client
   * hears 500. What ends by the request's own signal is no fault.
   */
  handle(request: RouteRequest): Maybe<HttpResponse>;
}

export interface RouterOptions {
  /** The answer to what a route throws. */
  failed(error: unknown): HttpResponse;
}

interface Entry {
  readonly segments: readonly string[];
  readonly routes: Map<string, Route>;
}

export class Router {
  readonly #options: RouterOptions;
  readonly #exact = new Map<string, Entry>();
  readonly #patterns: Entry[] = [];

  /** Routes without a `:name` go before those with one; among the latter the first that fits. */
  constructor(routes: readonly Route[], options: RouterOptions) {
    this.#options = options;
    for (const route of routes) this.#add(route);
  }

  async handle(request: HttpRequest): Promise<HttpResponse> {
    const found = this.#find(request.path);
    if (found === null) return plain(404, 'not found\n');
    const { entry, params } = found;
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const route = entry.routes.get(method);
    if (route === undefined) {
      const allow = [...entry.routes.keys()].join(', ');
      return { ...plain(405, `only ${allow} here\n`), headers: { ...TEXT, allow } };
    }
    try {
      return await route.handle(new Routed(request, params));
    } catch (error) {
      return isAbandoned(request, error) ? ABANDONED : this.#options.failed(error);
    }
  }

  #add(route: Route): void {
    const segments = route.path.split('/');
    const known =
      this.#exact.get(route.path) ?? this.#patterns.find((entry) => same(entry.segments, segments));
    if (known !== undefined) {
      if (known.routes.has(route.method)) {
        throw new Error(`two routes for ${route.method} ${route.path}`);
      }
      known.routes.set(route.method, route);
      return;
    }
    const entry = { segments, routes: new Map([[route.method, route]]) };
    if (segments.some(isParameter)) this.#patterns.push(entry);
    else this.#exact.set(route.path, entry);
  }

  #find(path: string): { entry: Entry; params: ReadonlyMap<string, string> } | null {
    const exact = this.#exact.get(path);
    if (exact !== undefined) return { entry: exact, params: NO_PARAMS };
    const segments = path.split('/');
    for (const entry of this.#patterns) {
      const params = match(entry.segments, segments);
      if (params !== null) return { entry, params };
    }
    return null;
  }
}

/** What was waited for was given up with the request, which is what its signal is for. */
function isAbandoned({ signal }: HttpRequest, error: unknown): boolean {
  if (!signal.aborted) return false;
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}

const NO_PARAMS: ReadonlyMap<string, string> = new Map();
const TEXT = { 'content-type': 'text/plain; charset=utf-8' };

export function plain(status: number, body: string): HttpResponse {
  return { status, headers: TEXT, body };
}

/** Nobody is there to read it. The status is the one of nginx for that. */
const ABANDONED = plain(499, 'the client has left\n');

export function json(status: number, value: unknown): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  };
}

function isParameter(segment: string): boolean {
  return segment.startsWith(':');
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((segment, index) => segment === b[index]);
}

function match(
  pattern: readonly string[],
  path: readonly string[],
): ReadonlyMap<string, string> | null {
  if (pattern.length !== path.length) return null;
  const params = new Map<string, string>();
  for (const [index, segment] of pattern.entries()) {
    const given = path[index] ?? '';
    if (!isParameter(segment)) {
      if (segment !== given) return null;
      continue;
    }
    const value = decoded(given);
    if (value === null || value === '') return null;
    params.set(segment.slice(1), value);
  }
  return params;
}

/** Null for a wrong percent escape. */
function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** What most routes do not look at is only made for those that do. */
class Routed implements RouteRequest {
  readonly params: ReadonlyMap<string, string>;
  readonly #request: HttpRequest;
  #searchParams: URLSearchParams | null = null;

  constructor(request: HttpRequest, params: ReadonlyMap<string, string>) {
    this.#request = request;
    this.params = params;
  }

  get method(): string {
    return this.#request.method;
  }

  get path(): string {
    return this.#request.path;
  }

  get query(): string {
    return this.#request.query;
  }

  get headers(): ReadonlyMap<string, string> {
    return this.#request.headers;
  }

  get remoteAddress(): string {
    return this.#request.remoteAddress;
  }

  get body(): Uint8Array {
    return this.#request.body;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  get searchParams(): URLSearchParams {
    this.#searchParams ??= new URLSearchParams(this.#request.query);
    return this.#searchParams;
  }

  json(): unknown {
    try {
      const value: unknown = JSON.parse(utf8.decode(this.body));
      return value;
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof TypeError) {
        throw new Refusal('badRequest', 'the body is no JSON');
      }
      throw error;
    }
  }
}
