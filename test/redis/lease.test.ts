/** What is held under a lease that ended. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { silentLog, ThrottledLog } from '../../src/kernel/log.ts';
import { RedisAway } from '../../src/redis/errors.ts';
import type { Holder } from '../../src/redis/lease.ts';
import { Lease } from '../../src/redis/lease.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { RedisServer } from '../support/redis.ts';
import { SOON } from './gateways.ts';

test('is swept by each that can, and is not forgotten before all could', async () => {
  const server = await RedisServer.start();
  const ended = '00000000-0000-0000-0000-000000000000';
  await server.command('SADD', 'lease:sweep', ended);
  const log = new ThrottledLog(silentLog, Date.now);
  const redis = connectRedis({ url: server.url, prefix: 'lease', log, random: Math.random });
  const lease = new Lease({
    redis,
    fault: (where, error) => expect.fail(`${where}: ${String(error)}`),
  });
  const swept: string[] = [];
  let isAway = true;
  const holder = (name: string, sweep: (of: string) => void): Holder => ({
    name,
    renewed: () => Promise.resolve(),
    sweep(of) {
      sweep(of);
      swept.push(`${name} ${of}`);
      return Promise.resolve();
    },
  });
  lease.add(
    holder('first', () => {
      if (isAway) throw new RedisAway('its server is away');
    }),
  );
  lease.add(holder('second', () => {}));
  onTestFinished(async () => {
    await lease.close();
    await redis.close();
  });
  await vi.waitFor(() => expect(swept).toEqual([`second ${ended}`]), SOON);
  expect(await server.command('SISMEMBER', 'lease:sweep', ended)).toBe(':1\r\n');
  isAway = false;
  await vi.waitFor(() => expect(swept).toContain(`first ${ended}`), SOON);
  await vi.waitFor(
    async () => expect(await server.command('EXISTS', 'lease:sweep')).toBe(':0\r\n'),
    SOON,
  );
});
