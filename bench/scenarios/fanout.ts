/** One channel, many subscribers. */
import { Histogram } from '../drivers/histogram.ts';
import type { Flowed, FlowOrder } from '../drivers/orders.ts';
import type { Measure, Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';
import { residentOf } from '../harness/usage.ts';

interface Load {
  readonly subscribers: number;
  readonly payloadBytes: number;
  readonly pace: FlowOrder['pace'];
  readonly history?: number;
}

const WARMUP_SECONDS = 2;
/** Of a core: above it a process has no time to spare. */
const FULL = 0.95;
const BUSY_OTHERS = 0.25;

async function flow(stage: Stage, load: Load): Promise<Measure> {
  const { pace, payloadBytes, subscribers, history = 0 } = load;
  const { seconds, window } = stage.options;
  const system = await stage.system({ history });
  const driver = stage.driver();
  const { port, dialect } = system;
  await driver.ask({
    do: 'open',
    dialect,
    port,
    secret: stage.secret,
    connections: subscribers,
    hears: 'all',
    channel: 'room',
    atOnce: 100,
    firstIndex: 0,
  });
  const flowed = await driver.ask({
    do: 'flow',
    pace,
    window,
    payloadBytes,
    warmupSeconds: WARMUP_SECONDS,
    seconds,
    systemPid: system.pid,
  });
  return measureOf(flowed, residentOf(system.pid).total);
}

function measureOf(flowed: Flowed, residentBytes: number): Measure {
  const { seconds, deliveries, published, frames, bytes } = flowed;
  const latency = new Histogram();
  latency.add(flowed.latency);
  const share = (cpu: number): number => Math.round((cpu / seconds) * 100) / 100;
  return {
    main: Math.round(deliveries / seconds),
    figures: {
      // Of all figures the least disturbed by others on the machine.
      'per cpu-s': Math.round(deliveries / flowed.systemCpuSeconds),
      'published/s': Math.round(published / seconds),
      'messages/frame': Math.round((deliveries / frames) * 10) / 10,
      'MB/s': Math.round(bytes / seconds / 1e6),
      'system cpu': share(flowed.systemCpuSeconds),
      'driver cpu': share(flowed.driverCpuSeconds),
      'others cpu': share(flowed.othersCpuSeconds),
      'rss MB': Math.round(residentBytes / 1e5) / 10,
    },
    latency,
    lost: flowed.lost + flowed.disordered,
    doubt: [flowed.problem, doubtOf(flowed)].filter((text) => text !== '').join('; '),
  };
}

function doubtOf({
  seconds,
  systemCpuSeconds,
  driverCpuSeconds,
  othersCpuSeconds,
}: Flowed): string {
  const doubts: string[] = [];
  if (driverCpuSeconds / seconds > FULL && systemCpuSeconds / seconds < FULL) {
    doubts.push('the driver was the bottleneck');
  }
  if (othersCpuSeconds / seconds > BUSY_OTHERS) doubts.push('the machine was busy');
  return doubts.join('; ');
}

const PEERS = ['uws-raw', 'uws-joined', 'uws-joined-push', 'sluice'] as const;

export const fanout: Scenario = {
  name: 'fanout',
  about: '1,000 subscribers of one channel, 100 B of JSON, one publisher at full speed',
  unit: 'deliveries/s',
  better: 'more',
  systems: PEERS,
  targets: [
    { against: 'uws-raw', ratio: 4 },
    { against: 'uws-joined', ratio: 0.8 },
  ],
  run: (stage) => flow(stage, { subscribers: 1000, payloadBytes: 100, pace: 'full' }),
};

export const fanoutHistory: Scenario = {
  ...fanout,
  name: 'fanout-history',
  about: 'fanout with a history of 100 publications and recovery',
  targets: [],
  run: (stage) => flow(stage, { subscribers: 1000, payloadBytes: 100, pace: 'full', history: 100 }),
};

export const fanoutOne: Scenario = {
  name: 'fanout-one',
  about: '1,000 subscribers of one channel, 100 B of JSON; the next when the last has the former',
  unit: 'deliveries/s',
  better: 'more',
  systems: PEERS,
  targets: [{ against: 'uws-raw', ratio: 0.9 }],
  run: (stage) => flow(stage, { subscribers: 1000, payloadBytes: 100, pace: 'one' }),
};
