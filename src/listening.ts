/** Where a gateway listens, and what is found there. */
import type { Api } from './api/api.ts';
import { apiRoutes } from './api/http.ts';
import { FAULT_STATUS, statusOf } from './api/statuses.ts';
import { ApiKeys } from './auth/keys.ts';
import type { Config } from './config/config.ts';
import type { Roster } from './hub/roster.ts';
import { Refusal } from './kernel/errors.ts';
import type { Count, Meters } from './kernel/meters.ts';
import type { Part } from './kernel/part.ts';
import { jsonCodec } from './protocol/json.ts';
import { msgpackCodec } from './protocol/msgpack.ts';
import type { Crew } from './server/crew.ts';
import { demoRoutes } from './server/demo.ts';
import type { CreateEdge, Edge, EdgeOptions, HttpResponse } from './server/edge.ts';
import type { Codecs } from './server/front.ts';
import { Front } from './server/front.ts';
import { scrape, scrapeAll } from './server/metrics.ts';
import type { Route } from './server/router.ts';
import { json, Router } from './server/router.ts';
import { openSession } from './session/open.ts';
import type { Services } from './session/services.ts';

/** Where a gateway listens. */
export interface Address {
  readonly port: number;
  /** The port of API and metrics; the same as `port` unless they have one of their own. */
  readonly internalPort: number;
}

/** Whether what is published is delivered; with `no delivery` Redis is away. */
export type GatewayStatus = 'ready' | 'no delivery' | 'draining' | 'closing';

export interface ListeningOptions {
  readonly config: Config;
  readonly services: Services;
  readonly roster: Roster;
  readonly api: Api;
  readonly meters: Meters;
  /** The other workers on the port, if there are any. */
  readonly crew: Crew | undefined;
  readonly status: () => GatewayStatus;
  readonly fault: (where: string, error: unknown) => void;
}

/**
 * Far over what an outbox lets through to a socket that does not read, and over the largest single
 * reply; the edge refuses a frame there, and the session is closed.
 */
const SOCKET_BYTES_MAX = 64 * 1024 * 1024;

export class Listening {
  readonly #options: ListeningOptions;
  readonly #keys: ApiKeys;
  readonly #countRefused: Count;
  readonly #edges: Edge[] = [];
  /** Of the program. */
  readonly #routes: Route[] = [];
  #accepting = true;

