/** A program that embeds a gateway waits until what it publishes is delivered. */
import { expect, onTestFinished, test } from 'vitest';
import type { Gateway, GatewayOptions } from '../../src/gateway.ts';
import { createGateway } from '../../src/gateway.ts';
import { freePort, RedisServer } from '../support/redis.ts';

async function started(options: GatewayOptions = {}): Promise<Gateway> {
  const gateway = createGateway({ dev: true, port: 0, host: '127.0.0.1', ...options });
  onTestFinished(() => gateway.close());
  await gateway.start();
  return gateway;
}

test('a gateway that is alone is ready at once', async () => {
  const gateway = await started();
  await gateway.ready();
  expect(gateway.status).toBe('ready');
});

test('one of many is ready when Redis is there, and publishes then', async () => {
  const port = await freePort();
  const gateway = await started({ redis: { url: `redis://127.0.0.1:${port}` } });
  let isReady = false;
  const ready = gateway.ready().then(() => (isReady = true));
  await expect(gateway.publish('news', 1)).rejects.toThrow('internal error: try again');
  expect(isReady).toBe(false);
  await RedisServer.start({ port });
  await ready;
  await gateway.publish('news', 2);
});

test('one that closes before it is ready says so', async () => {
  const gateway = await started({ redis: { url: `redis://127.0.0.1:${await freePort()}` } });
  const ready = expect(gateway.ready()).rejects.toThrow('the gateway is closing');
  await gateway.close();
  await ready;
});
