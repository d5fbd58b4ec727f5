/** Tasks on real gateways: handed in over HTTP, heard of in channels, and closed with the gateway. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import { Refusal } from '../../src/gateway.ts';
import { SOON } from '../redis/gateways.ts';
import { gatewayOn } from '../redis/gateways.ts';
import type { Running } from '../support/gateway.ts';
import { API_KEY, earnest, startGateway } from '../support/gateway.ts';
import { api, ask, meter } from '../support/http.ts';
import { Peer } from '../support/peer.ts';
import { RedisServer } from '../support/redis.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Place {
  readonly name: string;
  readonly open: (options?: GatewayOptions) => Promise<Running>;
}

const PLACES: readonly Place[] = [
  { name: 'in process', open: (options) => startGateway(options) },
  {
    name: 'in Redis',
    async open(options) {
      const { url } = await RedisServer.start();
      return gatewayOn(url, options);
    },
  },
];

async function enqueue(http: string, body: Fields): Promise<string> {
  const { status, answer } = await api(http, 'enqueue', body);
  expect(status, JSON.stringify(answer)).toBe(200);
  return (answer['result'] as { id: string }).id;
}

async function taskOf(http: string, id: string): Promise<Fields> {
  return (await api(http, 'task', { id })).answer['result'] as Fields;
}

async function over(http: string, id: string): Promise<Fields> {
  return vi.waitFor(async () => {
    const task = await taskOf(http, id);
    expect(['completed', 'failed', 'cancelled']).toContain(task['state']);
    return task;
  }, SOON);
}

/** What a subscriber of the channel heard of tasks. */
async function listener({ url }: Running, channel: string): Promise<() => Fields[]> {
  const peer = await Peer.connected(url);
  await peer.subscribe(channel);
  return () =>
    peer
      .publications(channel)
      .filter(({ tags }) => tags?.['event'] === 'task')
      .map(({ data }) => data as Fields);
}

