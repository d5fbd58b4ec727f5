/** Tasks of gateways that are cut off, and of a Redis that is away for long. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Task } from '../../src/tasks/tasks.ts';
import { Proxy } from '../support/proxy.ts';
import { RedisServer } from '../support/redis.ts';
import { whole } from '../support/whole.ts';
import type { Place } from './redis-rig.ts';
import { gateway, openRedis, SOONER, watchConsole } from './redis-rig.ts';
import { Gate } from './tasks-suite.ts';

let shared: RedisServer;
let prefixes = 0;
beforeAll(async () => {
  shared = await RedisServer.shared();
});
afterAll(() => shared.dispose());

function place(): Place {
  prefixes += 1;
  return { url: shared.url, prefix: `p${prefixes}` };
}

describe('gateways', () => {
  test('that are cut off lose what they have, and hear of it when they are back', async () => {
    const { prefix } = place();
    const proxy = await Proxy.start(shared.port);
    const cut = await gateway({ url: `redis://127.0.0.1:${proxy.port}`, prefix });
    const other = await gateway({ url: shared.url, prefix });
    const [first, second] = [new Gate(), new Gate()];
    cut.add(first.run);
    other.add(second.run);
    cut.tasks.start();
    const id = await cut.enqueue();
    await cut.until(() => expect(first.running).toBe(1));
    other.tasks.start();
    proxy.hold();
    await other.until(() => expect(second.running).toBe(1));
    expect(second.contexts[0]).toMatchObject({ attempt: 1 });
    proxy.release();
    proxy.cut();
    await cut.until(() => expect(first.contexts[0]?.signal.aborted).toBe(true));
    expect(String(first.contexts[0]?.signal.reason)).toContain('run by another gateway');
    first.letGo();
    await vi.waitFor(() => expect(cut.count('lost')).toBe(1));
    expect((await other.find(id)).state).toBe('active');
    second.letGo();
    expect(await other.over(id)).toMatchObject({ state: 'completed', attempts: 1 });
    expect(other.count('swept')).toBe(1);
    expect(cut.ended).toEqual([]);
  });

  test('tell of the end of a task that another could not tell of', async () => {
    const { prefix } = place();
    const proxy = await Proxy.start(shared.port);
    let told = 0;
    const mute = {
      async ended(_task: Task, signal: AbortSignal): Promise<void> {
        told += 1;
        // It is lost before it could say so.
        proxy.hold();
        await once(signal, 'abort');
      },
      progressed: () => {},
    };
    const at = { url: `redis://127.0.0.1:${proxy.port}`, prefix };
    const settings = { limits: {}, keepMs: 60_000, backoffMs: 20, drainMs: 100 };
    const { tasks: lost } = await openRedis(at, settings, mute);
    const other = await gateway({ url: shared.url, prefix });
    let calls = 0;
    lost.add({ name: 'work', concurrency: 1, run: () => (calls += 1) });
    other.add(() => (calls += 1));
    lost.start();
    const id = await other.enqueue({ notify: 'news' });
    await other.until(() => expect(told).toBe(1));
    other.tasks.start();
    await other.until(() => expect(other.ended).toHaveLength(1));
    expect(other.ended[0]).toMatchObject({ id, state: 'completed', notify: 'news' });
    expect(calls).toBe(1);
  });
});

describe('when Redis', () => {
  test('is away for longer than a task is held, a handler that is done is not called again', async () => {
    const server = await RedisServer.start({
      args: ['--appendonly', 'yes', '--appendfsync', 'always'],
    });
    const proxy = await Proxy.start(server.port);
    // Longer than it takes the last of them to come back.
    const held = { ...SOONER, lockMs: 4000 };
    const far = { url: `redis://127.0.0.1:${proxy.port}`, prefix: 'long' };
    const a = await gateway(far, {}, held);
    const b = await gateway({ ...far, url: server.url }, {}, held);
    const gate = new Gate();
    a.add(gate.run, { concurrency: 1 });
    b.add(gate.run, { concurrency: 1 });
    a.tasks.start();
    const id = await a.enqueue({ timeoutMs: 20_000 });
    await a.until(() => expect(gate.running).toBe(1));
    b.tasks.start();
    await server.kill();
    gate.letGo();
    await sleep(held.lockMs + 300);
    // The other is back sooner, and has looked twice.
    proxy.hold();
    await server.start();
    await whole(b.redis);
    await sleep(2500);
    proxy.release();
    const done = await vi.waitFor(async () => {
      const task = await b.find(id);
      expect(task.state).toBe('completed');
      return task;
    }, 10_000);
    expect(done.result?.value()).toBe('let go');
    // It is taken up again, and let go for what it is: over.
    await vi.waitFor(
      async () => expect(await server.command('EXISTS', `long:tasks:work:${id}`)).toBe(':0\r\n'),
      10_000,
    );
    expect(gate.contexts).toHaveLength(1);
  });

  test('is away, closing does not wait for it', async () => {
    watchConsole();
    const server = await RedisServer.start();
    const { add, tasks, enqueue, until } = await gateway({ url: server.url, prefix: 'close' });
    const gate = new Gate();
    add(gate.run);
    tasks.start();
    await enqueue();
    await until(() => expect(gate.running).toBe(1));
    await server.kill();
    const beganAt = performance.now();
    await tasks.close();
    expect(performance.now() - beganAt).toBeLessThan(4000);
    gate.letGo();
  });
});
