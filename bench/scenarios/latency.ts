/** How late messages come that are published at their times, whatever became of those before. */
import type { Measure, Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';
import type { Load } from './load.ts';
import { flow, measureOf, ONE_ROOM, sceneOf } from './load.ts';

const PEERS = ['uws-raw', 'uws-joined', 'sluice'] as const;
const P99 = { unit: 'ms p99', better: 'less', systems: PEERS } as const;

const OF_RAW = { against: 'uws-raw', ratio: 1.3 } as const;

async function atRate(stage: Stage, load: Load, perSecond: number): Promise<Measure> {
  const scene = await sceneOf(stage, load);
  const flowed = await flow(stage, scene, load, { kind: 'rate', perSecond });
  const measured = measureOf(flowed, scene, load);
  return { ...measured, main: p99Of(measured) };
}

export function p99Of({ latency }: Pick<Measure, 'latency'>): number {
  return (latency?.at(99) ?? 0) / 1000;
}

/** What the system can do at the most, in messages a second. */
export async function mostOf(stage: Stage, load: Load): Promise<number> {
  const { published, seconds } = await flow(stage, await sceneOf(stage, load), load);
  await stage.clear();
  return published / seconds;
}

function fixed(
  name: string,
  subscribers: number,
  perSecond: number,
  targets: Scenario['targets'] = [],
): Scenario {
  return {
    ...P99,
    name,
    about: `${subscribers.toLocaleString('en-US')} subscribers of one channel, 100 B, ${perSecond} messages a second`,
    targets,
    run: (stage) => atRate(stage, { ...ONE_ROOM, subscribers }, perSecond),
  };
}

export const LATENCIES: readonly Scenario[] = [
  fixed('rate', 1000, 100),
  fixed('rate-10000', 10_000, 10),
  // Near half of what raw uWS can do where these figures come from.
  fixed('rate-3000', 1000, 3000, [OF_RAW]),
  {
    ...P99,
    name: 'half',
    about:
      '1,000 subscribers of one channel, 100 B, at half of what each system can do at the most',
    targets: [OF_RAW],
    run: async (stage) => atRate(stage, ONE_ROOM, (await mostOf(stage, ONE_ROOM)) / 2),
  },
];
