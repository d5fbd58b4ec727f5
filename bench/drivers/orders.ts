/** What a run asks of its driver, and what it answers. */
import type { DialectName } from '../dialects/dialects.ts';
import type { Sparse } from './histogram.ts';

/** Of whom clients are: where they connect, and in which words. */
export interface Address {
  readonly dialect: DialectName;
  /** Of each gateway; clients are spread over them. */
  readonly ports: readonly number[];
  /** The secret that tokens are signed with. */
  readonly secret: string;
}

/** Which channels there are, and how many of them each client hears. */
export interface Hearing {
  readonly channel: string;
  readonly channels: number;
  readonly each: number;
}

export interface OpenOrder extends Address {
  readonly do: 'open';
  /** `slow` is not counted, and stops reading when the flow begins. */
  readonly crowd: 'fast' | 'slow';
  readonly connections: number;
  /** The first of these connections is the how-many-eth of the run. */
  readonly firstIndex: number;
  readonly hears: Hearing | null;
  /** So many of them, from the first on, also publish to their channel. */
  readonly speakers: number;
  /** How many connections may be on their way at once. */
  readonly atOnce: number;
}

export interface Opened {
  readonly seconds: number;
}

export type Pace =
  /** As fast as so many messages under way let. */
  | { readonly kind: 'window'; readonly messages: number }
  /** So many a second, each at its time, whatever became of those before. */
  | { readonly kind: 'rate'; readonly perSecond: number };

/** How long something is measured, and in whom. */
interface Measured {
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** The processes of the system, to be measured in the same moments. */
  readonly pids: readonly number[];
}

export interface FlowOrder extends Measured, Address {
  readonly do: 'flow';
  readonly pace: Pace;
  readonly payloadBytes: number;
  /** Connections that share the channels to publish to and do not hear; 0: those of the crowd do. */
  readonly publishers: number;
}

/** What was used within the measured time. */
export interface Used {
  readonly seconds: number;
  readonly systemCpuSeconds: number;
  readonly driverCpuSeconds: number;
  /** By all other processes of the machine. */
  readonly othersCpuSeconds: number;
}

export interface Flowed extends Used {
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
}

/** Everyone asks, and asks again when the answer is there. */
export interface ExchangeOrder extends Measured, Address {
  readonly do: 'exchange';
  /** `http`: publishes over the server API to the channels of the crowd, which hears it. */
  readonly by: 'rpc' | 'http';
  readonly connections: number;
  readonly payloadBytes: number;
  readonly apiKey: string;
}

export interface Exchanged extends Used {
  readonly answers: number;
  readonly latency: Sparse;
  readonly lost: number;
  readonly problem: string;
}

/** Opens so many connections in one go, and again after they were closed, until the time is over. */
export interface ConnectOrder extends Measured, Address {
  readonly do: 'connect';
  readonly connections: number;
  readonly hears: Hearing;
  readonly atOnce: number;
}

export interface Connected extends Used {
  readonly connections: number;
  readonly latency: Sparse;
}

/** All of the crowd are cut at once in the middle of a flow, and come back after a while. */
export interface StormOrder extends Address {
  readonly do: 'storm';
  readonly perSecond: number;
  readonly payloadBytes: number;
  readonly awaySeconds: number;
  readonly atOnce: number;
  readonly pids: readonly number[];
}

export interface Stormed extends Used {
  readonly returned: number;
  /** From the moment a client set out to come back until it had all it missed. */
  readonly latency: Sparse;
  readonly published: number;
  readonly lost: number;
  readonly disordered: number;
  readonly problem: string;
}

/** The connections are still there and have heard of no problem; '' or what is wrong. */
interface CheckOrder {
  readonly do: 'check';
}

/** Closes all connections. */
interface CloseOrder {
  readonly do: 'close';
}

export type Order =
  | OpenOrder
  | FlowOrder
  | ExchangeOrder
  | ConnectOrder
  | StormOrder
  | CheckOrder
  | CloseOrder;

export interface Answers {
  readonly open: Opened;
  readonly flow: Flowed;
  readonly exchange: Exchanged;
  readonly connect: Connected;
  readonly storm: Stormed;
  readonly check: string;
  readonly close: null;
}
