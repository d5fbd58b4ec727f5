/** What gateways share: in Redis, or in process where a gateway is alone. */
import { randomBytes } from 'node:crypto';
import type { Control } from './api/control.ts';
import type { Broker, BrokerListener } from './broker/broker.ts';
import { MemoryBroker } from './broker/memory.ts';
import { RedisBroker } from './broker/redis.ts';
import type { ChannelName } from './channel/name.ts';
import type { Position } from './channel/recovery.ts';
import type { Rules } from './channel/rules.ts';
import { historyOf } from './channel/rules.ts';
import type { Config } from './config/config.ts';
import type { RedisConfig } from './config/redis.ts';
import type { Clock } from './kernel/clock.ts';
import type { ThrottledLog } from './kernel/log.ts';
import type { Meters } from './kernel/meters.ts';
import type { Part } from './kernel/part.ts';
import type { Wheel } from './kernel/wheel.ts';
import type { Residents } from './api/census.ts';
import { ControlBus } from './nodes/control-bus.ts';
import { SharedCensus } from './nodes/shared-census.ts';
import { MemoryPresence } from './presence/memory.ts';
import type { Presence } from './presence/presence.ts';
import { RedisPresence } from './presence/redis.ts';
import { MemoryQuota } from './quota/memory.ts';
import type { Quota } from './quota/quota.ts';
import { quotaSweeper, RedisQuota } from './quota/redis.ts';
import { Lease } from './redis/lease.ts';
import type { Redis } from './redis/redis.ts';
import { connectRedis } from './redis/redis.ts';

export interface SharingContext {
  readonly config: Config;
  /** Of this gateway. */
  readonly uid: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly wheel: Wheel;
  readonly meters: Meters;
  readonly log: ThrottledLog;
  readonly listener: BrokerListener;
  readonly fault: (where: string, error: unknown) => void;
  readonly rulesOf: (channel: ChannelName) => Rules | null;
  /** Told where a stream stands when the bus may have lost something of it. */
  readonly check: (channel: ChannelName, top: Position) => void;
  /** Who and what is here, and for how long this gateway has been. */
  readonly residents: () => Residents;
  readonly uptimeMs: () => number;
  /** Carries out on the connections here what another gateway was asked for. */
  readonly apply: (control: Control) => Promise<void>;
}

export interface Sharing {
  readonly broker: Broker;
  readonly presence: Presence;
  /** Null where a user may have any number of connections. */
  readonly quota: Quota | null;
  /** Tells every other gateway what is done to the connections of a user; null where there is none. */
  readonly carry: ((control: Control) => Promise<void>) | null;
  /** Null where this gateway is alone. */
  readonly redis: Redis | null;
  /** Null where this gateway is alone. */
  readonly lease: Lease | null;
  /** In the order of their birth. */
  readonly parts: readonly Part[];
  /** What all gateways carry; null where this one is alone. */
  readonly census: SharedCensus | null;
  /** Whether what is published here is delivered. */
  isReady(): boolean;
}

/** 8 characters from 48 random bits: two lives of a stream never share one. */
const EPOCH_BYTES = 6;

function newEpoch(): string {
  return randomBytes(EPOCH_BYTES).toString('base64url');
}

export function share(context: SharingContext): Sharing {
  const { redis } = context.config;
  return redis === null ? shareNothing(context) : shareIn(redis, context);
}

function shareNothing(context: SharingContext): Sharing {
  const { config, meters } = context;
  const broker = new MemoryBroker({
    ...context,
    newEpoch,
    streamsMax: config.limits.streams,
    idempotencyKeysMax: config.limits.idempotencyKeys,
    countForgottenKey: meters.counter('idempotency_keys_forgotten', 'Forgotten before their time.'),
  });
  const presence = new MemoryPresence((...notice) => context.listener.noticed(...notice));
  const places = config.limits.connectionsPerUser;
  return {
    broker,
    presence,
    quota: places === 0 ? null : new MemoryQuota(places),
    carry: null,
    lease: null,
    census: null,
    redis: null,
    parts: [
      { name: 'broker', close: () => broker.close() },
      { name: 'presence', close: () => presence.close() },
    ],
    isReady: () => true,
  };
}

function shareIn({ url, prefix, tls }: RedisConfig, context: SharingContext): Sharing {
  const { config, meters, log, rulesOf } = context;
  const count = meters.counter('bus_events', 'What became of the bus and its messages.', 'event');
  const redis = connectRedis({ ...context, url, prefix, tls });
  const broker = new RedisBroker({
    ...context,
    redis,
    newEpoch,
    historyOf(channel) {
      const rules = rulesOf(channel);
      return rules === null ? null : historyOf(rules);
    },
    count,
  });
  meters.gauge(
    'redis_partitions_away',
    'Parts of all channels that Redis does not deliver: of 128 in a Cluster, of 1 else.',
    () => broker.partitionsAway,
  );
  const lease = new Lease({ ...context, redis });
  const presence = new RedisPresence({ redis, lease });
  const quota = quotaIn({ ...context, redis, lease });
  const control = new ControlBus({
    ...context,
    redis,
    channelNameLength: config.limits.channelNameLength,
    refused: (reason) => {
      count('refused');
      log.warn('control', { reason }, 'refused a message of the bus');
    },
  });
  const { channelNameLength } = config.limits;
  const census = new SharedCensus({ ...context, redis, channelNameLength });
  return {
    broker,
    presence,
    quota,
    carry: (carried) => control.carry(carried),
    redis,
    lease,
    census,
    parts: [
      { name: 'redis', close: () => redis.close() },
      { name: 'broker', close: () => broker.close() },
      { name: 'lease', close: () => lease.close() },
      { name: 'presence', close: () => presence.close() },
      { name: 'census', close: () => census.close() },
    ],
    isReady: () => broker.isReady,
  };
}

function quotaIn(
  context: Pick<SharingContext, 'config' | 'fault'> & {
    readonly redis: Redis;
    readonly lease: Lease;
  },
): Quota | null {
  const { config, redis, lease } = context;
  const places = config.limits.connectionsPerUser;
  if (places > 0) return new RedisQuota({ ...context, places });
  lease.add(quotaSweeper(redis));
  return null;
}
