/** Redis and the links to it break under load, and for longer: three gateways, each a process of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Proxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis.ts';
import { GatewayProcess } from './processes.ts';
import { Scene } from './scene.ts';

const ROAMERS = 3;

async function scene(...urls: readonly string[]): Promise<Scene> {
  const nodes = await Promise.all(urls.map((url) => GatewayProcess.ready(url)));
  return Scene.begin(nodes, { roamers: ROAMERS });
}

/** Also those who were away lost nothing. */
async function expectWhole(happening: Scene): Promise<void> {
  await happening.expectWhole();
  expect(happening.timesTold(happening.roamers)).toEqual(happening.roamers.map(() => 0));
}

test('connections of both types are killed, again and again', async () => {
  const redis = await RedisServer.start();
  const happening = await scene(redis.url, redis.url, redis.url);
  for (let round = 0; round < 20; round += 1) {
    const types = [['pubsub'], ['normal'], ['pubsub', 'normal']][round % 3]!;
    for (const type of types) await redis.command('CLIENT', 'KILL', 'TYPE', type);
    // Also before they are all there again.
    await sleep(round % 4 === 0 ? 30 : 350);
  }
  await happening.settle();
  await expectWhole(happening);
});

test('Redis is paused for 10 s', async () => {
  const redis = await RedisServer.start();
  const happening = await scene(redis.url, redis.url, redis.url);
  redis.pause();
  await sleep(10_000);
  redis.resume();
  await happening.settle();
  await expectWhole(happening);
  for (const { slowestMs } of happening.loads) expect(slowestMs).toBeLessThan(1500);
});

test('Redis is restarted empty', async () => {
  const redis = await RedisServer.start();
  const happening = await scene(redis.url, redis.url, redis.url);
  await redis.kill();
  await sleep(1500);
  await redis.start();
  await happening.settle();
  happening.expectTold();
});

test('Redis is restarted from its file', async () => {
  const redis = await RedisServer.start({ args: ['--save', '3600', '1'] });
  const happening = await scene(redis.url, redis.url, redis.url);
  await redis.shutdown();
  await sleep(1500);
  await redis.start();
  await happening.settle();
  await happening.expectWhole();
});

test('Redis is restarted from an old file', async () => {
  const redis = await RedisServer.start({ args: ['--save', '3600', '1'] });
  const happening = await scene(redis.url, redis.url, redis.url);
  await redis.command('SAVE');
  await sleep(1500);
  await redis.kill();
  await redis.start();
  await happening.settle();
  happening.expectTold();
});

test('the link of one gateway is cut, torn in the middle of answers, held up and slow', async () => {
  const redis = await RedisServer.start();
  const proxy = await Proxy.start(redis.port);
  const happening = await scene(`redis://127.0.0.1:${proxy.port}`, redis.url, redis.url);
  for (let round = 0; round < 3; round += 1) {
    proxy.cut();
    await sleep(300);
    proxy.tear();
    await sleep(200);
    proxy.mend();
    await sleep(300);
  }
  proxy.hold();
  await sleep(6000);
  proxy.release();
  await sleep(500);
  proxy.delayMs = 150;
  await sleep(2000);
  proxy.cut();
  await sleep(1000);
  proxy.delayMs = 0;
  await happening.settle();
  await expectWhole(happening);
});
