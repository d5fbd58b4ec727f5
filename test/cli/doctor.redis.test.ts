import { expect, test } from 'vitest';
import { checkRedis } from '../../src/cli/doctor/redis.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { RedisServer } from '../support/redis.ts';

test('doctor says which Redis there is, and why it cannot be had', async () => {
  const open = await RedisServer.start();
  const closed = await RedisServer.start();
  await closed.command('CONFIG', 'SET', 'requirepass', 's3cr3t');
  expect(await checkRedis({ url: open.url })).toEqual({
    name: 'redis',
    state: 'ok',
    says: expect.stringMatching(/^(Redis|Valkey) \d+\.\d+/),
    advice: null,
  });
  const there = await checkRedis({ url: closed.url.replace('//', '//:s3cr3t@') });
  expect(there.state).toBe('ok');
  const wrong = await checkRedis({ url: closed.url.replace('//', '//:wr0ng@') });
  expect(wrong).toMatchObject({ state: 'fail', says: expect.stringMatching(/WRONGPASS|NOAUTH/) });
  await open.dispose();
  const gone = await checkRedis({ url: open.url });
  expect(gone).toMatchObject({ state: 'fail', says: expect.stringContaining('ECONNREFUSED') });
  expect(JSON.stringify([there, wrong, gone])).not.toMatch(/s3cr3t|wr0ng/);
});

test('doctor looks at every master of a Cluster, and knows one from what is none', async () => {
  const alone = await RedisServer.start();
  expect(await checkRedis({ url: alone.url.replace('redis:', 'redis+cluster:') })).toMatchObject({
    state: 'fail',
    says: expect.stringContaining('no Cluster'),
    advice: expect.stringContaining('redis://'),
  });
  const cluster = await RedisCluster.start({ masters: 2 });
  const [first, second] = cluster.masters;
  expect(await checkRedis({ url: cluster.url })).toMatchObject({
    state: 'ok',
    says: expect.stringMatching(/^Redis \S+, a Cluster of 2 masters and 0 replicas$/),
  });
  expect(await checkRedis({ url: first!.url })).toMatchObject({
    state: 'fail',
    says: expect.stringContaining('part of a Cluster'),
    advice: expect.stringContaining('redis+cluster://'),
  });
  await second!.kill();
  expect(await checkRedis({ url: cluster.url })).toMatchObject({
    state: 'fail',
    says: expect.stringContaining(`its master at 127.0.0.1:${second!.port} cannot be reached`),
  });
  await first!.command('CLUSTER', 'DELSLOTS', '7');
  expect(await checkRedis({ url: cluster.url })).toMatchObject({
    state: 'fail',
    says: expect.stringContaining('1 slots have no server'),
  });
});
