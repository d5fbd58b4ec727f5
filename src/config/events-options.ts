/** The options of the events that the backend is told. */
import { ENDPOINT_NAME } from './hook-options.ts';
import { hmacSecret } from './keys.ts';
import { list, oneOf, text, url } from './kinds.ts';
import { duration, integer } from './measures.ts';
import { option, optional } from './option.ts';

/** Those of `src/events/event.ts`, which the options cannot see. */
const EVENT_TYPES = [
  'connected',
  'disconnected',
  'subscribed',
  'unsubscribed',
  'channel_occupied',
  'channel_vacated',
] as const;
export type EventTypeName = (typeof EVENT_TYPES)[number];

export const EVENTS_OPTIONS = {
  eventsUrl: optional(
    'events.url',
    url,
    'where events of connections and channels are posted; unless it is set, nowhere',
  ),
  eventsEndpoint: optional(
    'events.endpoint',
    text('the name of an endpoint', ENDPOINT_NAME),
    'in the place of events.url: an endpoint, whose url, headers and secret are used',
  ),
  eventsSecret: optional(
    'events.secret',
    hmacSecret,
    'signs what is posted to events.url, in the place of hooks.secret',
  ),
  eventsTypes: option('events.types', list({ ...oneOf(EVENT_TYPES), name: 'event' }), {
    default: EVENT_TYPES,
    means: 'which events are told',
  }),
  eventsSource: optional(
    'events.source',
    text(),
    'whose events these are; unless it is set, redis.prefix, or the host where there is no Redis',
  ),
  eventsBatchSize: option('events.batchSize', integer(1, 10_000), {
    default: 500,
    means: 'events in one batch',
  }),
  eventsBatchDelay: option('events.batchDelay', duration(0), {
    default: '100ms',
    means: 'how long an event waits for others to come with it',
  }),
  eventsTimeout: option('events.timeout', duration(1), {
    default: '10s',
    means: 'how long the backend may take for a batch',
  }),
  eventsGiveUp: option('events.giveUp', duration(1), {
    default: '1h',
    means:
      'how long an event is tried that the backend answers with an error, before it is dropped',
  }),
  eventsVacateDelay: option('events.vacateDelay', duration(0), {
    default: '1s',
    means: 'how long nobody must be in a channel before it is told vacated',
  }),
} as const;
