/** A program that embeds a gateway takes the events by itself. */
import { expect, expectTypeOf, onTestFinished, test, vi } from 'vitest';
import type { EventBatch, GatewayEvent, GatewayOptions } from '../../src/gateway.ts';
import { ConfigError, createGateway, Refusal } from '../../src/gateway.ts';
import { buildOrgans } from '../../src/organs.ts';
import { parseConfig } from '../../src/config/config.ts';
import { silentEvents } from '../../src/events/events.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { startGateway } from '../support/gateway.ts';
import { Peer } from '../support/peer.ts';
import { View } from './view.ts';

const SOON = { timeout: 10_000, interval: 10 };
const EVENTS: NonNullable<GatewayOptions['events']> = { batchDelay: '5ms', vacateDelay: '0s' };

test('a function hears what happens, and is waited for', async () => {
  const view = new View();
  const signals: AbortSignal[] = [];
  let underWay = 0;
  const { url } = await startGateway({
    events: EVENTS,
    hooks: {
      async events(batch, { signal }) {
        underWay += 1;
        expect(underWay).toBe(1);
        signals.push(signal);
        await new Promise((resolve) => setTimeout(resolve, 20));
        view.take(batch);
        underWay -= 1;
      },
    },
  });
  const peers = await Promise.all(Array.from({ length: 10 }, () => Peer.connected(url)));
  for (const peer of peers) await peer.subscribe('room');
  await vi.waitFor(() => expect(view.connections.size).toBe(10), SOON);
  for (const peer of peers) await peer.leave();
  await vi.waitFor(() => expect(view.connections.size).toBe(0), SOON);
  expect(view.occupied.size).toBe(0);
  expect(view.faults).toEqual([]);
  expect(signals.every(({ aborted }) => !aborted)).toBe(true);
});

test('a function that throws hears the same again, and may refuse for good', async () => {
  const view = new View();
  const heard: EventBatch[] = [];
  let failures = 2;
  const { url, gateway } = await startGateway({
    events: { ...EVENTS, types: ['connected', 'disconnected'] },
    hooks: {
      connect: ({ data }) => ({ user: String(data) }),
      events(batch) {
        heard.push(batch);
        failures -= 1;
        if (failures >= 0) throw new Error('not now');
        if (batch.events.some((event) => 'user' in event && event.user === 'nobody')) {
          throw new Refusal('badRequest', 'we know nobody of that name');
        }
        view.take(batch);
      },
    },
  });
  await Peer.connected(url, { connect: { data: 'ann' } });
  await Peer.connected(url, { connect: { data: 'nobody' } });
  await Peer.connected(url, { connect: { data: 'bob' } });
  await vi.waitFor(
    () => expect([...view.connections.values()].map(({ user }) => user)).toEqual(['ann', 'bob']),
    SOON,
  );
  expect(view.dropped).toBe(1);
  expect(heard[1]!.events.slice(0, 1)).toEqual(heard[0]!.events.slice(0, 1));
  await gateway.close();
  expect([...view.connections.values()].map(({ user }) => user)).toEqual([]);
});

test('there is one who takes them', () => {
  const events = { url: 'http://localhost/events' };
  expect(() => createGateway({ dev: true, events, hooks: { events() {} } })).toThrow(ConfigError);
});

test('where nobody wants to know, nothing is kept', () => {
  const organs = buildOrgans(parseConfig({ dev: true }), {
    hooks: {},
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    version: 'test',
  });
  onTestFinished(() => organs.wheel.close());
  expect(organs.services.events).toBe(silentEvents);
  expect(organs.telling.parts).toEqual([]);
  expect([...organs.meters.gauges()].filter(({ name }) => name.startsWith('events'))).toEqual([]);
});

test('an event is known by its type', () => {
  expectTypeOf<
    Extract<GatewayEvent, { type: 'disconnected' }>['duration']
  >().toEqualTypeOf<number>();
  expectTypeOf<GatewayEvent['id']>().toEqualTypeOf<number>();
  expectTypeOf<Extract<GatewayEvent, { channel: string }>['type']>().toEqualTypeOf<
    'subscribed' | 'unsubscribed' | 'channel_occupied' | 'channel_vacated'
  >();
});
