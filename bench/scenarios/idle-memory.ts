/** What a connection costs that is there, authenticated and subscribed, and silent. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Measure, Scenario } from '../harness/scenario.ts';
import type { Driver, RunningSystem, Stage } from '../harness/stage.ts';

const CONNECTIONS = 10_000;
/**
 * These come before the first measurement: they pay for compiled code, and they use up what the
 * start of the process left free in the C heap, some 10 MB after the modules of a gateway.
 */
const WARM = 5000;
const AT_ONCE = 100;
/**
 * V8's young generation grows to twice 16 MiB with the rate at which objects are made, and stays
 * resident. That is no cost of a connection, and would be counted as one when it happens between
 * two measurements: so it begins at its full size.
 */
const YOUNG_AT_FULL_SIZE = ['--min-semi-space-size=16', '--max-semi-space-size=16'];

async function connect(
  driver: Driver,
  { port, dialect }: RunningSystem,
  {
    stage,
    hears,
    first,
    count,
  }: { stage: Stage; hears: 'all' | 'each'; first: number; count: number },
): Promise<void> {
  await driver.ask({
    do: 'open',
    dialect,
    port,
    secret: stage.secret,
    connections: count,
    hears,
    // Longer than what V8 keeps once by itself when it parses JSON.
    channel: 'general-discussion',
    atOnce: AT_ONCE,
    firstIndex: first,
  });
}

async function measure(stage: Stage, hears: 'all' | 'each'): Promise<Measure> {
  const system = await stage.system({}, YOUNG_AT_FULL_SIZE);
  await system.churn();
  const fresh = await system.memory();
  const driver = stage.driver();
  await connect(driver, system, { stage, hears, first: 0, count: WARM });
  const before = await system.memory();
  await connect(driver, system, { stage, hears, first: WARM, count: CONNECTIONS });
  await sleep(1000);
  const after = await system.memory();
  const { snapshot } = stage.options;
  if (snapshot !== null) await system.snapshot(snapshot);
  const each = (from: number, to: number): number => Math.round((to - from) / CONNECTIONS);
  return {
    main: each(before.total, after.total),
    figures: {
      'heap B/conn': each(before.heapUsed, after.heapUsed),
      'heap held B/conn': each(before.heapTotal, after.heapTotal),
      'anon B/conn': each(before.anonymous, after.anonymous),
      'external B/conn': each(before.external, after.external),
      'from start B/conn': Math.round((after.total - fresh.total) / (WARM + CONNECTIONS)),
      'rss MB': Math.round(after.total / 1e5) / 10,
    },
    latency: null,
    lost: 0,
    doubt: await driver.ask({ do: 'check' }),
  };
}

const common = {
  unit: 'B/conn',
  better: 'less',
  systems: ['uws-raw', 'sluice'],
  targets: [],
} as const;

export const idleMemory: Scenario = {
  ...common,
  name: 'idle-memory',
  about: '10,000 idle connections with a token, all in one channel: resident bytes of each',
  run: (stage) => measure(stage, 'all'),
};

export const idleMemoryEach: Scenario = {
  ...common,
  name: 'idle-memory-each',
  about:
    '10,000 idle connections with a token, each in a channel of its own: resident bytes of each',
  run: (stage) => measure(stage, 'each'),
};
