/** What a gateway is made of: every organ, built from the configuration and joined to the others. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { TokenVerifier } from './auth/jwt.ts';
import { createTokenVerifier } from './auth/jwt.ts';
import type { Broker } from './broker/broker.ts';
import { MemoryBroker } from './broker/memory.ts';
import type { ChannelName } from './channel/name.ts';
import { namespaceOf } from './channel/name.ts';
import type { Rules } from './channel/rules.ts';
import { historyOf } from './channel/rules.ts';
import type { Config } from './config/config.ts';
import type { Hooks } from './hooks/hooks.ts';
import { Hub } from './hub/hub.ts';
import { Roster } from './hub/roster.ts';
import { assert } from './kernel/assert.ts';
import type { Clock } from './kernel/clock.ts';
import type { Log } from './kernel/log.ts';
import { ThrottledLog } from './kernel/log.ts';
import { Meters } from './kernel/meters.ts';
import { Turn } from './kernel/turn.ts';
import { Wheel } from './kernel/wheel.ts';
import { MemoryPresence } from './presence/memory.ts';
import type { Presence } from './presence/presence.ts';
import type { Services, SessionCounts } from './session/services.ts';

/** What a gateway is given besides its configuration; all of it can be replaced in a test. */
export interface Surroundings {
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly hooks: Hooks;
  readonly version: string;
}

export interface Organs {
  readonly hub: Hub;
  readonly broker: Broker;
  readonly presence: Presence;
  readonly roster: Roster;
  readonly verifier: TokenVerifier;
  readonly meters: Meters;
  readonly wheel: Wheel;
  readonly services: Services;
  readonly fault: (where: string, error: unknown) => void;
  rulesOf(channel: ChannelName): Rules | null;
}

/** 8 characters from 48 random bits: two lives of a stream never share one. */
const EPOCH_BYTES = 6;

export function buildOrgans(config: Config, surroundings: Surroundings): Organs {
  const { clock, log, hooks } = surroundings;
  const { limits } = config;
  const meters = new Meters();
  const wheel = new Wheel(clock);
  const turn = new Turn((run) => setImmediate(run));
  const quietLog = new ThrottledLog(log, () => clock.now());
  const countFault = meters.counter('faults', 'Errors of our own, by where.', 'where');
  const fault = (where: string, error: unknown): void => {
    countFault(where);
    log.error({ where, error }, 'internal error');
  };
  const rulesOf = (channel: ChannelName): Rules | null =>
    config.namespaces.get(namespaceOf(channel)) ?? null;

  const broker = new MemoryBroker({
    listener: {
      published: (channel, publication, epoch) => hub.receive(channel, publication, epoch),
      noticed: (type, channel, info) => hub.notify(type, channel, info),
    },
    clock,
    wheel,
    streamsMax: limits.streams,
    idempotencyKeysMax: limits.idempotencyKeys,
    newEpoch: () => randomBytes(EPOCH_BYTES).toString('base64url'),
    countForgottenKey: meters.counter('idempotency_keys_forgotten', 'Forgotten before their time.'),
  });
  const countStream = meters.counter(
    'stream_events',
    'Gaps, doubles and what became of them.',
    'event',
  );
  const hub = new Hub({
    source: {
      listen: (channel) => broker.listen(channel),
      unlisten: (channel) => broker.unlisten(channel),
      read: (channel, query) => {
        const history = historyOf(rulesOf(channel) ?? missing());
        assert(history !== null, 'only a channel with history is read');
        return broker.read(channel, query, history);
      },
    },
    turn,
    flushBytes: limits.flushBytes,
    heldMax: limits.historyPublications,
    count: countStream,
    failed: (channel, error) => fault('history read', error),
  });
  const presence = new MemoryPresence();
  const roster = new Roster();
  const verifier = createTokenVerifier(config.tokens, {
    clock,
    log,
    count: meters.counter('tokens', 'Tokens that were verified, by outcome.', 'outcome'),
    countKeySetReads: meters.counter('key_set_reads', 'Reads of the key set.', 'outcome'),
  });
  const services: Services = {
    hub,
    broker,
    presence,
    roster,
    verifier,
    hooks,
    limits,
    clock,
    wheel,
    turn,
    fault,
    rulesOf,
    log: quietLog,
    settings: {
      pingIntervalMs: config.pingIntervalMs,
      pongTimeoutMs: config.pingTimeoutMs,
      connectionGraceMs: config.connectionGraceMs,
      subscriptionGraceMs: config.subscriptionGraceMs,
      anonymous: config.anonymous,
      personalNamespace: config.personalNamespace,
      version: surroundings.version,
    },
    counts: sessionCounts(meters),
    newClientId: () => randomUUID(),
    random: surroundings.random,
  };
  gauges(meters, { roster, hub });
  return { hub, broker, presence, roster, verifier, meters, wheel, services, fault, rulesOf };
}

function missing(): never {
  throw new Error('assertion failed: the channel of a feed has rules');
}

function sessionCounts(meters: Meters): SessionCounts {
  return {
    commands: meters.counter('commands', 'Commands of clients.', 'command'),
    errors: meters.counter('errors', 'Errors in replies to clients, by code.', 'code'),
    closes: meters.counter('closes', 'Connections that ended, by close code.', 'code'),
    unsubscribes: meters.counter('unsubscribes', 'Subscriptions ended by us, by code.', 'code'),
    slow: meters.counter('slow', 'Times a reader was too slow, by rule.', 'rule'),
  };
}

function gauges(meters: Meters, { roster, hub }: { roster: Roster; hub: Hub }): void {
  meters.gauge('connections', 'Open connections.', () => roster.size);
  meters.gauge('users', 'Users with a connection.', () => roster.users);
  meters.gauge('channels', 'Channels with subscribers.', () => hub.size);
  meters.gauge('memory_bytes', 'Resident memory of the process.', () => process.memoryUsage.rss());
}
