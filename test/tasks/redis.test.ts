/** Tasks of several gateways on one Redis, and what becomes of them when it or one of them is away. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Json } from '../../src/kernel/data.ts';
import type { Redis } from '../../src/redis/redis.ts';
import { taskIdOf } from '../../src/tasks/id.ts';
import type { Outcome } from '../../src/tasks/redis-outcomes.ts';
import { RedisOutcomes } from '../../src/tasks/redis-outcomes.ts';
import type { Task } from '../../src/tasks/tasks.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { RedisServer } from '../support/redis.ts';
import type { Place } from './redis-rig.ts';
import { gateway, SOONER, watchConsole } from './redis-rig.ts';
import { Gate } from './tasks-suite.ts';

let shared: RedisServer;
let prefixes = 0;
beforeAll(async () => {
  shared = await RedisServer.shared();
});
afterAll(() => shared.dispose());

function endOf(id: string, result: number): Task {
  return {
    id,
    name: 'work',
    state: 'completed',
    progress: new Json('{"n": 1.0}'),
    result: Json.of(result),
    error: null,
    attempts: 1,
    attemptsMax: 3,
    enqueuedAtMs: 1,
    dueAtMs: 1,
    startedAtMs: 2,
    finishedAtMs: 3,
    notify: '',
  };
}

/** A place of its own in the Redis of all tests. */
function place(): Place {
  prefixes += 1;
  return { url: shared.url, prefix: `p${prefixes}` };
}

async function commandsOf(server: RedisServer): Promise<number> {
  const stats = await server.command('INFO', 'stats');
  return Number(/total_commands_processed:(\d+)/.exec(stats)?.[1]);
}

describe('with no task', () => {
  test('nothing is opened and nothing is asked, until one is handed in somewhere', async () => {
    const server = await RedisServer.start();
    const at = { url: server.url, prefix: 'idle' };
    const [hands, works] = [await gateway(at), await gateway(at)];
    hands.add(() => 1, { concurrency: 0 });
    works.add(() => 2);
    hands.tasks.start();
    works.tasks.start();
    await sleep(200);
    const clients = async (): Promise<number> =>
      (await server.command('CLIENT', 'LIST')).split('name=sluice-tasks').length - 1;
    const before = await commandsOf(server);
    await sleep(1500);
    // The one that asks.
    expect((await commandsOf(server)) - before).toBe(1);
    expect(await clients()).toBe(0);
    const id = await hands.enqueue();
    expect((await works.over(id)).result?.value()).toBe(2);
    expect(await clients()).toBe(2);
  });
});

test('a gateway whose commands come through later than its bus finds what waits', async () => {
  const at = place();
  const hands = await gateway(at);
  hands.add(() => 1, { concurrency: 0 });
  const id = await hands.enqueue();
  const reactions: (() => void)[] = [];
  let isUp = false;
  const replace = (redis: Redis): Redis => ({
    ...redis,
    link: {
      ...redis.link,
      get isUp() {
        return isUp;
      },
      lives: '',
      onUp: (react) => void reactions.push(react),
      call: (...said) => redis.link.call(...said),
      run: (...said) => redis.link.run(...said),
      close: () => redis.link.close(),
    },
  });
  const works = await gateway(at, {}, { ...SOONER, replace });
  works.add(() => 2);
  works.tasks.start();
  await sleep(100);
  expect((await hands.find(id)).state).toBe('waiting');
  isUp = true;
  for (const react of reactions) react();
  expect((await hands.over(id)).result?.value()).toBe(2);
});

