/** Three gateways behind HAProxy are restarted one after the other, with a crowd on them and under load. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { api } from '../support/http.ts';
import { HaProxy } from '../support/haproxy.ts';
import { freePort, RedisServer } from '../support/redis.ts';
import type { Publisher } from './checker.ts';
import { expectInHistory, Load } from './checker.ts';
import { CrowdProcess } from './crowd/process.ts';
import { GatewayProcess } from './processes.ts';

const CLIENTS = 2000;
const CHANNELS = Array.from({ length: 20 }, (_, at) => `channel ${at}`);
const CHANNELS_EACH = 1;
/** Of each channel, between two publications. */
const PAUSE_MS = 500;

const DRAIN = { delayMs: 1000, timeoutMs: 8000 };
const FLAGS = [`--drain-delay=${DRAIN.delayMs}ms`, `--drain-timeout=${DRAIN.timeoutMs}ms`];
/** In so many slices of the drain clients are counted that come back. */
const SLICES = 4;

/** Publishes through the load balancer, and again with the same key where it is not sure. */
function publisherAt({ http }: HaProxy): Publisher {
  let keys = 0;
  return {
    gateway: {
      async publish(channel, data) {
        keys += 1;
        const body = { channel, data, idempotency_key: String(keys) };
        for (let left = 20; left > 0; left -= 1) {
          const answer = await api(http, 'publish', body).catch(() => null);
          if (answer?.status === 200) return answer;
          await sleep(50);
        }
        throw new Error('not published');
      },
    },
  };
}

async function restart(gateway: GatewayProcess, redisUrl: string): Promise<GatewayProcess> {
  gateway.program.process.kill('SIGTERM');
  await vi.waitFor(() => expect(gateway.program.process.exitCode).toBe(0), {
    timeout: DRAIN.delayMs + DRAIN.timeoutMs + 10_000,
    interval: 20,
  });
  return GatewayProcess.ready(redisUrl, { port: gateway.port, flags: FLAGS });
}

/** Over the time of the drain; a machine that is busy with other things makes it uneven. */
function expectSpread(timesMs: readonly number[]): void {
  const first = Math.min(...timesMs);
  expect(Math.max(...timesMs) - first).toBeGreaterThan(DRAIN.timeoutMs * 0.7);
  const slices = Array.from({ length: SLICES }, () => 0);
  for (const timeMs of timesMs) {
    const slice = Math.floor(((timeMs - first) * SLICES) / DRAIN.timeoutMs);
    slices[Math.min(SLICES - 1, slice)]! += 1;
  }
  expect(Math.max(...slices), slices.join(' ')).toBeLessThan(timesMs.length * 0.6);
}

test('a rolling restart loses nothing, and nobody is in a rush', async () => {
  const redis = await RedisServer.start();
  const ports = [await freePort(), await freePort(), await freePort()];
  const gateways = await Promise.all(
    ports.map((port) => GatewayProcess.ready(redis.url, { port, flags: FLAGS })),
  );
  const balancer = await HaProxy.start(ports);
  const crowd = await CrowdProcess.begin({
    url: balancer.url,
    size: CLIENTS,
    channels: CHANNELS,
    channelsEach: CHANNELS_EACH,
  });
  const loads = CHANNELS.map((channel) => new Load(publisherAt(balancer), channel, PAUSE_MS));

  for (const gateway of gateways) {
    await crowd.forget();
    await restart(gateway, redis.url);
    await crowd.untilAllAreThere(20_000);
    const { cutsMs, closes, told } = await crowd.state();
    expect(told).toBe(0);
    // Everyone was told to go, and nobody was cut off.
    expect(Object.keys(closes)).toEqual(['3001']);
    expect(cutsMs.length).toBeGreaterThan(CLIENTS / 10);
    expectSpread(cutsMs);
  }

  await Promise.all(loads.map((load) => load.stop()));
  for (const load of loads) {
    expect(load.refused).toBe(0);
    await expectInHistory(gateways[0]!, load);
  }
  await vi.waitFor(
    async () => {
      const { least } = await crowd.state();
      for (const { channel, acknowledged } of loads) {
        expect(least[channel]).toBe(acknowledged.size);
      }
    },
    { timeout: 10_000, interval: 200 },
  );
  const { faults } = await crowd.state();
  expect(faults).toEqual([]);
});
