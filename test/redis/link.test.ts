/** What a link keeps, whatever Redis is. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import type { Redis } from '../../src/redis/redis.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { allScripts, scriptOf } from '../../src/redis/script.ts';
import { RedisServer } from '../support/redis.ts';
import { whole } from '../support/whole.ts';
import { SOON } from './gateways.ts';

const BOTH = scriptOf(new URL('both.lua', import.meta.url));

async function linkTo(server: RedisServer): Promise<Redis['link']> {
  const log = new ThrottledLog(silentLog, Date.now);
  const redis = connectRedis({ url: server.url, prefix: 'link', log, random: Math.random });
  onTestFinished(() => redis.close());
  await whole(redis);
  return redis.link;
}

test('a server knows all scripts before it is asked for any, also when it was started again', async () => {
  const server = await RedisServer.start();
  const link = await linkTo(server);
  expect(allScripts()).toContain(BOTH);
  const shas = allScripts().map(({ sha }) => sha);
  const known = `*${shas.length}\r\n${':1\r\n'.repeat(shas.length)}`;
  expect(await server.command('SCRIPT', 'EXISTS', ...shas)).toBe(known);
  const { lives } = link;
  await server.kill();
  await server.start();
  await vi.waitFor(() => expect(link.isUp && link.lives !== lives).toBe(true), SOON);
  expect(await server.command('SCRIPT', 'EXISTS', ...shas)).toBe(known);
  expect(await link.run(BOTH, ['a', 'b'], [])).toBe(0);
});
