/** The limit of connections per user, over two gateways with real clients. */
import { expect, test, vi } from 'vitest';
import { gatewayOn, SOON } from '../redis/gateways.ts';
import { officialClient, SECRET, token } from '../support/gateway.ts';
import { api } from '../support/http.ts';
import { Peer } from '../support/peer.ts';
import { RedisServer } from '../support/redis.ts';

const LIMIT = { code: 3504, reason: 'connection limit' };
const options = { tokens: { hmacSecret: SECRET }, limits: { connectionsPerUser: 2 } };

test('the connections of a user on all gateways count, and those of others do not', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await Promise.all([gatewayOn(redis.url, options), gatewayOn(redis.url, options)]);
  const ann = { connect: { token: await token({ sub: 'ann' }) } };
  const refused = async (url: string): Promise<void> => {
    const peer = await Peer.open(url);
    peer.command(ann);
    expect(await peer.ended()).toEqual(LIMIT);
  };
  const first = await Peer.connected(a.url, ann);
  const second = await Peer.connected(b.url, ann);
  for (const { url } of [a, b, a]) await refused(url);
  await Peer.connected(b.url, { connect: { token: await token({ sub: 'bob' }) } });
  // Without a user nobody is counted.
  for (let count = 0; count < 3; count += 1) await Peer.connected(b.url);

  await first.leave();
  await vi.waitFor(async () => void (await Peer.connected(b.url, ann)), SOON);
  await refused(a.url);
  await refused(b.url);
  await api(a.http, 'disconnect', { user: 'ann' });
  expect((await second.ended()).code).toBe(3503);
  await vi.waitFor(async () => {
    expect(await redis.command('EXISTS', 'sluice:q:ann')).toBe(':0\r\n');
  }, SOON);
  await Peer.connected(a.url, ann);
  await Peer.connected(b.url, ann);
});

test('a client that is refused for good is told so by the official client', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await Promise.all([gatewayOn(redis.url, options), gatewayOn(redis.url, options)]);
  const ann = await token({ sub: 'ann' });
  for (const { url } of [a, b]) await Peer.connected(url, { connect: { token: ann } });
  const client = officialClient(b.url, { token: ann });
  const ended = new Promise((resolve) => client.once('disconnected', resolve));
  client.connect();
  expect(await ended).toEqual(LIMIT);
});

test('clients of a gateway that closes have their places elsewhere at once', async () => {
  const redis = await RedisServer.start();
  const [a, b] = await Promise.all([gatewayOn(redis.url, options), gatewayOn(redis.url, options)]);
  const ann = { connect: { token: await token({ sub: 'ann' }) } };
  const moving = [await Peer.connected(a.url, ann), await Peer.connected(a.url, ann)];
  await a.gateway.drain();
  for (const peer of moving) expect((await peer.ended()).code).toBe(3001);
  for (const peer of moving) expect(peer.ending).not.toBe(null);
  await Peer.connected(b.url, ann);
  await Peer.connected(b.url, ann);
});

test('who goes while its place is being taken leaves none behind', async () => {
  const redis = await RedisServer.start();
  const running = await gatewayOn(redis.url, options);
  const ann = { connect: { token: await token({ sub: 'ann' }) } };
  for (let round = 0; round < 30; round += 1) {
    const peer = await Peer.open(running.url);
    peer.command(ann);
    if (round % 3 > 0) await new Promise((resolve) => setImmediate(resolve));
    peer.cut();
  }
  await vi.waitFor(() => expect(running.gateway.connections).toBe(0), SOON);
  await vi.waitFor(async () => {
    expect(await redis.command('EXISTS', 'sluice:q:ann')).toBe(':0\r\n');
  }, SOON);
  await Peer.connected(running.url, ann);
  await Peer.connected(running.url, ann);
});

test('nothing of it is in Redis where there is no limit', async () => {
  const redis = await RedisServer.start();
  const running = await gatewayOn(redis.url, { tokens: { hmacSecret: SECRET } });
  const ann = { connect: { token: await token({ sub: 'ann' }) } };
  for (let count = 0; count < 3; count += 1) await Peer.connected(running.url, ann);
  expect(await redis.command('EVAL', 'return #redis.call("KEYS", "*:q:*")', '0')).toBe(':0\r\n');
  const heard = await redis.command(
    'EVAL',
    'return #redis.call("PUBSUB", "CHANNELS", "*:q:*")',
    '0',
  );
  expect(heard).toBe(':0\r\n');
});
