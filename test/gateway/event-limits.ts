/** The limits of events, crossed one by one. */
import { expect, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import type { LimitName } from '../../src/kernel/limits.ts';
import { View } from '../events/view.ts';
import { isReady } from '../redis/gateways.ts';
import type { Running } from '../support/gateway.ts';
import { meter } from '../support/http.ts';
import { Peer } from '../support/peer.ts';
import { RedisServer } from '../support/redis.ts';

type Start = (options: GatewayOptions) => Promise<Running>;
type Crossing = (start: Start) => Promise<readonly string[]>;
type EventLimit = Extract<LimitName, `events${string}`>;

const QUICKLY = { timeout: 10_000, interval: 5 };

export const EVENT_CROSSINGS: { readonly [Name in EventLimit]: Crossing } = {
  async eventsWaiting(start) {
    const view = new View();
    let takes = false;
    const { url } = await start({
      limits: { eventsWaiting: 20 },
      events: { batchDelay: '1ms', timeout: '100ms' },
      hooks: {
        events(batch) {
          if (!takes) throw new Error('not now');
          view.take(batch);
        },
      },
    });
    const peers = await Promise.all(Array.from({ length: 30 }, () => Peer.connected(url)));
    await peers[0]!.subscribe('room');
    await peers[1]!.leave();
    takes = true;
    // With the bystander.
    await vi.waitFor(() => expect(view.connections.size).toBe(30), QUICKLY);
    expect(view.dropped).toBeGreaterThan(10);
    expect(view.events.filter(({ type }) => type === 'reset')).toHaveLength(2);
    expect(view.occupied).toContain('room');
    expect(view.faults).toEqual([]);
    return [];
  },

  async eventsPending(start) {
    const redis = await RedisServer.start();
    const view = new View();
    const running = await start({
      redis: { url: redis.url },
      limits: { eventsPending: 5 },
      events: { batchDelay: '1ms' },
      hooks: { events: view.take },
    });
    const { url, http } = running;
    await vi.waitFor(() => expect(view.connections.size).toBe(1), QUICKLY);
    redis.pause();
    for (let n = 0; n < 8; n += 1) await Peer.connected(url);
    expect((await meter(http, 'events_dropped')).get('pending')).toBe(3);
    redis.resume();
    await vi.waitFor(() => expect(view.connections.size).toBe(9), QUICKLY);
    expect(view.dropped).toBe(3);
    expect(view.faults).toEqual([]);
    await vi.waitFor(async () => expect(await isReady(running)).toBe(true), QUICKLY);
    return [];
  },
};
