/** The endpoints of a gateway by their names: asked one at a time, or many at once. */
import type { Pool } from 'undici';
import { Json } from '../kernel/data.ts';
import type { Meters } from '../kernel/meters.ts';
import { BREAKER } from './breaker.ts';
import type { AskOptions, EndpointContext, EndpointSettings, Question } from './endpoint.ts';
import { Endpoint } from './endpoint.ts';
import { EndpointError, MalformedAnswer } from './failure.ts';

export interface EndpointsContext extends Pick<
  EndpointContext,
  'clock' | 'random' | 'log' | 'throttled' | 'version'
> {
  readonly meters: Meters;
}

/** One of several questions. */
export interface AskRequest {
  readonly endpoint: string;
  /** A JSON value. */
  readonly body: unknown;
}

/** What became of it. */
export type AskReply = { readonly answer: unknown } | { readonly failure: EndpointError };

/** In the order of the numbers that the gauge tells. */
const BREAKER_STATES = ['closed', 'half-open', 'open'] as const;

export class Endpoints {
  readonly #endpoints: ReadonlyMap<string, Endpoint>;

  constructor(settings: Iterable<EndpointSettings>, context: EndpointsContext) {
    const { meters, ...surroundings } = context;
    const shared: EndpointContext = {
      ...surroundings,
      breaker: BREAKER,
      openPool,
      countOutcome: meters.counter(
        'endpoint_outcomes',
        'Calls of endpoints of the backend, by what became of them.',
        'outcome',
      ),
      countCall: meters.counter('endpoint_calls', 'Calls, by endpoint.', 'endpoint'),
      countRetry: meters.counter('endpoint_retries', 'Further attempts of calls.', 'endpoint'),
    };
    this.#endpoints = new Map(
      [...settings].map((one) => [one.name, new Endpoint(one, shared)] as const),
    );
    this.#addGauges(meters);
    // It takes a tenth of a second to load, which no call should wait for.
    if (this.#endpoints.size > 0) import('undici').catch(() => undefined);
  }

  /**
   * Posts a JSON value, and resolves with the one that is answered.
   * @throws {EndpointError}, or the reason of `options.signal`.
   */
  async ask(name: string, body: unknown, options: AskOptions = {}): Promise<unknown> {
    const { text } = body instanceof Json ? body : Json.of(body);
    return this.put(name, { body: text, read: valueOf }, options);
  }

  /** The same with JSON text, and an answer that the caller reads. */
  async put<T>(name: string, question: Question<T>, options: AskOptions = {}): Promise<T> {
    return this.#endpoint(name).ask(question, options);
  }

  /** All that the answers of an endpoint may depend on besides the question. */
  identityOf(name: string): string {
    return this.#endpoint(name).identity;
  }

  /**
   * Asks all, and resolves when each has its answer or its failure, in the order of the requests.
   * Of one endpoint as many are under way as its `concurrency` allows: however many there are, they
   * do not fail as busy by themselves. @throws the reason of `options.signal`, and nothing else.
   */
  async askAll(
    requests: readonly AskRequest[],
    options: AskOptions = {},
  ): Promise<readonly AskReply[]> {
    const replies: AskReply[] = [];
    const names = new Set(requests.map(({ endpoint }) => endpoint));
    const runners = [...names].flatMap((name) => {
      const queue = [...requests.entries()].filter(([, { endpoint }]) => endpoint === name);
      const entries = queue.values();
      const width = Math.min(this.#endpoints.get(name)?.concurrency ?? 1, queue.length);
      // They take from one queue, each when its last is answered.
      return Array.from({ length: width }, async () => {
        for (const [index, { body }] of entries) {
          replies[index] = await this.#replyOf(name, body, options);
        }
      });
    });
    await Promise.all(runners);
    return replies;
  }

  /** What is under way fails. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([...this.#endpoints.values()].map((endpoint) => endpoint.close()));
  }

  async #replyOf(name: string, body: unknown, options: AskOptions): Promise<AskReply> {
    try {
      return { answer: await this.ask(name, body, options) };
    } catch (error) {
      if (error instanceof EndpointError) return { failure: error };
      throw error;
    }
  }

  #endpoint(name: string): Endpoint {
    const endpoint = this.#endpoints.get(name);
    if (endpoint === undefined) throw new EndpointError(name, 'unknown');
    return endpoint;
  }

  #addGauges(meters: Meters): void {
    const each =
      (read: (endpoint: Endpoint) => number) => (): (readonly [name: string, value: number])[] =>
        [...this.#endpoints.values()].map((endpoint) => [endpoint.name, read(endpoint)]);
    meters.gaugeBy(
      'endpoint',
      'endpoint_running',
      'Calls under way.',
      each(({ running }) => running),
    );
    meters.gaugeBy(
      'endpoint',
      'endpoint_waiting',
      'Calls that wait for one of those to end.',
      each(({ waiting }) => waiting),
    );
    meters.gaugeBy(
      'endpoint',
      'endpoint_sockets',
      'Open connections to the backend.',
      each(({ sockets }) => sockets),
    );
    meters.gaugeBy(
      'endpoint',
      'endpoint_breaker',
      'The circuit breaker: 0 closed, 1 half-open, 2 open.',
      each(({ breaker }) => BREAKER_STATES.indexOf(breaker)),
    );
  }
}

async function openPool(
  origin: string,
  { concurrency, timeoutMs }: EndpointSettings,
): Promise<Pool> {
  const { Pool } = await import('undici');
  return new Pool(origin, { connections: concurrency, connectTimeout: timeoutMs });
}

function valueOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    // What the parser says may quote the answer.
    throw new MalformedAnswer('it is not JSON');
  }
}
