/** What the gateway gives every session: its organs, its rules and its limits. */
import type { TokenVerifier } from '../auth/jwt.ts';
import type { Broker } from '../broker/broker.ts';
import type { Rules } from '../channel/rules.ts';
import type { Events } from '../events/events.ts';
import type { Hooks } from '../hooks/hooks.ts';
import type { Hub } from '../hub/hub.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Limits } from '../kernel/limits.ts';
import type { ThrottledLog } from '../kernel/log.ts';
import type { Count } from '../kernel/meters.ts';
import type { Turn } from '../kernel/turn.ts';
import type { Wheel } from '../kernel/wheel.ts';
import type { Presence } from '../presence/presence.ts';
import type { Quota } from '../quota/quota.ts';
import type { Roster } from '../hub/roster.ts';

/** How connections are kept: times in milliseconds. */
export interface SessionSettings {
  /** 0: the server sends no pings. */
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  /** How long a client may take to refresh after its expiry. */
  readonly connectionGraceMs: number;
  readonly subscriptionGraceMs: number;
  /** Whether a client may connect without a token, as nobody. */
  readonly anonymous: boolean;
  /** The namespace of the channels that users are subscribed to by themselves; null: none. */
  readonly personalNamespace: string | null;
  readonly version: string;
}

/** What is counted, by label. */
export interface SessionCounts {
  readonly commands: Count;
  readonly errors: Count;
  readonly closes: Count;
  readonly unsubscribes: Count;
  readonly slow: Count;
}

export interface Services {
  readonly hub: Hub;
  readonly broker: Broker;
  readonly presence: Presence;
  /** Null where a user may have any number of connections. */
  readonly quota: Quota | null;
  readonly verifier: TokenVerifier;
  readonly hooks: Hooks;
  /** Told of the lives of connections and subscriptions. */
  readonly events: Events;
  readonly roster: Roster;
  readonly limits: Limits;
  readonly settings: SessionSettings;
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly turn: Turn;
  readonly counts: SessionCounts;
  readonly log: ThrottledLog;
  /** Logs whole what is our fault; the peer only hears that something failed. */
  readonly fault: (where: string, error: unknown) => void;
  /** Null where no such namespace is configured. The name need not have been checked. */
  rulesOf(this: void, channel: string): Rules | null;
  newClientId(): string;
  /** From 0 to below 1. */
  random(): number;
}
