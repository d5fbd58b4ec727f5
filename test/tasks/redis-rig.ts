/** Tasks in Redis, as many gateways as a test wants. */
import { expect, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { limits } from '../../src/kernel/limits.ts';
import { ThrottledLog } from '../../src/kernel/log.ts';
import { Meters } from '../../src/kernel/meters.ts';
import type { Redis } from '../../src/redis/redis.ts';
import { connectRedis } from '../../src/redis/redis.ts';
import { RedisTasks } from '../../src/tasks/redis.ts';
import type { TaskListener } from '../../src/tasks/tasks.ts';
import { KeptLog } from '../support/log.ts';
import { whole } from '../support/whole.ts';
import type { Opened, Rig, TasksSettings } from './tasks-suite.ts';
import { rigOf } from './tasks-suite.ts';

export interface RedisOpened extends Opened {
  readonly tasks: RedisTasks;
  readonly redis: Redis;
  readonly log: KeptLog;
}

export interface Place {
  readonly url: string;
  readonly prefix: string;
}

/** What takes seconds in earnest. */
export const SOONER = { lockMs: 900, sweepMs: 300 };

export interface Otherwise {
  readonly lockMs?: number;
  readonly sweepMs?: number;
  readonly replace?: (redis: Redis) => Redis;
}

export async function openRedis(
  { url, prefix }: Place,
  settings: TasksSettings,
  listener: TaskListener,
  { replace = (redis) => redis, ...sooner }: Otherwise = SOONER,
): Promise<RedisOpened> {
  const kept = new KeptLog();
  const log = new ThrottledLog(kept, Date.now);
  const connected = connectRedis({ url, prefix, log, random: Math.random });
  const redis = replace(connected);
  const meters = new Meters();
  const tasks = new RedisTasks({
    ...settings,
    ...sooner,
    redis,
    clock: systemClock,
    random: Math.random,
    listener,
    limits: limits(settings.limits),
    count: meters.counter('tasks', '', 'event'),
    fault: (where, error) => expect.fail(`${where}: ${String(error)}`),
  });
  onTestFinished(async () => {
    await tasks.close();
    await redis.bus.close();
    await redis.close();
  });
  await whole(connected);
  const count = (event: string): number => meters.count('tasks', event);
  return { tasks, redis, log: kept, pass: null, count };
}

export interface Gateway extends Rig {
  readonly tasks: RedisTasks;
  readonly redis: Redis;
  readonly log: KeptLog;
}

/** A gateway with tasks, and no more. */
export async function gateway(
  at: Place,
  set: Partial<TasksSettings> = {},
  sooner: Otherwise = SOONER,
): Promise<Gateway> {
  let opened: RedisOpened | null = null;
  const rig = await rigOf(async (...given) => (opened = await openRedis(at, ...given, sooner)), {
    drainMs: 100,
    ...set,
  });
  return { ...rig, ...opened! };
}

/** Nothing may be written but to the log. */
export function watchConsole(): void {
  const said = (['log', 'warn', 'error', 'info'] as const).map((level) =>
    vi.spyOn(console, level).mockImplementation(() => {}),
  );
  onTestFinished(() => {
    const calls = said.flatMap((spy) => spy.mock.calls);
    for (const spy of said) spy.mockRestore();
    expect(calls).toEqual([]);
  });
}
