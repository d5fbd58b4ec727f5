/** The limits of tasks, crossed one by one. */
import { expect, vi } from 'vitest';
import type { LimitName } from '../../src/kernel/limits.ts';
import type { GatewayOptions } from '../../src/gateway.ts';
import type { Running } from '../support/gateway.ts';
import { startGateway } from '../support/gateway.ts';
import { api, meter } from '../support/http.ts';
import { RedisServer } from '../support/redis.ts';

type Start = (options: GatewayOptions) => Promise<Running>;
type Crossing = (start: Start) => Promise<readonly string[]>;
type TaskLimit = Extract<LimitName, `task${string}` | `broadcast${string}`>;

const QUICKLY = { timeout: 10_000, interval: 5 };

/** The code and the status that a request is refused with. */
async function refused(http: string, method: string, body: unknown): Promise<readonly string[]> {
  const { status, answer } = await api(http, method, body);
  const { error } = answer as { error?: { code: number } };
  if (error === undefined) throw new Error(`${method} was answered: ${JSON.stringify(answer)}`);
  return [`error ${error.code}`, `API: ${status}`];
}

async function enqueue(http: string, body: Readonly<Record<string, unknown>>): Promise<string> {
  const { status, answer } = await api(http, 'enqueue', body);
  expect(status, JSON.stringify(answer)).toBe(200);
  return (answer['result'] as { id: string }).id;
}

const later = { name: 'publish', input: { channel: 'news', data: 1 }, delay: '1h' };

async function ended({ gateway }: Running, id: string): Promise<unknown> {
  return vi.waitFor(async () => {
    const task = await gateway.taskResult(id);
    expect(task.finishedAtMs).not.toBeNull();
    return task;
  }, QUICKLY);
}

