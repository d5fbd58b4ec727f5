/** A gateway dies without a word: a process of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { Proxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis.ts';
import { faultsOf, Load, Watcher } from './checker.ts';
import { gatewayOn, SOON } from './gateways.ts';
import { GatewayProcess } from './processes.ts';

test('clients of a killed gateway move to another and miss nothing', async () => {
  const redis = await RedisServer.start();
  const survivor = await gatewayOn(redis.url, {
    namespaces: { default: { history: { size: 10_000, ttl: '1h' } } },
  });
  const killed = await GatewayProcess.ready(redis.url);
  // What a load balancer does: the same address, wherever it leads.
  const balancer = await Proxy.start(killed.port);
  const url = `ws://127.0.0.1:${balancer.port}/connection/websocket`;
  const watchers = [1, 2, 3].map(() => new Watcher(url, ['red', 'blue']));
  for (const watcher of watchers) await watcher.ready();
  const loads = ['red', 'blue'].map((channel) => new Load(survivor, channel));
  await sleep(300);
  balancer.target = survivor.port;
  killed.kill();
  await vi.waitFor(() => expect(survivor.gateway.connections).toBe(watchers.length), SOON);
  await Promise.all(loads.map((load) => load.stop()));
  for (const load of loads) {
    for (const watcher of watchers) {
      await vi.waitFor(() => expect(watcher.last(load.channel)).toBe(load.last), SOON);
      expect(faultsOf(watcher.seen(load.channel), load)).toEqual([]);
      expect(watcher.timesTold(load.channel)).toBe(0);
    }
  }
});
