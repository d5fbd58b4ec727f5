/** A gateway that the others take for dead, with publications in its memory that are not archived. */
import { expect, test, vi } from 'vitest';
import { meter } from '../support/http.ts';
import { PostgresServer } from '../support/postgres.ts';
import { Proxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis.ts';
import { archived, archivedOn, channelIn, isUp, offsetsOf, publishMany } from './gateways.ts';
import { range, SOON } from './rig.ts';

async function leaseIn(redis: RedisServer): Promise<string> {
  const keys = await redis.command('KEYS', 'sluice:unarchived:*');
  return /unarchived:([\w-]{36})/.exec(keys)?.[1] ?? '';
}

test('what it held is archived from the streams by another, once, whatever it does later', async () => {
  const [server, redis] = await Promise.all([PostgresServer.start(), RedisServer.start()]);
  const proxy = await Proxy.start(server.port);
  const shared = { redis: { url: redis.url } };
  const held = await archivedOn(server.url.replace(`:${server.port}`, `:${proxy.port}`), shared);
  const other = await archivedOn(server.url, shared);
  const [chat, more, keyed] = [channelIn('chat'), channelIn('chat'), channelIn('chat')];

  await publishMany(held, chat, range(1, 3));
  await vi.waitFor(async () => expect(await archived(other, chat)).toHaveLength(3), SOON);
  const lease = await leaseIn(redis);
  proxy.hold();
  await publishMany(held, chat, range(4, 5));
  await publishMany(held, more, ['a', 'b']);
  await publishMany(other, chat, [6]);
  await vi.waitFor(async () => expect(await archived(other, chat)).toHaveLength(4), SOON);
  // Whoever answers a repetition has it archived as well, as it was the first time.
  const once = { idempotencyKey: 'once' };
  await held.gateway.publish(keyed, 'said', once);
  await new Promise((resolve) => void setTimeout(resolve, 20));
  const repeatedMs = Date.now();
  await other.gateway.publish(keyed, 'said', once);
  await vi.waitFor(async () => expect(await archived(other, keyed)).toHaveLength(1), SOON);
  expect((await archived(other, keyed))[0]?.time).toBeLessThan(repeatedMs);
  await redis.command('SADD', 'sluice:sweep', lease);

  await vi.waitFor(async () => expect(await archived(other, more)).toHaveLength(2), SOON);
  await vi.waitFor(async () => expect(await archived(other, chat)).toHaveLength(6), SOON);
  const all = await archived(other, chat);
  expect(all.map(({ data }) => data)).toEqual(range(1, 6));
  expect(all.map(({ offset }) => offset)).toEqual(range(1, 6));
  expect(await offsetsOf(other, chat)).toEqual(range(1, 6));
  await vi.waitFor(async () => {
    expect((await meter(other.http, 'archive')).get('restored')).toBe(4);
  }, SOON);

  proxy.release();
  await vi.waitFor(async () => expect(await isUp(held)).toBe(true), SOON);
  await vi.waitFor(async () => {
    expect((await meter(held.http, 'archive')).get('known')).toBe(5);
  }, SOON);
  const again = await archived(held, chat);
  // Every gateway tells the same time of a publication: that of Redis.
  expect(again).toEqual(all);
});
