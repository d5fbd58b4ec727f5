/** `docs/events.md` is what backends are written by; here it is held against the code. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ALL_OPTIONS, LIMIT_OPTIONS } from '../../src/config/options.ts';
import { EVENT_TYPES } from '../../src/events/event.ts';
import type { EventBatch, GatewayEvent } from '../../src/events/event.ts';
import { DROP_REASONS } from '../../src/events/journal.ts';
import { MemoryJournal } from '../../src/events/memory.ts';
import { FAILURE_KINDS } from '../../src/events/undelivered.ts';
import { PASSING_STATUSES } from '../../src/telling.ts';
import { startGateway } from '../support/gateway.ts';
import { meter } from '../support/http.ts';
import { Crowd, readAll } from './crowd.ts';
import { View } from './view.ts';

const PAGE = readFileSync(new URL('../../docs/events.md', import.meta.url), 'utf8');

/** The rows of the tables under a heading, without their heads. */
function rows(heading: string): readonly (readonly string[])[] {
  const section = PAGE.split(/^##+ /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines
    .filter((line, at) => ![line, lines[at + 1]].some((one) => one?.startsWith('| -')))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** What is written as code in a cell. */
function codes(cell = ''): string[] {
  return [...cell.matchAll(/`([a-z_]+)`/g)].map(([, code = '']) => code);
}

function names(heading: string): string[] {
  return rows(heading).flatMap(([name]) => codes(name));
}

/** One of each. */
async function samples(): Promise<readonly GatewayEvent[]> {
  const crowd = new Crowd((seams) => new MemoryJournal(seams));
  crowd.connect('a', 'ann');
  crowd.subscribe('a', 'room');
  crowd.disconnect('a');
  return (await readAll(crowd.journal)).events;
}

test('every type is told with the fields that the page gives it, and no other', async () => {
  const all = names('Every event');
  const ofConnections = names('Events of connections').slice(0, 4);
  const types = new Map(
    ['Events of connections', 'Events of channels', '`reset`'].flatMap((heading) =>
      rows(heading)
        .filter((row) => row.length === 3)
        .map(([type, , further]) => [
          codes(type)[0],
          codes(further).filter((code) => !['start', 'lost', 'overflow'].includes(code)),
        ]),
    ),
  );
  expect(new Set(types.keys())).toEqual(new Set([...EVENT_TYPES, 'reset']));
  for (const event of await samples()) {
    const own = types.get(event.type) ?? [];
    const fields = [...all, ...('client' in event ? ofConnections : []), ...own];
    expect(Object.keys(event).toSorted()).toEqual(fields.toSorted());
  }
});

test('a batch has the fields that the page gives it', async () => {
  const batches: EventBatch[] = [];
  await startGateway({
    events: { batchDelay: '1ms' },
    hooks: { events: (batch) => void batches.push(batch) },
  });
  await expect.poll(() => batches.length).toBe(1);
  expect(Object.keys(batches[0]!)).toEqual(names('What is posted').slice(0, 3));
});

test('its example can be read, and what a backend does with it is what the page says', () => {
  const [example = ''] = /```json\n([^]*?)```/.exec(PAGE)?.slice(1) ?? [];
  const batch = JSON.parse(example) as EventBatch;
  const source = /## What your backend does\n\n```js\n([^]*?)```/.exec(PAGE)?.[1] ?? '';
  // oxlint-disable-next-line typescript/no-implied-eval
  const backend = new Function('sources', `${source} return take;`) as (
    sources: Map<string, unknown>,
  ) => (batch: EventBatch) => void;
  const known = { lastId: 0, connections: new Map<string, unknown>(), channels: new Set<string>() };
  const take = backend(new Map([['sluice', known]]));
  take(batch);
  take(batch);
  expect(known.channels).toEqual(new Set(['chat:lobby']));
  expect([...known.connections.values()]).toEqual([
    { user: '42', channels: new Set(['chat:lobby']) },
  ]);
  const view = new View();
  view.take(batch);
  expect(view.faults).toEqual([]);
});

test('it names all options, limits, metrics, reasons and statuses', async () => {
  const options = ALL_OPTIONS.filter(({ path }) => path.startsWith('events.'));
  const shown = options.filter(({ path }) => !/batch|types/.test(path));
  for (const { path } of shown) expect(PAGE).toContain(path.replace('events.secret', 'secret'));
  for (const limit of ['eventsWaiting', 'eventsPending'] as const) {
    const { path, default: value } = LIMIT_OPTIONS.get(limit)!;
    expect(PAGE).toContain(`\`${path}\` (${Number(value).toLocaleString('en')})`);
  }
  const { http } = await startGateway({ hooks: { events() {} } });
  const text = await (await fetch(`${http}/metrics`)).text();
  const told = [...text.matchAll(/^# TYPE (sluice_events\w+)/gm)].map(([, name = '']) => name);
  expect(names('Metrics').toSorted()).toEqual(told.toSorted());
  await expect.poll(async () => (await meter(http, 'events_delivered')).get('')).toBe(1);
  const metrics = new Map(rows('Metrics').map(([name, means]) => [codes(name)[0], codes(means)]));
  expect(metrics.get('sluice_events_failures')).toEqual(['failure', ...FAILURE_KINDS]);
  expect(metrics.get('sluice_events_dropped')).toEqual(['reason', ...DROP_REASONS]);
  const [, failed = ['']] = rows('When the backend does not take a batch');
  const statuses = (failed[0]?.match(/\b4\d\d\b/g) ?? []).map(Number);
  expect(new Set(statuses)).toEqual(PASSING_STATUSES);
});