describe.each(PLACES)('tasks $name', ({ open }) => {
  test('are handed in, looked at and heard of', async () => {
    const running = await open();
    const { http, gateway } = running;
    gateway.task('sum', (input) => {
      const { a, b } = input as { a: number; b: number };
      return { sum: a + b };
    });
    const heard = await listener(running, 'mine');
    const id = await enqueue(http, { name: 'sum', input: { a: 1, b: 2 }, notify: 'mine' });
    const task = await over(http, id);
    expect(task).toMatchObject({ id, name: 'sum', state: 'completed', result: { sum: 3 } });
    await vi.waitFor(() => expect(heard()).toEqual([task]), SOON);
    expect(await gateway.taskResult(id)).toMatchObject({
      state: 'completed',
      result: { sum: 3 },
      error: null,
      progress: undefined,
    });
    const kept = await gateway.history('mine', { limit: -1 });
    expect(kept.publications).toHaveLength(1);
    expect((await meter(http, 'tasks')).get('completed')).toBe(1);
  });

  test('tell how far they are, and keep that to themselves when they are over', async () => {
    const running = await open();
    const { http, gateway } = running;
    const go = Promise.withResolvers<void>();
    gateway.task('slow', async (_input, { progress }) => {
      progress({ done: 1 });
      progress({ done: 2 });
      await go.promise;
    });
    const heard = await listener(running, 'mine');
    const id = await enqueue(http, { name: 'slow', notify: 'mine' });
    await vi.waitFor(() => expect(heard()).toHaveLength(1), SOON);
    expect(heard()[0]).toMatchObject({ id, state: 'active', progress: { done: 2 } });
    expect(heard()[0]).not.toHaveProperty('finished_at');
    go.resolve();
    await vi.waitFor(() => expect(heard()).toHaveLength(2), SOON);
    expect(heard()[1]).toMatchObject({ id, state: 'completed', progress: { done: 2 } });
    const kept = await gateway.history('mine', { limit: -1 });
    expect(kept.publications).toHaveLength(1);
  });

  test('tell clients no more of a failure than they may know', async () => {
    const running = await open({ tasks: { attempts: 1 } });
    const { http, gateway } = running;
    gateway.task('breaks', () => {
      throw new Error('connect ECONNREFUSED db.internal:5432');
    });
    gateway.task('refuses', () => {
      throw new Refusal({ code: 400, message: 'no such picture', temporary: false });
    });
    const heard = await listener(running, 'mine');
    const broken = await over(http, await enqueue(http, { name: 'breaks', notify: 'mine' }));
    expect(broken['error']).toEqual({
      code: 100,
      message: 'internal error',
      detail: 'connect ECONNREFUSED db.internal:5432',
    });
    await vi.waitFor(() => expect(heard()).toHaveLength(1), SOON);
    expect(heard()[0]?.['error']).toEqual({ code: 100, message: 'internal error' });
    await over(http, await enqueue(http, { name: 'refuses', notify: 'mine' }));
    await vi.waitFor(() => expect(heard()).toHaveLength(2), SOON);
    expect(heard()[1]?.['error']).toEqual({ code: 400, message: 'no such picture' });
  });

  test('that are cancelled are heard of as such', async () => {
    const running = await open();
    const { http, gateway } = running;
    gateway.task('waits', (_input, { signal }) => {
      const { promise, reject } = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      return promise;
    });
    const heard = await listener(running, 'mine');
    const later = await enqueue(http, { name: 'waits', delay: '1h', notify: 'mine' });
    const { status, answer } = await api(http, 'cancel_task', { id: later });
    expect([status, answer['result']]).toMatchObject([200, { id: later, state: 'cancelled' }]);
    await vi.waitFor(() => expect(heard()).toHaveLength(1), SOON);
    const active = await enqueue(http, { name: 'waits', notify: 'mine' });
    await vi.waitFor(async () => {
      expect((await taskOf(http, active))['state']).toBe('active');
    }, SOON);
    expect(await gateway.cancelTask(active)).toMatchObject({ state: 'cancelled', attempts: 1 });
    await vi.waitFor(() => expect(heard()).toHaveLength(2), SOON);
    expect(heard().map(({ id, state }) => [id, state])).toEqual([
      [later, 'cancelled'],
      [active, 'cancelled'],
    ]);
  });

  test('that run when the gateway closes end before its clients are gone', async () => {
    const running = await open({ tasks: { drain: '5s' } });
    const { http, gateway } = running;
    const go = Promise.withResolvers<void>();
    gateway.task('slow', async () => {
      await go.promise;
      return 'in time';
    });
    const heard = await listener(running, 'mine');
    const id = await enqueue(http, { name: 'slow', notify: 'mine' });
    await vi.waitFor(async () => {
      expect((await taskOf(http, id))['state']).toBe('active');
    }, SOON);
    const closing = gateway.close();
    const { status } = await api(http, 'enqueue', { name: 'slow' });
    expect(status).toBe(503);
    go.resolve();
    await closing;
    await vi.waitFor(() => expect(heard()).toHaveLength(1), SOON);
    expect(heard()[0]).toMatchObject({ id, state: 'completed', result: 'in time' });
  });

  test('broadcast to a list of channels that came in parts', async () => {
    const { http, gateway } = await open();
    for (const part of [1, 0, 1]) {
      const channels = Array.from({ length: 300 }, (_, n) => `room${part * 300 + n}`);
      const { status } = await api(http, 'broadcast_list', { list: 'all', part, channels });
      expect(status).toBe(200);
    }
    const input = { list: 'all', parts: 2, data: { hello: 1 } };
    const task = await over(http, await enqueue(http, { name: 'broadcast', input }));
    expect(task['result']).toMatchObject({ channels: 600, published: 600, refused: 0 });
    for (const room of ['room0', 'room299', 'room300', 'room599']) {
      expect((await gateway.history(room, { limit: -1 })).publications).toHaveLength(1);
    }
    const again = await api(http, 'enqueue', { name: 'broadcast', input });
    expect(again.status).toBe(400);
  });

  test('call an endpoint that is configured, and publish what it answers', async () => {
    const asked: string[] = [];
    const backend = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (chunk: string) => asked.push(chunk));
      request.on('end', () => response.end('{"url":"/7.png"}'));
    });
    backend.listen(0, '127.0.0.1');
    await once(backend, 'listening');
    onTestFinished(() => backend.close().closeAllConnections());
    const { port } = backend.address() as AddressInfo;
    const { http, gateway } = await open({
      endpoints: { render: `http://127.0.0.1:${port}/render` },
    });
    const input = { endpoint: 'render', body: { picture: 7 }, channel: 'pictures' };
    const task = await over(http, await enqueue(http, { name: 'call', input }));
    expect(task).toMatchObject({ state: 'completed', result: { url: '/7.png' } });
    expect(asked).toEqual(['{"picture":7}']);
    expect((await gateway.history('pictures', { limit: -1 })).publications).toHaveLength(1);
    const { status, answer } = await api(http, 'enqueue', {
      name: 'call',
      input: { ...input, endpoint: 'else' },
    });
    expect([status, answer['error']]).toMatchObject([400, { code: 108 }]);
  });

  test('of endpoints are refused where there are none', async () => {
    const { http } = await open();
    const { status, answer } = await api(http, 'enqueue', {
      name: 'call',
      input: { endpoint: 'render' },
    });
    expect(status).toBe(400);
    expect(answer['error']).toEqual({
      code: 108,
      message: 'not available: no endpoints are configured to call',
    });
  });
});

test('tasks are for who has a key', async () => {
  const { http } = await startGateway(earnest());
  for (const method of ['enqueue', 'task', 'cancel_task', 'broadcast_list']) {
    expect((await api(http, method, {})).status).toBe(401);
    expect((await api(http, method, {}, API_KEY)).status).toBe(400);
  }
});

test('a channel that a task cannot tell of its end is counted', async () => {
  const { http, gateway } = await startGateway({
    namespaces: { strict: { schema: { type: 'string' } } },
  });
  gateway.task('quick', () => 1);
  await over(http, await enqueue(http, { name: 'quick', notify: 'strict:x' }));
  await vi.waitFor(async () =>
    expect(await meter(http, 'task_news_unheard')).toEqual(new Map([['', 1]])),
  );
});

test('a gateway is ready, whatever its tasks do', async () => {
  const { url } = await RedisServer.start();
  const { http, gateway } = await gatewayOn(url, { tasks: { concurrency: 1, drain: '0s' } });
  gateway.task('hangs', () => new Promise(() => {}));
  for (const _ of [1, 2, 3]) await enqueue(http, { name: 'hangs', timeout: '200ms' });
  await vi.waitFor(async () => expect((await meter(http, 'tasks_active')).get('')).toBe(1), SOON);
  expect((await ask(`${http}/ready`)).status).toBe(200);
  // Its time is over, but it goes on: that can be seen.
  await vi.waitFor(async () => expect((await meter(http, 'tasks_active')).get('')).toBe(0), SOON);
  expect((await meter(http, 'tasks_held')).get('')).toBe(1);
});
