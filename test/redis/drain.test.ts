/** A gateway is told to end, and its clients move to another: a process of its own. */
import { expect, test, vi } from 'vitest';
import { Program } from '../support/program.ts';
import { Proxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis.ts';
import { faultsOf, Load, Watcher } from './checker.ts';
import { gatewayOn, isReady, SOON } from './gateways.ts';

const CLIENTS = 12;
const DELAY_MS = 1000;
const TIMEOUT_MS = 2000;

test('clients of a gateway that is told to end move one after the other, and miss nothing', async () => {
  const redis = await RedisServer.start();
  const other = await gatewayOn(redis.url);
  const program = await Program.listening([
    '--dev',
    '--port=0',
    `--redis-url=${redis.url}`,
    `--drain-delay=${DELAY_MS}ms`,
    `--drain-timeout=${TIMEOUT_MS}ms`,
  ]);
  const http = `http://127.0.0.1:${program.port}`;
  await vi.waitFor(async () => expect(await isReady({ http })).toBe(true), SOON);
  const balancer = await Proxy.start(program.port);
  const url = `ws://127.0.0.1:${balancer.port}/connection/websocket`;
  const watchers = Array.from({ length: CLIENTS }, () => new Watcher(url, ['red']));
  const ends: { readonly code: number; readonly atMs: number }[] = [];
  for (const watcher of watchers) {
    await watcher.ready();
    watcher.client.on('connecting', ({ code }) => ends.push({ code, atMs: performance.now() }));
  }
  const load = new Load(other, 'red');

  const toldAtMs = performance.now();
  program.process.kill('SIGTERM');
  await vi.waitFor(async () => expect(await isReady({ http })).toBe(false), SOON);
  expect(await (await fetch(`${http}/ready`)).json()).toEqual({ status: 'draining' });
  balancer.target = other.port;
  expect(await program.exit()).toBe(0);
  await vi.waitFor(() => expect(other.gateway.connections).toBe(CLIENTS), SOON);
  await load.stop();
  await vi.waitFor(() => {
    for (const watcher of watchers) expect(watcher.last('red')).toBe(load.last);
  }, SOON);
  for (const watcher of watchers) {
    expect(faultsOf(watcher.seen('red'), load)).toEqual([]);
    expect(watcher.timesTold('red')).toBe(0);
  }

  expect(ends.map(({ code }) => code)).toEqual(Array.from({ length: CLIENTS }, () => 3001));
  const first = ends[0]!.atMs;
  expect(first - toldAtMs).toBeGreaterThanOrEqual(DELAY_MS * 0.9);
  // The last goes a twelfth before the end; how many go in each quarter, a busy machine decides.
  expect(ends.at(-1)!.atMs - first).toBeGreaterThan(TIMEOUT_MS * 0.75);
  const quarters = new Set(ends.map(({ atMs }) => Math.floor(((atMs - first) * 4) / TIMEOUT_MS)));
  expect(quarters.size).toBeGreaterThanOrEqual(3);
  expect(program.complaints).toEqual([]);
});
