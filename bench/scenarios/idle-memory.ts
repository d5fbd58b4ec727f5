/** What a connection costs that is there, authenticated and subscribed, and silent. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Measure, Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';
import { megabytes } from './measure.ts';

const CONNECTIONS = 10_000;
/**
 * These come before the first measurement: they pay for compiled code, and they use up what the
 * start of the process left free in the C heap, some 10 MB after the modules of a gateway.
 */
const WARM = 5000;
const AT_ONCE = 100;
/** Until all of the greeting is over. */
const SILENCE_MS = 1000;
/**
 * V8's young generation grows to twice 16 MiB with the rate at which objects are made, and stays
 * resident. That is no cost of a connection, and would be counted as one when it happens between
 * two measurements: so it begins at its full size.
 */
const YOUNG_AT_FULL_SIZE = ['--min-semi-space-size=16', '--max-semi-space-size=16'];

async function measure(stage: Stage, channels: number): Promise<Measure> {
  const system = await stage.system({ idle: true }, { flags: YOUNG_AT_FULL_SIZE });
  await system.churn();
  const fresh = await system.memory();
  const driver = stage.driver();
  const connect = async (firstIndex: number, connections: number): Promise<void> => {
    await driver.ask({
      do: 'open',
      ...system.address(),
      crowd: 'fast',
      connections,
      firstIndex,
      // Longer than what V8 keeps once by itself when it parses JSON.
      hears: { channel: 'general-discussion', channels, each: 1 },
      speakers: 0,
      atOnce: AT_ONCE,
    });
  };
  await connect(0, WARM);
  await sleep(SILENCE_MS);
  const before = await system.memory();
  await connect(WARM, CONNECTIONS);
  await sleep(SILENCE_MS);
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
      'rss MB': megabytes(after.total),
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
  targets: [{ bound: 3072 }, { against: 'socketio', ratio: 0.1 }],
} as const;

export const IDLE: readonly Scenario[] = [
  {
    ...common,
    name: 'idle-memory',
    about: '10,000 idle connections with a token, all in one channel: resident bytes of each',
    run: (stage) => measure(stage, 1),
  },
  {
    ...common,
    name: 'idle-memory-each',
    about:
      '10,000 idle connections with a token, each in a channel of its own: resident bytes of each',
    run: (stage) => measure(stage, WARM + CONNECTIONS),
  },
];
