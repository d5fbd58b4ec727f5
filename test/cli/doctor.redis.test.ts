import { expect, test } from 'vitest';
import { checkRedis } from '../../src/cli/doctor/redis.ts';
import { RedisServer } from '../support/redis.ts';

test('doctor says which Redis there is, and why it cannot be had', async () => {
  const open = await RedisServer.start();
  const closed = await RedisServer.start();
  await closed.command('CONFIG', 'SET', 'requirepass', 's3cr3t');
  expect(await checkRedis(open.url)).toEqual({
    name: 'redis',
    state: 'ok',
    says: expect.stringMatching(/^(Redis|Valkey) \d+\.\d+/),
    advice: null,
  });
  const there = await checkRedis(closed.url.replace('//', '//:s3cr3t@'));
  expect(there.state).toBe('ok');
  const wrong = await checkRedis(closed.url.replace('//', '//:wr0ng@'));
  expect(wrong).toMatchObject({ state: 'fail', says: expect.stringMatching(/WRONGPASS|NOAUTH/) });
  await open.dispose();
  const gone = await checkRedis(open.url);
  expect(gone).toMatchObject({ state: 'fail', says: expect.stringContaining('ECONNREFUSED') });
  expect(JSON.stringify([there, wrong, gone])).not.toMatch(/s3cr3t|wr0ng/);
});