describe('gateways', () => {
  test('share the work, and each task is run once', async () => {
    const at = place();
    const gateways = [await gateway(at), await gateway(at)];
    const calls = new Map<string, number>();
    const shares = gateways.map(({ add, tasks }) => {
      const share = { count: 0 };
      add((_input, { id }) => {
        calls.set(id, (calls.get(id) ?? 0) + 1);
        share.count += 1;
      });
      tasks.start();
      return share;
    });
    const ids = await Promise.all(
      Array.from({ length: 300 }, (_, n) => gateways[n % 2]!.enqueue()),
    );
    for (const id of ids) await gateways[0]!.over(id);
    expect(calls.size).toBe(300);
    expect([...calls.values()].every((count) => count === 1)).toBe(true);
    for (const { count } of shares) expect(count).toBeGreaterThan(10);
    await vi.waitFor(() => {
      expect(gateways.flatMap(({ ended }) => ended)).toHaveLength(300);
    });
  });

  test('are only asked for what they know, but may hand in what another knows', async () => {
    const at = place();
    const [server, worker] = [await gateway(at), await gateway(at)];
    server.add(() => 'mine', { name: 'mine' });
    worker.add(() => 'resized', { name: 'resize' });
    server.tasks.start();
    worker.tasks.start();
    await vi.waitFor(async () => expect(await server.tasks.knows('resize')).toBe(true));
    expect(await server.tasks.knows('nobodys')).toBe(false);
    const id = await server.enqueue({ name: 'resize' });
    expect((await server.over(id)).result?.value()).toBe('resized');
    expect(worker.ended).toHaveLength(1);
  });

  test('cancel what runs on another, which hears of it at once', async () => {
    const at = place();
    // It would look by itself after three seconds.
    const [a, b] = [await gateway(at, {}, {}), await gateway(at, {}, {})];
    const gate = new Gate();
    a.add(gate.run, { concurrency: 0 });
    b.add(gate.run);
    a.tasks.start();
    b.tasks.start();
    const id = await a.enqueue();
    await a.until(() => expect(gate.running).toBe(1));
    const beganAt = performance.now();
    await a.tasks.cancel(id);
    await a.over(id);
    expect(performance.now() - beganAt).toBeLessThan(2000);
    expect(await a.over(id)).toMatchObject({ state: 'cancelled', attempts: 1 });
    expect(gate.contexts[0]?.signal.aborted).toBe(true);
    gate.letGo();
    await vi.waitFor(() => expect(b.ended).toHaveLength(1));
  });

  test('see that a task is not wanted, though they did not hear the call', async () => {
    const at = place();
    const { add, tasks, enqueue, until, over } = await gateway(at);
    const gate = new Gate();
    add(gate.run);
    tasks.start();
    const id = await enqueue();
    await until(() => expect(gate.running).toBe(1));
    await shared.command('SET', `${at.prefix}:unwanted-task:${id}`, '1');
    expect((await over(id)).state).toBe('cancelled');
    gate.letGo();
  });

  test('do not begin what is not wanted', async () => {
    const at = place();
    const { add, tasks, enqueue, over, ended } = await gateway(at);
    let calls = 0;
    add(() => (calls += 1));
    const id = await enqueue();
    await shared.command('SET', `${at.prefix}:unwanted-task:${id}`, '1');
    tasks.start();
    expect(await over(id)).toMatchObject({ state: 'cancelled' });
    await vi.waitFor(() => expect(ended).toHaveLength(1));
    expect(calls).toBe(0);
    expect(await shared.command('EXISTS', `${at.prefix}:unwanted-task:${id}`)).toBe(':0\r\n');
  });

  test('that have just begun with what another cancels are told to stop', async () => {
    const at = place();
    const keeping = Promise.withResolvers<void>();
    const late = Promise.withResolvers<void>();
    // It sees that the task waits, and is slow to say that it is cancelled.
    const replace = (redis: Redis): Redis => ({
      ...redis,
      link: {
        isUp: true,
        lives: '',
        onUp: (react) => redis.link.onUp(react),
        call: (...said) => redis.link.call(...said),
        async run(...said) {
          keeping.resolve();
          await late.promise;
          return redis.link.run(...said);
        },
        close: () => redis.link.close(),
      },
    });
    const cancels = await gateway(at, {}, { replace });
    const runs = await gateway(at, {}, {});
    const gate = new Gate();
    cancels.add(gate.run, { concurrency: 0 });
    runs.add(gate.run);
    const id = await cancels.enqueue();
    const cancelled = cancels.tasks.cancel(id);
    await keeping.promise;
    runs.tasks.start();
    await runs.until(() => expect(gate.running).toBe(1));
    late.resolve();
    expect(await cancelled).toMatchObject({ state: 'cancelled' });
    await runs.until(() => expect(gate.contexts[0]?.signal.aborted).toBe(true));
    expect(String(gate.contexts[0]?.signal.reason)).toContain('the task was cancelled');
    gate.letGo();
    await vi.waitFor(() => expect(runs.ended).toHaveLength(1));
    expect(await runs.find(id)).toMatchObject({ state: 'cancelled', result: null });
  });

  test('that close give what they have to others, at once and as the same attempt', async () => {
    const at = place();
    // No other would look for it for long.
    const [a, b] = [await gateway(at, {}, {}), await gateway(at, {}, {})];
    const [first, second] = [new Gate(), new Gate()];
    a.add((input, context) => {
      context.progress({ at: 7 });
      return first.run(input, context);
    });
    b.add(second.run);
    a.tasks.start();
    const id = await a.enqueue();
    await a.until(() => expect(first.running).toBe(1));
    b.tasks.start();
    await a.tasks.close();
    await b.until(() => expect(second.running).toBe(1));
    expect(second.contexts[0]).toMatchObject({ attempt: 1, lastProgress: { at: 7 } });
    second.letGo();
    first.letGo();
    expect(await b.over(id)).toMatchObject({ state: 'completed', attempts: 1 });
  });

  test('are not lost one after the other to the same task', async () => {
    const at = place();
    const { add, tasks, enqueue, over } = await gateway(at, { limits: { taskLosses: 2 } });
    let calls = 0;
    add(() => (calls += 1));
    const [lost, tooOften] = [await enqueue(), await enqueue()];
    await shared.command('HSET', `${at.prefix}:tasks:work:${lost}`, 'stc', '2');
    await shared.command('HSET', `${at.prefix}:tasks:work:${tooOften}`, 'stc', '3');
    tasks.start();
    expect((await over(lost)).state).toBe('completed');
    const task = await over(tooOften);
    expect(task).toMatchObject({ state: 'failed', error: { code: 106 } });
    expect(task.error?.message).toContain('lost 3 times');
    expect(calls).toBe(1);
  });
});

