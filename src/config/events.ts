/** What the backend is told of connections and channels, read from its options. */
import type { EventTypeName } from './events-options.ts';
import { EVENTS_OPTIONS as OPTIONS } from './events-options.ts';
import { HOOK_OPTIONS } from './hook-options.ts';
import type { EndpointConfig, Endpoints } from './hooks.ts';
import { unknownEndpoint } from './hooks.ts';
import type { Backend } from './namespaces.ts';
import type { Values } from './option.ts';

/** Where events are posted: an endpoint of the configuration, or one that is only for them. */
export type EventsTarget = Pick<EndpointConfig, 'name' | 'url' | 'headers' | 'secret'>;

export interface EventsConfig {
  /** Null: nowhere. */
  readonly target: EventsTarget | null;
  readonly types: readonly EventTypeName[];
  /** Null: what is taken for it is not an option. */
  readonly source: string | null;
  readonly batchMax: number;
  readonly batchDelayMs: number;
  readonly timeoutMs: number;
  readonly giveUpMs: number;
  readonly vacateDelayMs: number;
}

export interface EventsContext {
  readonly backend: Backend;
  readonly endpoints: Endpoints;
}

export function eventsOf(values: Values, context: EventsContext): EventsConfig {
  return {
    target: targetOf(values, context),
    types: values.read(OPTIONS.eventsTypes),
    source: values.read(OPTIONS.eventsSource) ?? null,
    batchMax: values.read(OPTIONS.eventsBatchSize),
    batchDelayMs: values.read(OPTIONS.eventsBatchDelay),
    timeoutMs: values.read(OPTIONS.eventsTimeout),
    giveUpMs: values.read(OPTIONS.eventsGiveUp),
    vacateDelayMs: values.read(OPTIONS.eventsVacateDelay),
  };
}

function targetOf(values: Values, { backend, endpoints }: EventsContext): EventsTarget | null {
  checkTarget(values, backend);
  const url = values.read(OPTIONS.eventsUrl);
  const own = values.read(OPTIONS.eventsSecret);
  const name = values.read(OPTIONS.eventsEndpoint);
  if (url !== undefined) {
    const secret = own ?? values.read(HOOK_OPTIONS.hooksSecret) ?? null;
    return { name: 'events', url, headers: {}, secret };
  }
  if (name === undefined) return null;
  const wrong = unknownEndpoint(name, endpoints.names);
  if (wrong !== null) values.refuse(OPTIONS.eventsEndpoint, `there is nobody to tell: ${wrong}`);
  return endpoints.endpoints.get(name) ?? null;
}

/** What cannot be said together. */
function checkTarget(values: Values, backend: Backend): void {
  const { eventsUrl, eventsEndpoint, eventsSecret } = OPTIONS;
  const given = [eventsUrl, eventsEndpoint].filter((option) => values.isGiven(option));
  if (backend.events === true) {
    for (const option of given) values.refuse(option, 'the program takes the events by itself');
  } else if (given.length > 1) {
    values.refuse(eventsEndpoint, `${eventsUrl.path} tells where, too; leave one of them out`);
  }
  if (values.isGiven(eventsSecret) && !values.isGiven(eventsUrl)) {
    values.refuse(eventsSecret, `it is of no use without ${eventsUrl.path}`);
  }
}