export const TASK_CROSSINGS: { readonly [Name in TaskLimit]: Crossing } = {
  async tasksWaiting(start) {
    const { http } = await start({ limits: { tasksWaiting: 2 } });
    await enqueue(http, later);
    await enqueue(http, later);
    return refused(http, 'enqueue', later);
  },

  async taskInputBytes(start) {
    const { http } = await start({ limits: { taskInputBytes: 1024 } });
    const of = (size: number): object => ({
      ...later,
      input: { channel: 'news', data: 'x'.repeat(size - '{"channel":"news","data":""}'.length) },
    });
    await enqueue(http, { ...of(1024) });
    return refused(http, 'enqueue', of(1025));
  },

  async taskResultBytes(start) {
    const running = await start({ limits: { taskResultBytes: 100 } });
    running.gateway.task('long', (input) => 'x'.repeat(Number(input)));
    expect(await ended(running, await running.gateway.enqueue('long', 98))).toMatchObject({
      state: 'completed',
    });
    expect(await ended(running, await running.gateway.enqueue('long', 99))).toMatchObject({
      state: 'failed',
      error: { message: expect.stringContaining('101 bytes') as unknown },
    });
    return [];
  },

  async taskProgressBytes(start) {
    const running = await start({ limits: { taskProgressBytes: 100 } });
    running.gateway.task('tells', (input, { progress }) => progress('x'.repeat(Number(input))), {
      attempts: 1,
    });
    expect(await ended(running, await running.gateway.enqueue('tells', 98))).toMatchObject({
      state: 'completed',
    });
    expect(await ended(running, await running.gateway.enqueue('tells', 99))).toMatchObject({
      state: 'failed',
      error: { detail: expect.stringContaining('100 bytes') as unknown },
    });
    return [];
  },

  async taskResults(start) {
    const { http, gateway } = await start({ limits: { taskResults: 2 } });
    const now = { name: 'publish', input: { channel: 'news', data: 1 } };
    const ids = [await enqueue(http, now), await enqueue(http, now), await enqueue(http, now)];
    await vi.waitFor(
      async () => expect((await meter(http, 'tasks')).get('completed')).toBe(3),
      QUICKLY,
    );
    await expect(gateway.taskResult(ids[0]!)).rejects.toThrow('not kept any more');
    expect((await gateway.taskResult(ids[1]!)).state).toBe('completed');
    expect((await meter(http, 'tasks')).get('forgotten')).toBe(1);
    return [];
  },

  async taskStoreBytes(start) {
    const { http, gateway } = await start({ limits: { taskStoreBytes: 10_000 } });
    const big = { ...later, input: { channel: 'news', data: 'x'.repeat(3000) } };
    const done = await enqueue(http, { ...big, delay: 0 });
    await vi.waitFor(
      async () => expect((await gateway.taskResult(done)).state).toBe('completed'),
      QUICKLY,
    );
    await enqueue(http, big);
    await enqueue(http, big);
    expect((await gateway.taskResult(done)).state).toBe('completed');
    const outcome = await refused(http, 'enqueue', big);
    await expect(gateway.taskResult(done)).rejects.toThrow('not kept any more');
    expect((await meter(http, 'tasks')).get('forgotten')).toBe(1);
    return outcome;
  },

  async taskDelayMs(start) {
    const { http } = await start({ limits: { taskDelay: '2h' } });
    await enqueue(http, { ...later, delay: '2h' });
    return refused(http, 'enqueue', { ...later, delay: '3h' });
  },

  async taskTimeoutMs(start) {
    const { http } = await start({ limits: { taskTimeout: '2h' } });
    await enqueue(http, { ...later, timeout: '2h' });
    return refused(http, 'enqueue', { ...later, timeout: '3h' });
  },

  async taskAttempts(start) {
    const { http } = await start({ limits: { taskAttempts: 5 } });
    await enqueue(http, { ...later, attempts: 5 });
    return refused(http, 'enqueue', { ...later, attempts: 6 });
  },

  async taskLosses() {
    const redis = await RedisServer.start();
    const shared = { redis: { url: redis.url }, limits: { taskLosses: 2 } };
    // Without a bystander: it does not wait for Redis.
    const hands = await startGateway({ ...shared, tasks: { concurrency: 0 } });
    const now = { ...later, delay: 0 };
    const twice = await vi.waitFor(() => enqueue(hands.http, now), QUICKLY);
    const thrice = await enqueue(hands.http, now);
    // As if two gateways had died of the one, and three of the other.
    for (const [id, times] of [
      [twice, '2'],
      [thrice, '3'],
    ] as const) {
      await redis.command('HSET', `sluice:tasks:publish:${id}`, 'stc', times);
    }
    const runs = await startGateway(shared);
    expect(await ended(runs, twice)).toMatchObject({ state: 'completed' });
    expect(await ended(runs, thrice)).toMatchObject({ state: 'failed', error: { code: 106 } });
    return [];
  },

  async broadcastChannels(start) {
    const { http } = await start({ limits: { broadcastChannels: 3 } });
    const to = (channels: readonly string[]): object => ({
      name: 'broadcast',
      input: { channels, data: 1 },
      delay: '1h',
    });
    await enqueue(http, { ...to(['a', 'b', 'c']) });
    const outcome = await refused(http, 'enqueue', to(['a', 'b', 'c', 'd']));
    const list = { list: 'l', part: 0, channels: ['a', 'b', 'c'] };
    expect((await api(http, 'broadcast_list', list)).status).toBe(200);
    const more = await refused(http, 'broadcast_list', { ...list, part: 1, channels: ['d'] });
    expect(more).toEqual(outcome);
    return outcome;
  },

  async broadcastListBytes(start) {
    const { http } = await start({ limits: { broadcastListBytes: 100 } });
    const list = (size: number): object => ({ list: 'l', part: 0, channels: ['x'.repeat(size)] });
    expect((await api(http, 'broadcast_list', list(100))).status).toBe(200);
    return refused(http, 'broadcast_list', list(101));
  },

  async broadcastLists(start) {
    const { http } = await start({ limits: { broadcastLists: 2 } });
    const list = (name: string): object => ({ list: name, part: 0, channels: ['x'] });
    for (const name of ['a', 'b', 'a']) {
      expect((await api(http, 'broadcast_list', list(name))).status).toBe(200);
    }
    return refused(http, 'broadcast_list', list('c'));
  },
};
