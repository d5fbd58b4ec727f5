/** What the backend is told of connections and channels: the events, and the batches they come in. */

/** Those that can be chosen. `reset` is always told: without it the others would not add up. */
export const EVENT_TYPES = [
  'connected',
  'disconnected',
  'subscribed',
  'unsubscribed',
  'channel_occupied',
  'channel_vacated',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

interface Told {
  /**
   * Greater than the id of every event before it, of one source: what is not greater than the last
   * that was heard is a double.
   */
  readonly id: number;
  /** When it happened, in milliseconds since the Unix epoch. */
  readonly time: number;
}

interface OfConnection extends Told {
  /** The uid of the gateway that holds the connection. */
  readonly gateway: string;
  /** The id of the connection. */
  readonly client: string;
  /** '' for an anonymous one. */
  readonly user: string;
  /** 1 for `connected`, and one more for each event of the connection that is told after it. */
  readonly seq: number;
}

/** The first event of a connection. */
export interface ConnectedEvent extends OfConnection {
  readonly type: 'connected';
  /** When it connected; before `time` where it is told again. */
  readonly since: number;
  /** Told after a `reset`, or after its gateway was taken for dead: it has been there all the time. */
  readonly again: boolean;
}

/** The last event of a connection. The end of each of its subscriptions was told before. */
export interface DisconnectedEvent extends OfConnection {
  readonly type: 'disconnected';
  /** A close code; 1006 where the gateway died, 1005 where it is not known. */
  readonly code: number;
  readonly reason: string;
  /** For how long it was connected, in milliseconds. */
  readonly duration: number;
}

export interface SubscribedEvent extends OfConnection {
  readonly type: 'subscribed';
  readonly channel: string;
  /** As with `connected`. */
  readonly again: boolean;
}

export interface UnsubscribedEvent extends OfConnection {
  readonly type: 'unsubscribed';
  readonly channel: string;
  /** 0: the client asked for it; 1: the connection ended; from 2000 on, the server ended it. */
  readonly code: number;
  readonly reason: string;
}

/** The first subscriber anywhere. */
export interface ChannelOccupiedEvent extends Told {
  readonly type: 'channel_occupied';
  readonly channel: string;
}

/** The last subscriber is gone, everywhere. */
export interface ChannelVacatedEvent extends Told {
  readonly type: 'channel_vacated';
  readonly channel: string;
}

/**
 * Why everything begins anew: nothing was told before; Redis forgot what was told; or more events
 * waited than may.
 */
export type ResetCause = 'start' | 'lost' | 'overflow';

/** Nobody is connected and no channel is occupied: whoever is there is told again after it. */
export interface ResetEvent extends Told {
  readonly type: 'reset';
  readonly cause: ResetCause;
}

export type GatewayEvent =
  | ConnectedEvent
  | DisconnectedEvent
  | SubscribedEvent
  | UnsubscribedEvent
  | ChannelOccupiedEvent
  | ChannelVacatedEvent
  | ResetEvent;

/** The body of a request, and what a function is given. */
export interface EventBatch {
  /** Whose events these are: all gateways on one Redis are one source. */
  readonly source: string;
  /** How many were dropped since the batch that was delivered before. */
  readonly dropped: number;
  /** In the order in which they happened. */
  readonly events: readonly GatewayEvent[];
}

/** A batch as it waits: each event is its JSON. */
export interface WrittenBatch {
  readonly source: string;
  readonly dropped: number;
  readonly events: readonly string[];
}

export function batchText({ source, dropped, events }: WrittenBatch): string {
  return `{"source":${JSON.stringify(source)},"dropped":${dropped},"events":[${events.join(',')}]}`;
}

export function batchOf(written: WrittenBatch): EventBatch {
  const batch: EventBatch = JSON.parse(batchText(written));
  return batch;
}
