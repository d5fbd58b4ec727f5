/** Work for later: in Redis, for whichever gateway has the time, or in process where a gateway is alone. */
import { broadcastTask } from './api/builtin/broadcast.ts';
import type { Callee } from './api/builtin/call.ts';
import { callTask } from './api/builtin/call.ts';
import { publishTask } from './api/builtin/publish.ts';
import type { Operations } from './api/operations.ts';
import { TaskHerald } from './api/task-herald.ts';
import { TaskOperations } from './api/tasks.ts';
import type { ChannelName } from './channel/name.ts';
import { channelNameOf } from './channel/name.ts';
import type { Rules } from './channel/rules.ts';
import type { Config } from './config/config.ts';
import type { Clock } from './kernel/clock.ts';
import { Refusal } from './kernel/errors.ts';
import type { ThrottledLog } from './kernel/log.ts';
import type { Meters } from './kernel/meters.ts';
import type { Part } from './kernel/part.ts';
import type { Wheel } from './kernel/wheel.ts';
import type { Redis } from './redis/redis.ts';
import type { ChannelLists } from './tasks/lists.ts';
import { MemoryLists } from './tasks/memory-lists.ts';
import { MemoryTasks } from './tasks/memory.ts';
import { RedisLists } from './tasks/redis-lists.ts';
import { RedisTasks } from './tasks/redis.ts';
import type { TaskListener, Tasks } from './tasks/tasks.ts';

export interface TaskingContext {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: () => number;
  readonly wheel: Wheel;
  readonly meters: Meters;
  readonly log: ThrottledLog;
  readonly fault: (where: string, error: unknown) => void;
  readonly rulesOf: (channel: ChannelName) => Rules | null;
  /** Null: this gateway is alone. */
  readonly redis: Redis | null;
  /** The endpoints of the backend; null where none is configured. */
  readonly callee: Callee | null;
  /** Tasks publish through them, once they are there. */
  readonly operations: () => Operations;
}

export interface Tasking {
  readonly operations: TaskOperations;
  readonly part: Part;
  /** Begins to run tasks. */
  start(): void;
}

/** Beyond what it waits for tasks, closing takes this long. */
const CLOSE_MARGIN_MS = 5000;

export function buildTasking(context: TaskingContext): Tasking {
  const { config, clock, meters, rulesOf, redis, callee } = context;
  const { limits } = config;
  const herald = new TaskHerald({
    ...context,
    publish: (...said) => context.operations().publish(...said),
    countUnheard: meters.counter('task_news_unheard', 'Ends of tasks that no channel heard of.'),
  });
  const [tasks, lists] =
    redis === null ? inProcess(context, herald) : inRedis(redis, context, herald);
  const operations = new TaskOperations({
    tasks,
    lists,
    clock,
    limits,
    settings: config.tasks,
    checkChannel(channel) {
      const name = channelNameOf(channel, limits.channelNameLength);
      if (rulesOf(name) === null) throw new Refusal('unknownChannel');
    },
  });
  const publishing: Pick<
    Operations,
    'publish' | 'broadcast' | 'checkChannel' | 'checkPublication'
  > = {
    publish: (...said) => context.operations().publish(...said),
    broadcast: (...said) => context.operations().broadcast(...said),
    checkChannel: (...said) => context.operations().checkChannel(...said),
    checkPublication: (...said) => context.operations().checkPublication(...said),
  };
  operations.define(publishTask(publishing));
  operations.define(
    broadcastTask({ operations: publishing, lists, limits, isAlone: redis === null }),
  );
  operations.define(callTask(publishing, callee));
  const deadlineMs = config.tasks.drainMs + CLOSE_MARGIN_MS;
  return {
    operations,
    part: { name: 'tasks', deadlineMs, close: () => tasks.close() },
    start: () => tasks.start(),
  };
}

function settingsOf({ config, meters }: TaskingContext): {
  readonly keepMs: number;
  readonly backoffMs: number;
  readonly drainMs: number;
  readonly count: ReturnType<Meters['counter']>;
} {
  const { keepMs, backoffMs, drainMs } = config.tasks;
  return {
    keepMs,
    backoffMs,
    drainMs,
    count: meters.counter('tasks', 'What became of tasks, here.', 'event'),
  };
}

const ACTIVE = ['tasks_active', 'Tasks that run here.'] as const;
const HELD = [
  'tasks_held',
  'Places taken here, also by handlers that go on when their time is over.',
] as const;
const WAITING = ['tasks_waiting', 'Tasks that wait, also for their time.'] as const;

function inProcess(context: TaskingContext, listener: TaskListener): [Tasks, ChannelLists] {
  const { config, meters } = context;
  const { limits } = config;
  const tasks = new MemoryTasks({ ...context, ...settingsOf(context), limits, listener });
  meters.gauge(...ACTIVE, () => tasks.size.active);
  meters.gauge(...HELD, () => tasks.size.held);
  meters.gauge(...WAITING, () => tasks.size.waiting);
  meters.gauge('task_store_bytes', 'Inputs and results of tasks.', () => tasks.size.bytes);
  return [tasks, new MemoryLists({ ...context, limits })];
}

function inRedis(
  redis: Redis,
  context: TaskingContext,
  listener: TaskListener,
): [Tasks, ChannelLists] {
  const { config, meters } = context;
  const { limits } = config;
  const tasks = new RedisTasks({ ...context, ...settingsOf(context), redis, limits, listener });
  meters.gauge(...ACTIVE, () => tasks.size.active);
  meters.gauge(...HELD, () => tasks.size.held);
  meters.gauge(...WAITING, () => tasks.size.waiting);
  return [tasks, new RedisLists(redis, limits)];
}
