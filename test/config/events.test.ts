/** The options of the events, read from where they stand. */
import { expect, test } from 'vitest';
import { EVENT_TYPES } from '../../src/events/event.ts';
import { parse, problemsOf, readOpen } from './reading.ts';

const URL = 'https://example.com/events';

test('nothing is told unless there is a URL', () => {
  expect(parse({}).events).toEqual({
    target: null,
    types: EVENT_TYPES,
    source: null,
    batchMax: 500,
    batchDelayMs: 100,
    timeoutMs: 10_000,
    giveUpMs: 3_600_000,
    vacateDelayMs: 1000,
  });
});

test('all can be set in every place', () => {
  const config = readOpen({
    file: `events: { url: '${URL}', types: [connected], batchSize: 7, giveUp: 5m }`,
    env: { SLUICE_EVENTS_SECRET: 'between us', SLUICE_EVENTS_TYPES: 'connected, disconnected' },
    argv: ['--events-batch-delay', '0s', '--events-vacate-delay=5s', '--events-source', 'main'],
  });
  expect(config.events).toMatchObject({
    target: { name: 'events', url: URL, headers: {}, secret: 'between us' },
    types: ['connected', 'disconnected'],
    source: 'main',
    batchMax: 7,
    batchDelayMs: 0,
    giveUpMs: 300_000,
    vacateDelayMs: 5000,
  });
});

test('they can go where the hooks go, or be signed as those are', () => {
  const hooks = { url: 'https://example.com/hooks', secret: 'of the hooks' };
  expect(parse({ hooks, events: { url: URL } }).events.target).toMatchObject({
    url: URL,
    secret: 'of the hooks',
  });
  expect(parse({ hooks, events: { endpoint: 'default' } }).events.target).toMatchObject({
    url: hooks.url,
    secret: 'of the hooks',
  });
  const endpoints = { log: { url: URL, headers: { 'X-Key': 'k' }, secret: 'its own' } };
  expect(parse({ endpoints, events: { endpoint: 'log' } }).events.target).toMatchObject({
    url: URL,
    headers: { 'x-key': 'k' },
    secret: 'its own',
  });
});

test('what cannot be is told', () => {
  expect(problemsOf(() => parse({ events: { secret: 'a' } }))).toEqual([
    'events.secret: it is of no use without events.url',
  ]);
  expect(problemsOf(() => parse({ events: { url: 'ftp://example.com' } }))[0]).toContain(
    'events.url: the value is not one fixed http(s) URL',
  );
  expect(problemsOf(() => readOpen({ env: { SLUICE_EVENTS_TYPES: 'connected,joined' } }))).toEqual([
    `SLUICE_EVENTS_TYPES: item 2: "joined" is not one of ${EVENT_TYPES.join(', ')}`,
  ]);
  expect(problemsOf(() => parse({ events: { url: URL } }, { events: true }))).toEqual([
    'events.url: the program takes the events by itself',
  ]);
  const endpoints = { log: URL };
  expect(problemsOf(() => parse({ endpoints, events: { endpoint: 'lgo' } }))).toEqual([
    'events.endpoint: there is nobody to tell: "lgo" is none of endpoints; did you mean log?',
  ]);
  expect(problemsOf(() => parse({ endpoints, events: { url: URL, endpoint: 'log' } }))).toEqual([
    'events.endpoint: events.url tells where, too; leave one of them out',
  ]);
});