  constructor(options: ListeningOptions) {
    this.#options = options;
    this.#keys = new ApiKeys(options.config.api.keys);
    this.#countRefused = options.meters.counter(
      'upgrades_refused',
      'Upgrades refused, by status.',
      'status',
    );
  }

  /**
   * Adds routes of the program; `/`, `/health` and `/ready` it may have itself.
   * @throws {Error} for one in the place of the API or the metrics, unless they have another port.
   */
  add(routes: readonly Route[]): void {
    const { api, config } = this.#options;
    if (config.internal === null) {
      const methods = api.names.map((name) => `POST /api/${name}`);
      const taken = new Set([...this.#internalRoutes().map(placeOf), ...methods]);
      const place = routes.map(placeOf).find((one) => taken.has(one));
      if (place !== undefined) throw new Error(`${place} is a route of the gateway`);
    }
    this.#routes.push(...routes);
  }

  /** Edges that are open, or opening, in the order of their birth. */
  get parts(): readonly Part[] {
    return this.#edges.map((edge) => ({ name: `${edge.name} edge`, close: () => edge.close() }));
  }

  /** @throws when a port is taken; what is open by then is in `parts`. */
  async open(create: CreateEdge): Promise<Address> {
    const { host, port, internal } = this.#options.config;
    if (internal === null) {
      const routes = [...this.#publicRoutes(null), ...this.#internalRoutes()];
      const bound = await this.#openAt({ host, port }, create, this.#front(routes, true));
      return { port: bound, internalPort: bound };
    }
    const hidden = this.#front(this.#internalRoutes(), false);
    const internalPort = await this.#openAt(internal, create, hidden);
    const front = this.#front(this.#publicRoutes(internalPort), true);
    return { port: await this.#openAt({ host, port }, create, front), internalPort };
  }

  /** Nobody may connect any more. */
  stopAccepting(): void {
    this.#accepting = false;
  }

  /** Nobody may ask any more. Resolves when those that did are answered. */
  async lastRequests(): Promise<void> {
    for (const edge of this.#edges) edge.stopListening();
    await Promise.all(this.#edges.map((edge) => edge.answered()));
  }

  #openAt(at: { host: string; port: number }, create: CreateEdge, front: Front): Promise<number> {
    const sharesPort = this.#options.crew !== undefined;
    const edge = create({ ...at, sharesPort, ...this.#edgeLimits() }, front);
    this.#edges.push(edge);
    return edge.listen();
  }

  #edgeLimits(): Omit<EdgeOptions, 'host' | 'port' | 'sharesPort'> {
    const { limits } = this.#options.config;
    return {
      messageBytesMax: limits.messageBytes,
      bodyBytesMax: limits.apiBodyBytes,
      headBytesMax: limits.requestHeadBytes,
      requestsMax: limits.apiConcurrency,
      socketBytesMax: SOCKET_BYTES_MAX,
    };
  }

  /** `connects`: whether clients connect there. */
  #front(routes: readonly Route[], connects: boolean): Front {
    const { config, services, roster, fault } = this.#options;
    const { limits, origins } = config;
    return new Front({
      router: new Router(routes, { failed: (error) => failed(error, fault) }),
      connects,
      codecs: codecs(limits.jsonDepth),
      origins,
      connectionsMax: limits.connections,
      connections: () => roster.size,
      accepting: () => this.#accepting,
      open: (line) => openSession(services, line),
      countRefused: this.#countRefused,
    });
  }

  /** `apiPort` is null when the API is on the same port. */
  #publicRoutes(apiPort: number | null): Route[] {
    const own = new Set(this.#routes.map(placeOf));
    const ours = [...this.#demoRoutes(apiPort), ...this.#stateRoutes()];
    return [...this.#routes, ...ours.filter((route) => !own.has(placeOf(route)))];
  }

  #stateRoutes(): Route[] {
    return [
      { method: 'GET', path: '/health', handle: () => json(200, { status: 'ok' }) },
      {
        method: 'GET',
        path: '/ready',
        handle: () => {
          const status = this.#options.status();
          return json(status === 'ready' ? 200 : 503, { status });
        },
      },
    ];
  }

  #demoRoutes(apiPort: number | null): Route[] {
    const { dev } = this.#options.config;
    if (!dev || this.#routes.some(({ path }) => path === '/')) return [];
    return demoRoutes({ port: apiPort, needsKey: this.#keys.enabled });
  }

  #internalRoutes(): Route[] {
    const { api, config } = this.#options;
    const required = this.#keys.enabled || !config.dev;
    return [
      ...apiRoutes(api, { keys: this.#keys, required }),
      { method: 'GET', path: '/metrics', handle: () => this.#scrape() },
    ];
  }

  /** Whichever worker is asked, it tells of all. */
  async #scrape(): Promise<HttpResponse> {
    const { crew, meters } = this.#options;
    return crew === undefined ? scrape(meters) : scrapeAll(await crew.readings());
  }
}

function placeOf({ method, path }: Route): string {
  return `${method} ${path}`;
}

function codecs(depthMax: number): Codecs {
  const text = jsonCodec({ depthMax });
  return new Map([
    ['', text],
    ['centrifuge-json', text],
    ['sluice-msgpack', msgpackCodec({ depthMax })],
  ]);
}

/** What a client hears when its request failed: our faults are logged, and told as no more than that. */
function failed(error: unknown, fault: (where: string, error: unknown) => void): HttpResponse {
  if (!(error instanceof Refusal)) fault('route', error);
  const refusal = error instanceof Refusal ? error : new Refusal('internal');
  const { code } = refusal.entry;
  const status = error instanceof Refusal ? statusOf(error) : FAULT_STATUS;
  return json(status, { error: { code, message: refusal.message } });
}
