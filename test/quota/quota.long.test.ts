/** The limit of connections per user while gateways die and Redis goes away. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { quotaSweeper } from '../../src/quota/redis.ts';
import { Lease } from '../../src/redis/lease.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { gatewayOn, isReady, SOON } from '../redis/gateways.ts';
import { officialClient, SECRET, token } from '../support/gateway.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { Proxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis.ts';
import { memberOn } from './rig.ts';

const FREE_WITHIN_MS = 15_000;
const SWEPT = { timeout: FREE_WITHIN_MS, interval: 50 };

test('a user of a killed gateway is told to try again, and has its places when they are free', async () => {
  const redis = await RedisServer.start();
  const survivor = await gatewayOn(redis.url, {
    tokens: { hmacSecret: SECRET },
    limits: { connectionsPerUser: 1 },
  });
  const program = await Program.listening([
    '--dev',
    '--port=0',
    `--redis-url=${redis.url}`,
    `--tokens-hmac-secret=${SECRET}`,
    '--limits-connections-per-user=1',
  ]);
  const http = `http://127.0.0.1:${program.port}`;
  await vi.waitFor(async () => expect(await isReady({ http })).toBe(true), SOON);
  const balancer = await Proxy.start(program.port);
  const url = `ws://127.0.0.1:${balancer.port}/connection/websocket`;
  const ann = await token({ sub: 'ann' });
  const client = officialClient(url, { token: ann, maxReconnectDelay: 500 });
  const errors = new Set<number>();
  const ends: unknown[] = [];
  client.on('error', ({ error }) => errors.add(error.code));
  client.on('disconnected', (end) => ends.push(end));
  client.connect();
  await client.ready(10_000);
  // While it lives, another is refused for good.
  const other = await Peer.open(survivor.url);
  other.command({ connect: { token: ann } });
  expect((await other.ended()).code).toBe(3504);

  const killedAtMs = performance.now();
  balancer.target = survivor.port;
  program.process.kill('SIGKILL');
  await vi.waitFor(() => expect(client.state).toBe('connecting'), SOON);
  await vi.waitFor(() => expect(client.state).toBe('connected'), SWEPT);
  expect(performance.now() - killedAtMs).toBeLessThan(FREE_WITHIN_MS);
  expect(errors).toContain(111);
  expect(ends).toEqual([]);
  expect(survivor.gateway.connections).toBe(1);
});

test('a gateway that was only held up has its places again, under another lease', async () => {
  const redis = await RedisServer.start();
  const link = await Proxy.start(redis.port);
  const a = await memberOn(`redis://127.0.0.1:${link.port}`);
  const b = await memberOn(redis.url);
  await a.quota.take('ann', '1');
  await b.quota.take('ann', '2');
  const before = a.lease.id;
  link.cut();
  link.hold();
  await vi.waitFor(async () => expect(await b.quota.take('ann', '3')).toBe('taken'), SWEPT);
  link.release();
  await vi.waitFor(() => expect(a.lease.id).not.toBe(before), SOON);
  // All that are there are counted, though they are more than there may be.
  const places = (): Promise<string> => redis.command('HLEN', 'suite:q:ann');
  await vi.waitFor(async () => expect(await places()).toBe(':3\r\n'), SOON);
  for (const { quota } of [a, b]) {
    await vi.waitFor(async () => expect(await quota.take('ann', '4')).toBe('full'), SOON);
  }
  for (const [member, client] of [
    [a, '1'],
    [b, '2'],
    [b, '3'],
  ] as const) {
    member.quota.release('ann', client);
  }
  await vi.waitFor(async () => expect(await places()).toBe(':0\r\n'), SOON);
});

test('who left while Redis did not answer is taken out when it does', async () => {
  const redis = await RedisServer.start();
  const [a, b] = [await memberOn(redis.url), await memberOn(redis.url)];
  await a.quota.take('ann', '1');
  await a.quota.take('ann', '2');
  redis.pause();
  a.quota.release('ann', '1');
  const startMs = performance.now();
  expect(await b.quota.take('ann', '3')).toBe('taken');
  expect(performance.now() - startMs).toBeLessThan(2000);
  await vi.waitFor(() => expect(a.redis.link.isUp).toBe(false), SOON);
  redis.resume();
  const script = 'return table.concat(redis.call("HKEYS", "suite:q:ann"), " ")';
  await vi.waitFor(async () => {
    const [, clients = ''] = (await redis.command('EVAL', script, '0')).split('\r\n');
    expect(new Set(clients.split(' '))).toEqual(new Set(['2', '3']));
  }, SOON);
});

test('a gateway without a limit sweeps what others held', async () => {
  const redis = await RedisServer.start();
  const a = await memberOn(redis.url);
  await a.quota.take('ann', '1');
  const log = new ThrottledLog(silentLog, Date.now);
  const bare = connectRedis({ url: redis.url, prefix: 'suite', log, random: Math.random });
  const lease = new Lease({
    redis: bare,
    fault: (where, error) => expect.fail(`${where}: ${String(error)}`),
  });
  lease.add(quotaSweeper(bare));
  onTestFinished(async () => {
    await lease.close();
    await bare.close();
  });
  await a.die();
  await vi.waitFor(async () => {
    expect(await redis.command('EXISTS', 'suite:q:ann')).toBe(':0\r\n');
  }, SWEPT);
});