describe('when Redis', () => {
  const KEEPS = ['--appendonly', 'yes', '--appendfsync', 'always'];

  test('dies and comes back, what was acknowledged is done, and nothing waits meanwhile', async () => {
    watchConsole();
    const server = await RedisServer.start({ args: KEEPS });
    const { add, tasks, enqueue, over, until, log } = await gateway({
      url: server.url,
      prefix: 'away',
    });
    const gate = new Gate();
    add(gate.run, { concurrency: 1 });
    tasks.start();
    const ids = [await enqueue(), await enqueue(), await enqueue({ delayMs: 500 })];
    await until(() => expect(gate.running).toBe(1));
    await server.kill();
    await vi.waitFor(async () => {
      const beganAt = performance.now();
      await expect(enqueue()).rejects.toThrow('try again');
      expect(performance.now() - beganAt).toBeLessThan(1500);
    });
    const beganAt = performance.now();
    const refused = await Promise.allSettled(Array.from({ length: 500 }, () => enqueue()));
    expect(performance.now() - beganAt).toBeLessThan(2500);
    expect(refused.every(({ status }) => status === 'rejected')).toBe(true);
    await expect(tasks.find(ids[0]!)).rejects.toThrow('try again');
    await expect(tasks.cancel(ids[0]!)).rejects.toThrow('try again');
    gate.letGo();
    await sleep(200);
    await server.start();
    await vi.waitFor(async () => expect(await tasks.find(ids[0]!)).not.toBeNull(), {
      timeout: 10_000,
    });
    for (const id of ids.slice(1)) {
      await until(() => expect(gate.running).toBe(1));
      gate.letGo();
      expect((await over(id)).state).toBe('completed');
    }
    expect((await over(ids[0]!)).result?.value()).toBe('let go');
    expect(gate.contexts).toHaveLength(3);
    // One line each second and connection, however often it tries.
    expect(log.of('error')).toEqual([]);
    expect(log.lines.length).toBeLessThan(60);
  });

  test('stands still, whoever hands in a task is told within a second, and all goes on', async () => {
    watchConsole();
    const server = await RedisServer.start();
    const { add, tasks, enqueue, over } = await gateway({ url: server.url, prefix: 'still' });
    add(() => 1);
    tasks.start();
    await over(await enqueue());
    server.pause();
    onTestFinished(() => server.resume());
    const beganAt = performance.now();
    await expect(enqueue()).rejects.toThrow('try again');
    expect(performance.now() - beganAt).toBeLessThan(1500);
    server.resume();
    const id = await vi.waitFor(() => enqueue(), 10_000);
    expect((await over(id)).state).toBe('completed');
  });

  test('may throw keys away, nothing is said about it where nobody looks', async () => {
    watchConsole();
    const server = await RedisServer.start({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    const { add, tasks, enqueue, over } = await gateway({ url: server.url, prefix: 'lru' });
    add(() => 1);
    tasks.start();
    expect((await over(await enqueue())).state).toBe('completed');
  });
});

describe('what is left in Redis', () => {
  test('is nothing of a task that is over and not kept any more', async () => {
    const at = place();
    const { add, tasks, enqueue, over, until } = await gateway(at, { keepMs: 500 });
    add((_input, { progress, attempt }) => {
      progress(1);
      if (attempt === 1) throw new Error('once more');
    });
    tasks.start();
    const cancelled = await enqueue({ delayMs: 60_000 });
    await tasks.cancel(cancelled);
    for (const id of [await enqueue(), await enqueue({ delayMs: 100 })]) await over(id);
    const keys = async (): Promise<string[]> =>
      [...(await shared.command('KEYS', `${at.prefix}:*`)).matchAll(/^\w.*$/gm)]
        .map(([key]) => key.slice(at.prefix.length + 1))
        .toSorted();
    await until(async () =>
      expect(await keys()).toEqual([
        'task-names',
        'tasks:work:events',
        'tasks:work:id',
        'tasks:work:marker',
        'tasks:work:meta',
      ]),
    );
  });

  test('of how tasks ended is the first that was said, for as long as it is kept', async () => {
    const at = place();
    const { redis } = await gateway(at);
    const outcomes = new RedisOutcomes(redis, { keepMs: 300, resultsMax: 10 });
    const of = (id: string, result: number): Outcome => ({ task: endOf(id, result), digest: 'd' });
    expect(await outcomes.keep(of('work.a', 1))).toMatchObject({ isNew: true });
    const second = await outcomes.keep(of('work.a', 2));
    expect(second).toEqual({ outcome: of('work.a', 1), isNew: false, forgotten: 0 });
    expect((await outcomes.read('work.a')).outcome).toEqual(of('work.a', 1));
    await sleep(200);
    await outcomes.keep(of('work.b', 1));
    await vi.waitFor(async () => expect((await outcomes.read('work.a')).outcome).toBeNull());
    await outcomes.keep(of('work.c', 1));
    expect(await shared.command('ZRANGE', `${at.prefix}:kept-tasks:work`, '0', '-1')).not.toContain(
      'work.a',
    );
    expect((await outcomes.read('work.c')).outcome).not.toBeNull();
  });

  test('grows no further with the number of tasks', async () => {
    const at = place();
    const { add, tasks, enqueue, over } = await gateway(at, { limits: { taskResults: 20 } });
    add(() => 'x'.repeat(1000));
    tasks.start();
    const ids = await Promise.all(Array.from({ length: 300 }, () => enqueue()));
    for (const id of ids.slice(-1)) await over(id);
    await vi.waitFor(async () => {
      const kept = await shared.command('ZCARD', `${at.prefix}:kept-tasks:work`);
      expect(kept).toBe(':20\r\n');
    });
    const events = await shared.command('XLEN', `${at.prefix}:tasks:work:events`);
    expect(Number(events.slice(1))).toBeLessThan(400);
  });
});

test('in a Cluster all keys of a task lie together', async () => {
  const cluster = await RedisCluster.start();
  const made = await gateway({ url: cluster.url, prefix: 'c' });
  const { add, tasks, enqueue, over } = made;
  add((_input, { progress, attempt }) => {
    progress({ attempt });
    if (attempt === 1) throw new Error('once more');
    return attempt;
  });
  tasks.start();
  const id = taskIdOf('work', 'key');
  await enqueue({ id, isKeyed: true });
  await enqueue({ id, isKeyed: true });
  expect((await over(id)).result?.value()).toBe(2);
  const later = await enqueue({ delayMs: 60_000 });
  expect((await tasks.cancel(later))?.state).toBe('cancelled');
});
