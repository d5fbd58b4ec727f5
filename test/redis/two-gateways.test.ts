/** Two gateways on one Redis, with real clients. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { api } from '../support/http.ts';
import { Peer } from '../support/peer.ts';
import { RedisServer } from '../support/redis.ts';
import { faultsOf, Load, Watcher } from './checker.ts';
import { gatewayOn, isReady, SOON } from './gateways.ts';

test('what is published on one gateway arrives on the other, in order', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await Promise.all([gatewayOn(redis.url), gatewayOn(redis.url)]);
  const publisher = await Peer.connected(a.url);
  const subscribers = [
    await Peer.connected(b.url),
    await Peer.connected(b.url, { encoding: 'msgpack' }),
    await Peer.connected(a.url),
  ];
  for (const peer of subscribers) await peer.subscribe('news');
  const numbers = Array.from({ length: 500 }, (_, index) => index);
  const ids = numbers.flatMap((n) =>
    publisher.command({ publish: { channel: 'news', data: { n } } }),
  );
  for (const id of ids) expect(await publisher.answer(id)).not.toHaveProperty('error');
  for (const peer of subscribers) {
    await peer.until(() => peer.data('news').length >= 500, 'all publications');
    expect(peer.data('news')).toEqual(numbers.map((n) => ({ n })));
    expect(peer.publications('news').map(({ offset }) => Number(offset))).toEqual(
      numbers.map((n) => n + 1),
    );
  }
});

test('a gateway without Redis starts, is alive, not ready, and heals by itself', async () => {
  const redis = await RedisServer.prepare();
  const running = await startGateway({ redis: { url: redis.url } });
  expect((await fetch(`${running.http}/health`)).status).toBe(200);
  expect(await isReady(running)).toBe(false);
  const peer = await Peer.connected(running.url);
  const startMs = performance.now();
  const refused = [
    await peer.ask({ subscribe: { channel: 'news' } }),
    await peer.ask({ publish: { channel: 'news', data: 1 } }),
  ];
  for (const { error } of refused) expect(error).toMatchObject({ code: 100, temporary: true });
  expect(performance.now() - startMs).toBeLessThan(1000);
  await redis.start();
  await vi.waitFor(async () => expect(await isReady(running)).toBe(true), SOON);
  await peer.subscribe('news');
  await peer.publish('news', 1);
  await peer.until(() => peer.data('news').length === 1, 'the publication');
});

test('clients that came while there was no Redis succeed by their own retries', async () => {
  const redis = await RedisServer.prepare();
  const running = await startGateway({ redis: { url: redis.url } });
  const watchers = [1, 2, 3].map(() => new Watcher(running.url, ['news']));
  const refused: unknown[] = [];
  for (const { client } of watchers) {
    client.getSubscription('news')?.on('error', ({ error }) => refused.push(error.code));
  }
  await vi.waitFor(() => expect(refused.length).toBeGreaterThan(watchers.length), SOON);
  expect(new Set(refused)).toEqual(new Set([100]));
  for (const { client } of watchers) expect(client.state).toBe('connected');
  expect((await api(running.http, 'publish', { channel: 'news', data: 1 })).status).toBe(503);
  await redis.start();
  for (const watcher of watchers) await watcher.ready();
  const load = new Load(running, 'news');
  await vi.waitFor(() => expect(load.last).toBeGreaterThan(10), SOON);
  await load.stop();
  for (const watcher of watchers) {
    await vi.waitFor(() => expect(watcher.last('news')).toBe(load.last), SOON);
    expect(faultsOf(watcher.seen('news'), load)).toEqual([]);
  }
});

test('a paused Redis is told within a second, and connections stay', async () => {
  const redis = await RedisServer.start();
  const running = await gatewayOn(redis.url);
  const peer = await Peer.connected(running.url);
  await peer.subscribe('news');
  redis.pause();
  for (let round = 0; round < 5; round += 1) {
    const startMs = performance.now();
    const { error } = await peer.ask({ publish: { channel: 'news', data: 1 } });
    expect(error).toMatchObject({ code: 100, temporary: true });
    // Less than a second; the rest is for a machine that is busy.
    expect(performance.now() - startMs).toBeLessThan(1300);
    await sleep(200);
  }
  expect(await isReady(running)).toBe(false);
  redis.resume();
  await vi.waitFor(async () => expect(await isReady(running)).toBe(true), SOON);
  await peer.publish('news', 'after');
  await peer.until(() => peer.data('news').at(-1) === 'after', 'the publication after it');
  expect(peer.ending).toBe(null);
});
