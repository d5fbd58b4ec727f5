/** What a run asks of its drivers, and what they answer. */
import type { DialectName } from './dialect.ts';
import type { Sparse } from './histogram.ts';

export interface OpenOrder {
  readonly do: 'open';
  readonly dialect: DialectName;
  readonly port: number;
  readonly secret: string;
  readonly connections: number;
  /** `all`: everyone hears the channel. `each`: everyone one of its own. */
  readonly hears: 'all' | 'each';
  readonly channel: string;
  /** How many connections may be on their way at once. */
  readonly atOnce: number;
  /** The first of these connections is the how-many-eth of the run. */
  readonly firstIndex: number;
}

interface Opened {
  readonly seconds: number;
}

export interface FlowOrder {
  readonly do: 'flow';
  /** `full`: as fast as the window lets. `one`: the next when the last subscriber has the former. */
  readonly pace: 'full' | 'one';
  /** Messages under way at most. */
  readonly window: number;
  readonly payloadBytes: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** The process of the system, to be measured in the same moments. */
  readonly systemPid: number;
}

export interface Flowed {
  readonly seconds: number;
  /** Published and delivered within the measured time. */
  readonly published: number;
  readonly deliveries: number;
  readonly frames: number;
  readonly bytes: number;
  /** In microseconds. */
  readonly latency: Sparse;
  /** Over the whole run: deliveries that never came, and messages out of order or twice. */
  readonly lost: number;
  readonly disordered: number;
  /** Connections that broke, answers that are missing, errors; '' when all is well. */
  readonly problem: string;
  readonly systemCpuSeconds: number;
  readonly driverCpuSeconds: number;
  /** Of all other processes of the machine. */
  readonly othersCpuSeconds: number;
}

/** The connections are still there and have heard of no problem; '' or what is wrong. */
interface CheckOrder {
  readonly do: 'check';
}

interface CloseOrder {
  readonly do: 'close';
}

export type Order = OpenOrder | FlowOrder | CheckOrder | CloseOrder;

export interface Answers {
  readonly open: Opened;
  readonly flow: Flowed;
  readonly check: string;
  readonly close: null;
}
