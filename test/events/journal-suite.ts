/**
 * What every journal promises, whatever it is made of. It is opened by its factory, anew for each
 * test, and for a crowd of connections of one gateway.
 */
import { describe, expect, test } from 'vitest';
import type { GatewayEvent } from '../../src/events/event.ts';
import { batchOf, EVENT_TYPES } from '../../src/events/event.ts';
import type { Page } from '../../src/events/journal.ts';
import type { Crowd, CrowdOptions } from './crowd.ts';
import { readAll } from './crowd.ts';
import { View } from './view.ts';

/** A crowd whose journal is under test. Its factory sees to it that it is closed after the test. */
export type OpenCrowd = (options?: CrowdOptions) => Promise<Crowd>;

/** Waits until what happened can be read. */
async function read(crowd: Crowd, view = new View()): Promise<View> {
  await crowd.journal.flush();
  return readAll(crowd.journal, view);
}

async function pageOf(crowd: Crowd, eventsMax = 100): Promise<Page> {
  await crowd.journal.flush();
  const page = await crowd.journal.take(eventsMax);
  if ('restMs' in page) throw new Error('nothing waits');
  return page;
}

export function journalSuite(name: string, open: OpenCrowd): void {
  describe(`${name}: a journal`, () => {
    test('begins with a reset, for nobody knows what was before', async () => {
      const crowd = await open();
      const { events } = await read(crowd);
      expect(events).toEqual([
        { id: expect.any(Number), type: 'reset', time: expect.any(Number), cause: 'start' },
      ]);
    });

    test('tells of a life in its order', async () => {
      const crowd = await open();
      crowd.connect('a', 'ann');
      crowd.subscribe('a', 'room');
      crowd.subscribe('a', 'news');
      crowd.unsubscribe('a', 'room');
      crowd.disconnect('a');
      const view = await read(crowd);
      expect(view.words).toEqual([
        'reset',
        'connected a',
        'subscribed a room',
        'channel_occupied room',
        'subscribed a news',
        'channel_occupied news',
        'unsubscribed a room',
        'channel_vacated room',
        'unsubscribed a news',
        'channel_vacated news',
        'disconnected a',
      ]);
      expect(view.faults).toEqual([]);
    });

    test('gives each event all it should have, and nothing else', async () => {
      const crowd = await open({ gateway: 'gate "7"' });
      crowd.connect('a', 'ünï "quoted" \\ / 7');
      crowd.subscribe('a', 'röom/"x"\\');
      crowd.unsubscribe('a', 'röom/"x"\\');
      crowd.disconnect('a');
      const { events } = await read(crowd);
      const common = {
        id: expect.any(Number),
        time: expect.any(Number),
      };
      const who = { ...common, gateway: 'gate "7"', client: 'a', user: 'ünï "quoted" \\ / 7' };
      const channel = 'röom/"x"\\';
      const expected: unknown[] = [
        { ...common, type: 'reset', cause: 'start' },
        { ...who, type: 'connected', seq: 1, since: expect.any(Number), again: false },
        { ...who, type: 'subscribed', seq: 2, channel, again: false },
        { ...common, type: 'channel_occupied', channel },
        { ...who, type: 'unsubscribed', seq: 3, channel, code: 0, reason: 'unsubscribe called' },
        { ...common, type: 'channel_vacated', channel },
        {
          ...who,
          type: 'disconnected',
          seq: 4,
          code: 3503,
          reason: 'force disconnect',
          duration: expect.any(Number),
        },
      ];
      expect(events).toEqual(expected);
    });

    test('gives every event an id greater than all before', async () => {
      const crowd = await open();
      for (const client of ['a', 'b', 'c']) crowd.connect(client);
      const first = await read(crowd);
      for (const client of ['a', 'b', 'c']) crowd.disconnect(client);
      const { events } = await read(crowd, first);
      const ids = events.map(({ id }: GatewayEvent) => id);
      expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b));
      expect(ids.every(Number.isSafeInteger)).toBe(true);
      expect(first.doubles).toBe(0);
    });

    test('keeps what was taken until it is done', async () => {
      const crowd = await open();
      for (const client of ['a', 'b', 'c', 'd']) crowd.connect(client);
      const one = await pageOf(crowd, 3);
      const again = await pageOf(crowd, 3);
      expect(again.batch).toEqual(one.batch);
      expect(one.isFull).toBe(true);
      await crowd.journal.done(again, 'delivered');
      const rest = await pageOf(crowd, 3);
      expect(batchOf(rest.batch).events.map((event) => 'client' in event && event.client)).toEqual([
        'c',
        'd',
      ]);
      expect(rest.isFull).toBe(false);
      await crowd.journal.done(rest, 'delivered');
      expect(await crowd.journal.take(3)).toHaveProperty('restMs');
    });

    test('tells how many were given up, once', async () => {
      const crowd = await open();
      for (const client of ['a', 'b', 'c']) crowd.connect(client);
      await crowd.journal.done(await pageOf(crowd, 2), 'dropped');
      const page = await pageOf(crowd, 1);
      expect(page.batch.dropped).toBe(2);
      // It was not told that time.
      expect((await pageOf(crowd, 1)).batch.dropped).toBe(2);
      await crowd.journal.done(page, 'delivered');
      expect((await pageOf(crowd, 1)).batch.dropped).toBe(0);
      expect(crowd.dropped).toEqual(new Map([['refused', 2]]));
    });

    test('tells of a channel when its first comes and when its last has gone', async () => {
      const crowd = await open();
      for (const client of ['a', 'b']) {
        crowd.connect(client);
        crowd.subscribe(client, 'room');
      }
      crowd.disconnect('a');
      const view = await read(crowd);
      expect(view.words.filter((words) => words.startsWith('channel'))).toEqual([
        'channel_occupied room',
      ]);
      crowd.disconnect('b');
      await read(crowd, view);
      expect(view.occupied.size).toBe(0);
      expect(view.faults).toEqual([]);
    });

    test.each(EVENT_TYPES)('tells of %s alone, where nothing else is wanted', async (type) => {
      const crowd = await open({ types: [type] });
      crowd.connect('a');
      crowd.subscribe('a', 'room');
      crowd.unsubscribe('a', 'room');
      crowd.disconnect('a');
      const { events } = await read(crowd);
      expect(events.map((event) => event.type)).toEqual(['reset', type]);
      const [, event] = events;
      if (event !== undefined && 'seq' in event) expect(event.seq).toBe(1);
    });

    test('tells nothing of who it does not know, and nothing twice', async () => {
      const crowd = await open();
      const who = { user: '', atMs: Date.now() };
      const { journal } = crowd;
      journal.enter({ ...who, type: 'disconnected', client: 'x', close: { code: 1, reason: '' } });
      journal.enter({ ...who, type: 'connected', client: 'a', sinceMs: 1, again: false });
      journal.enter({ ...who, type: 'connected', client: 'a', sinceMs: 1, again: true });
      const view = await read(crowd);
      expect(view.words).toEqual(['reset', 'connected a']);
    });

    test('drops what is too much, tells how many, and then tells everything anew', async () => {
      const crowd = await open({ eventsMax: 10 });
      for (const client of ['a', 'b', 'c', 'd']) {
        crowd.connect(client, client);
        crowd.subscribe(client, 'room');
      }
      await crowd.journal.flush();
      // 1 reset, 4 connected, 4 subscribed, 1 channel: it is full.
      for (const client of ['e', 'f', 'g']) crowd.connect(client, client);
      crowd.disconnect('a');
      await crowd.journal.flush();
      expect(crowd.journal.size).toBeLessThanOrEqual(12);
      const view = new View();
      await read(crowd, view);
      expect(view.resets).toBe(2);
      // 3 that came, and one that left a channel and went.
      expect(view.dropped).toBe(5);
      expect(crowd.dropped).toEqual(new Map([['backlog', 5]]));
      await settled(crowd, view);
      expect(view.faults).toEqual([]);
      const reset = view.events.findLast(({ type }) => type === 'reset');
      expect(reset).toMatchObject({ cause: 'overflow' });
      const told = view.events.slice(view.events.indexOf(reset!) + 1);
      expect(told.filter((event) => 'again' in event && !event.again)).toEqual([]);
    });

    test('tells more connections anew than may wait, a few at a time', async () => {
      const crowd = await open({ eventsMax: 20 });
      for (let n = 0; n < 100; n += 1) {
        crowd.connect(`c${n}`);
        crowd.subscribe(`c${n}`, `room ${n % 5}`);
      }
      await crowd.journal.flush();
      const view = new View();
      await settled(crowd, view);
      expect(view.resets).toBe(2);
      expect(view.faults).toEqual([]);
    });

    test('waits before it tells that a channel is vacated, and forgets it if somebody comes', async () => {
      const crowd = await open({ vacateDelayMs: 300 });
      crowd.connect('a');
      crowd.subscribe('a', 'room');
      crowd.subscribe('a', 'news');
      crowd.unsubscribe('a', 'room');
      crowd.unsubscribe('a', 'news');
      crowd.subscribe('a', 'room');
      const view = await read(crowd);
      expect([...view.occupied].toSorted()).toEqual(['news', 'room']);
      await expect
        .poll(async () => (await read(crowd, view)).occupied, { timeout: 5000, interval: 20 })
        .toEqual(new Set(['room']));
      expect(view.words.filter((words) => words === 'channel_occupied room')).toHaveLength(1);
      expect(view.faults).toEqual([]);
    });
  });
}

/** Reads until the backend knows what is true. */
async function settled(crowd: Crowd, view: View): Promise<void> {
  await expect
    .poll(async () => (await read(crowd, view)).state, { timeout: 10_000, interval: 10 })
    .toEqual(crowd.state);
}
