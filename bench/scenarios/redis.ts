/** Two gateways and more, joined through Redis. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from '../harness/redis.ts';
import type { Measure, Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';
import { mostOf, p99Of } from './latency.ts';
import type { Load } from './load.ts';
import { flow, measureOf, ONE_ROOM, sceneOf, throughput } from './load.ts';

const TWO: Load = { ...ONE_ROOM, subscribers: 10, instances: 2 };
const TWO_ROOMS: Load = { ...TWO, subscribers: 1000, channels: 100 };

const delivering = {
  unit: 'deliveries/s',
  better: 'more',
  systems: ['uws-raw', 'socketio', 'sluice'],
} as const;

/** The naive peer publishes each message by a PUBLISH of its own, with automatic pipelining. */
const NAIVE = 'uws-raw';

const TENTH = 0.1;
const ADDED_MS_MAX = 5;

/** The same rate through Redis, and within one gateway. */
async function added(stage: Stage): Promise<Measure> {
  const perSecond = (await mostOf(stage, TWO)) * TENTH;
  const at = async (load: Load): Promise<Omit<Measure, 'main'>> => {
    const scene = await sceneOf(stage, load);
    const flowed = await flow(stage, scene, load, { kind: 'rate', perSecond });
    const measured = measureOf(flowed, scene, load);
    await stage.clear();
    return measured;
  };
  const there = await at(TWO);
  const here = await at({ ...TWO, instances: 1 });
  return {
    ...there,
    main: p99Of(there) - p99Of(here),
    figures: { ...there.figures, 'local p99 ms': p99Of(here) },
    lost: there.lost + here.lost,
  };
}

const CLIENTS = 5000;
const GATEWAYS = [1, 2, 3] as const;
const AT_ONCE = 100;
/** What Redis is asked while nothing happens is no cost of clients. */
const IDLE_MS = 5000;
/** Channels are left a second late, and read again before. */
const SETTLE_MS = 3000;

/** Commands for so many clients that come, subscribe and go. */
async function commandsWith(stage: Stage, redis: Redis, instances: number): Promise<number> {
  const set = { redis: redis.url, presence: true, history: 100 };
  const system = await stage.system(set, { instances });
  const total = async (): Promise<number> => {
    let sum = 0;
    for (const calls of (await redis.commands()).values()) sum += calls;
    return sum;
  };
  const start = await total();
  await sleep(IDLE_MS);
  const perMs = ((await total()) - start) / IDLE_MS;
  const before = await total();
  const began = performance.now();
  const driver = stage.driver();
  await driver.ask({
    do: 'open',
    ...system.address(),
    crowd: 'fast',
    connections: CLIENTS,
    firstIndex: 0,
    hears: { channel: 'room', channels: 100, each: 1 },
    speakers: 0,
    atOnce: AT_ONCE,
  });
  await driver.ask({ do: 'close' });
  await sleep(SETTLE_MS);
  const used = (await total()) - before;
  await stage.clear();
  return used - perMs * (performance.now() - began);
}

async function commands(stage: Stage): Promise<Measure> {
  const counted: number[] = [];
  for (const instances of GATEWAYS) {
    counted.push(await commandsWith(stage, await stage.redis(), instances));
  }
  const [one = 1, two = 0, three = 0] = counted.map((count) => count / CLIENTS);
  return {
    main: three / one,
    figures: { 'commands/client, 1': one, 'with 2': two, 'with 3': three },
    latency: null,
    lost: 0,
    doubt: '',
  };
}

export const SHARED: readonly Scenario[] = [
  {
    ...delivering,
    name: 'redis',
    about: 'published on one gateway, heard by 10 on another through Redis, 100 B, at full speed',
    targets: [
      { against: NAIVE, ratio: 1 },
      { against: 'socketio', ratio: 3 },
    ],
    run: (stage) => throughput(stage, TWO),
  },
  {
    ...delivering,
    name: 'redis-history',
    about: 'the same with a history of 100 and recovery, which the others do not have',
    targets: [{ against: NAIVE, ratio: 0.5 }],
    run: (stage) => throughput(stage, { ...TWO, history: 100 }),
  },
  {
    ...delivering,
    name: 'redis-rooms',
    about: 'published on one gateway, heard in 100 rooms of 10 on another, 100 B, at full speed',
    targets: [],
    run: (stage) => throughput(stage, TWO_ROOMS),
  },
  {
    name: 'redis-latency',
    about: 'how much later p99 is through Redis than within a gateway, at a tenth of the most',
    unit: 'ms added to p99',
    better: 'less',
    systems: ['sluice'],
    targets: [{ bound: ADDED_MS_MAX }],
    run: added,
  },
  {
    name: 'redis-commands',
    about: 'commands of Redis for 5,000 clients that come, subscribe and go: with 3 gateways for 1',
    unit: 'times',
    better: 'less',
    systems: ['sluice'],
    targets: [{ bound: 1.1 }],
    run: commands,
  },
];
