/** Messages from publishers to subscribers, as one description of who, where and how fast. */
import type { Flowed, Pace } from '../drivers/orders.ts';
import type { Measure } from '../harness/scenario.ts';
import type { Driver, RunningSystem, Stage } from '../harness/stage.ts';
import { costs, doubtOf, histogramOf, WARMUP_SECONDS } from './measure.ts';

/** `full` is as fast as the window of the command line lets. */
type Speed = 'full' | 'one at a time' | { readonly perSecond: number };

export interface Load {
  readonly subscribers: number;
  readonly payloadBytes: number;
  readonly speed: Speed;
  /** All that there are; each is published to by one. */
  readonly channels: number;
  /** How many of them each subscriber hears. */
  readonly each: number;
  /** So many who hear nothing share the channels; or one subscriber of each. */
  readonly publishers: number | 'members';
  readonly history: number;
  /** Subscribers besides that stop reading. */
  readonly slow: number;
  readonly slowConsumer: 'disconnect' | 'skip' | 'latest';
  /** Joined through Redis where there are several; what is published on the first is heard on the last. */
  readonly instances: number;
}

export const ONE_ROOM: Load = {
  subscribers: 1000,
  payloadBytes: 100,
  speed: 'full',
  channels: 1,
  each: 1,
  publishers: 1,
  history: 0,
  slow: 0,
  slowConsumer: 'disconnect',
  instances: 1,
};

/** Where readers stop, a peer that buffers all of it would end for want of memory. */
const SLOW_BACKLOG_BYTES = 1024 * 1024;
/** Redis itself has a core then. */
const REDIS_CPU = 1;
const AT_ONCE = 100;

/** A system under a load, with the crowd connected. */
export interface Scene {
  readonly system: RunningSystem;
  readonly driver: Driver;
}

export async function sceneOf(stage: Stage, load: Load): Promise<Scene> {
  const { channels, each, history, instances, slowConsumer } = load;
  const redis = instances > 1 ? (await stage.redis()).url : null;
  const backlog = load.slow > 0 ? { backlogBytes: SLOW_BACKLOG_BYTES } : {};
  const system = await stage.system({ history, redis, slowConsumer, ...backlog }, { instances });
  const driver = stage.driver();
  const open = {
    do: 'open',
    ...system.address(instances - 1),
    hears: { channel: 'room', channels, each },
    atOnce: AT_ONCE,
  } as const;
  const speakers = load.publishers === 'members' ? channels : 0;
  const { subscribers: connections, slow } = load;
  await driver.ask({ ...open, crowd: 'fast', connections, firstIndex: 0, speakers });
  if (slow > 0) {
    const later = { connections: slow, firstIndex: connections, speakers: 0 };
    await driver.ask({ ...open, crowd: 'slow', ...later });
  }
  return { system, driver };
}

/** Publishes for as long as the stage says, or as `pace` and `seconds` say instead. */
export function flow(
  stage: Stage,
  { system, driver }: Scene,
  load: Load,
  pace: Pace = paceOf(load.speed, stage.options.window),
): Promise<Flowed> {
  return driver.ask({
    do: 'flow',
    ...system.address(0),
    pace,
    payloadBytes: load.payloadBytes,
    publishers: load.publishers === 'members' ? 0 : load.publishers,
    warmupSeconds: WARMUP_SECONDS,
    seconds: stage.options.seconds,
    pids: system.pids,
  });
}

/** Deliveries a second. */
export async function throughput(stage: Stage, load: Load): Promise<Measure> {
  const scene = await sceneOf(stage, load);
  const flowed = await flow(stage, scene, load);
  return { ...measureOf(flowed, scene, load), main: rateOf(flowed) };
}

export function rateOf({ deliveries, seconds }: Flowed): number {
  return Math.round(deliveries / seconds);
}

export function measureOf(flowed: Flowed, { system }: Scene, load: Load): Omit<Measure, 'main'> {
  const { seconds, deliveries, published, frames, bytes } = flowed;
  return {
    figures: {
      'published/s': Math.round(published / seconds),
      'messages/frame': Math.round((deliveries / frames) * 10) / 10,
      'MB/s': Math.round(bytes / seconds / 1e6),
      ...costs(flowed, deliveries, system),
    },
    latency: histogramOf(flowed.latency),
    lost: flowed.lost + flowed.disordered,
    doubt: doubtOf(flowed, flowed.problem, load.instances > 1 ? REDIS_CPU : 0),
  };
}

function paceOf(speed: Speed, window: number): Pace {
  if (speed === 'full') return { kind: 'window', messages: window };
  if (speed === 'one at a time') return { kind: 'window', messages: 1 };
  return { kind: 'rate', perSecond: speed.perSecond };
}
