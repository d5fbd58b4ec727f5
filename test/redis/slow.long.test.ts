/** Readers that are too slow while Redis breaks: the gateway cannot catch them up then. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { meter } from '../support/http.ts';
import { RedisServer } from '../support/redis.ts';
import type { Publisher } from './checker.ts';
import { faultsOf, Load, Watcher } from './checker.ts';
import { SOON } from './gateways.ts';
import { GatewayProcess } from './processes.ts';

const HISTORY = { history: { size: 100_000, ttl: '1h' }, subscribe: 'anonymous' };
const WHOLE = { ...HISTORY, positioned: true, recovery: true };
const NAMESPACES = {
  skip: { ...WHOLE, slowConsumer: 'skip' },
  cut: { ...WHOLE, slowConsumer: 'disconnect' },
  latest: { ...HISTORY, recovery: 'cache', slowConsumer: 'latest' },
};
const CHANNELS = ['skip:a', 'cut:a', 'latest:a'];
const FLAGS = ['--limits-outbox-bytes=65536', '--limits-api-body-bytes=1048576'];

/** What systems hold for a socket that is not read is a few megabytes. */
const PADDING = 'x'.repeat(50_000);
const PAUSE_MS = 10;

/** A socket that stops to read when it is told to. */
class Tap extends WebSocket {
  static readonly open = new Set<Tap>();

  constructor(...options: ConstructorParameters<typeof WebSocket>) {
    super(...options);
    Tap.open.add(this);
    this.on('close', () => Tap.open.delete(this));
  }
}

function heavy(gateway: GatewayProcess): Publisher {
  return {
    gateway: {
      publish: (channel, data) =>
        gateway.call('publish', { channel, data: { ...(data as object), padding: PADDING } }),
    },
  };
}

interface Stage {
  readonly redis: RedisServer;
  readonly gateway: GatewayProcess;
  readonly slow: readonly Watcher[];
  readonly quick: Watcher;
  readonly loads: readonly Load[];
}

/** Everyone is in, and those who are slow have fallen behind. */
async function stage(): Promise<Stage> {
  const redis = await RedisServer.start();
  const gateway = await GatewayProcess.ready(redis.url, { namespaces: NAMESPACES, flags: FLAGS });
  const slow = CHANNELS.map((channel) => new Watcher(gateway.url, [channel], { websocket: Tap }));
  const quick = new Watcher(gateway.url, CHANNELS);
  for (const watcher of [...slow, quick]) await watcher.ready();
  const loads = CHANNELS.map((channel) => new Load(heavy(gateway), channel, PAUSE_MS));
  await sleep(200);
  for (const socket of Tap.open) socket.pause();
  await vi.waitFor(async () => {
    const times = await meter(gateway.http, 'slow');
    for (const rule of ['skip', 'disconnect', 'latest']) {
      expect(times.get(rule) ?? 0).toBeGreaterThan(0);
    }
  }, SOON);
  return { redis, gateway, slow, quick, loads };
}

async function settle({ gateway, slow, quick, loads }: Stage): Promise<void> {
  await gateway.untilReady();
  const next = loads.map((load) => load.next);
  const expectSeen = (numbers: readonly number[]): void => {
    for (const [at, { channel }] of loads.entries()) {
      for (const watcher of [slow[at]!, quick]) {
        expect(watcher.last(channel), watcher.state()).toBeGreaterThanOrEqual(numbers[at]!);
      }
    }
  };
  await vi.waitFor(() => expectSeen(next), SOON);
  await Promise.all(loads.map((load) => load.stop()));
  await vi.waitFor(() => expectSeen(loads.map(({ last }) => last)), SOON);
  for (const [at, load] of loads.entries()) {
    const watchers = [slow[at]!, quick].map((watcher) => watcher.seen(load.channel));
    if (load.channel.startsWith('latest')) {
      // Some are passed over; what is seen is seen once and in order.
      const offsets = watchers[0]!.flatMap((one) => ('n' in one ? [one.n] : []));
      expect(offsets).toEqual([...new Set(offsets)].toSorted((a, b) => a - b));
    } else {
      for (const seen of watchers) expect(faultsOf(seen, load).slice(0, 3)).toEqual([]);
    }
  }
}

function readAgain(): void {
  for (const socket of Tap.open) socket.resume();
}

test('Redis is paused, and they read again while it is', async () => {
  const all = await stage();
  all.redis.pause();
  await sleep(1500);
  readAgain();
  await sleep(1500);
  all.redis.resume();
  await settle(all);
  for (const watcher of all.slow.slice(0, 2)) {
    for (const channel of CHANNELS) expect(watcher.timesTold(channel)).toBe(0);
  }
});

test('Redis is restarted empty while they lag, and they are told', async () => {
  const all = await stage();
  await all.redis.kill();
  await sleep(500);
  await all.redis.start();
  await all.gateway.untilReady();
  readAgain();
  await settle(all);
  for (const [at, watcher] of all.slow.slice(0, 2).entries()) {
    expect(watcher.timesTold(CHANNELS[at]!)).toBeGreaterThan(0);
  }
});

test('connections to Redis are killed, again and again, while they lag and catch up', async () => {
  const all = await stage();
  for (let round = 0; round < 12; round += 1) {
    await all.redis.command('CLIENT', 'KILL', 'TYPE', round % 2 === 0 ? 'normal' : 'pubsub');
    await sleep(150);
    if (round === 4) readAgain();
  }
  await settle(all);
  for (const watcher of all.slow.slice(0, 2)) {
    for (const channel of CHANNELS) expect(watcher.timesTold(channel)).toBe(0);
  }
});
