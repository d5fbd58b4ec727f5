/** A crowd is cut off at once, and comes back at once: through HAProxy to gateways of which one is gone. */
import { expect, test, vi } from 'vitest';
import { HaProxy } from '../support/haproxy.ts';
import { freePort, RedisServer } from '../support/redis.ts';
import { expectInHistory, Load } from './checker.ts';
import { CrowdProcess } from './crowd/process.ts';
import { GatewayProcess } from './processes.ts';

const CLIENTS = 5000;
const CHANNELS = Array.from({ length: 25 }, (_, at) => `channel ${at}`);
/** Of each channel, between two publications. */
const PAUSE_MS = 1500;

/** How often Redis carried out a command, also within scripts. */
async function callsOf(redis: RedisServer, command: string): Promise<number> {
  const stats = await redis.command('INFO', 'commandstats');
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
}

test('a crowd that is cut off at once comes back, and nobody is left behind', async () => {
  const redis = await RedisServer.start();
  const ports = [await freePort(), await freePort(), await freePort()];
  const gateways = await Promise.all(
    ports.map((port) => GatewayProcess.ready(redis.url, { port })),
  );
  const [gone, ...others] = gateways as [GatewayProcess, GatewayProcess, GatewayProcess];
  const balancer = await HaProxy.start(ports);
  const crowd = await CrowdProcess.begin({
    url: balancer.url,
    size: CLIENTS,
    channels: CHANNELS,
    channelsEach: 1,
  });
  const loads = CHANNELS.map((channel, at) => new Load(others[at % 2]!, channel, PAUSE_MS));
  await vi.waitFor(() => expect(Math.min(...loads.map(({ last }) => last))).toBeGreaterThan(0), {
    timeout: 10_000,
  });
  await crowd.forget();
  const before = { reads: await callsOf(redis, 'xrange'), all: await callsOf(redis, 'evalsha') };

  const cutAtMs = Date.now();
  gone.kill();
  await balancer.kill();
  await balancer.start();
  await crowd.untilAllAreThere(60_000);
  const reads = (await callsOf(redis, 'xrange')) - before.reads;
  const all = (await callsOf(redis, 'evalsha')) - before.all;
  const { arrivalsMs, closes, told, refusals } = await crowd.state();
  const after = arrivalsMs.map((atMs) => atMs - cutAtMs).toSorted((a, b) => a - b);
  const at = (share: number): string => `${after[Math.ceil(after.length * share) - 1]} ms`;
  console.info(
    `${CLIENTS} clients: half were back after ${at(0.5)}, 99 of 100 after ${at(0.99)}, all after ` +
      `${at(1)}; ${reads} reads of histories, ${all} scripts; ${JSON.stringify({ closes, refusals })}`,
  );
  // It is shared in each channel of each gateway, over and over while they come.
  expect(reads).toBeLessThan(CLIENTS / 10);
  expect(told).toBe(0);
  expect(arrivalsMs).toHaveLength(CLIENTS);

  await Promise.all(loads.map((load) => load.stop()));
  for (const load of loads) await expectInHistory(others[0], load);
  await vi.waitFor(
    async () => {
      const { least } = await crowd.state();
      for (const { channel } of loads) {
        const { offset } = (await others[0].call('history', { channel, limit: 0 })) as {
          readonly offset: number;
        };
        expect(least[channel]).toBe(offset);
      }
    },
    { timeout: 20_000, interval: 200 },
  );
  expect((await crowd.state()).faults).toEqual([]);
});
