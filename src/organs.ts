/** What a gateway is made of: every organ, built from the configuration and joined to the others. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Api } from './api/api.ts';
import { createApi } from './api/api.ts';
import type { Callee } from './api/builtin/call.ts';
import { applyControl } from './api/control.ts';
import type { OperationsContext } from './api/operations.ts';
import { Operations } from './api/operations.ts';
import type { Asking, OwnHooks } from './asking.ts';
import { buildAsking } from './asking.ts';
import type { Archiving } from './archiving.ts';
import { withArchive } from './archiving.ts';
import type { TokenVerifier } from './auth/jwt.ts';
import { createTokenVerifier } from './auth/jwt.ts';
import type { Broker } from './broker/broker.ts';
import type { ChannelName } from './channel/name.ts';
import { namespaceOf } from './channel/name.ts';
import type { Rules } from './channel/rules.ts';
import { historyOf } from './channel/rules.ts';
import { newClientId } from './client-id.ts';
import type { Config } from './config/config.ts';
import type { Source } from './hub/hub.ts';
import { Hub } from './hub/hub.ts';
import { Roster } from './hub/roster.ts';
import { assert } from './kernel/assert.ts';
import type { Clock } from './kernel/clock.ts';
import type { Log } from './kernel/log.ts';
import { ThrottledLog } from './kernel/log.ts';
import { Refusal } from './kernel/errors.ts';
import { Meters } from './kernel/meters.ts';
import { Turn } from './kernel/turn.ts';
import { Wheel } from './kernel/wheel.ts';
import type { Crew } from './server/crew.ts';
import type { Services, SessionCounts, SessionSettings } from './session/services.ts';
import type { Sharing } from './sharing.ts';
import { share } from './sharing.ts';
import type { Tasking } from './tasking.ts';
import { buildTasking } from './tasking.ts';
import type { Telling } from './telling.ts';
import { tell } from './telling.ts';

/** What a gateway is given besides its configuration; all of it can be replaced in a test. */
export interface Surroundings {
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly hooks: OwnHooks;
  readonly version: string;
  /** Set where several processes are one on a port. */
  readonly crew?: Crew;
}

export interface Organs {
  readonly hub: Hub;
  readonly sharing: Sharing;
  readonly asking: Asking;
  readonly tasking: Tasking;
  readonly archiving: Archiving;
  readonly telling: Telling;
  readonly roster: Roster;
  readonly verifier: TokenVerifier;
  readonly meters: Meters;
  readonly wheel: Wheel;
  readonly services: Services;
  readonly operations: Operations;
  readonly api: Api;
  readonly fault: (where: string, error: unknown) => void;
}

export function buildOrgans(config: Config, surroundings: Surroundings): Organs {
  const frame = buildFrame(surroundings);
  const { meters, fault } = frame;
  const rulesOf = (channel: string): Rules | null =>
    config.namespaces.get(namespaceOf(channel)) ?? null;
  const { clock, random, version, crew } = surroundings;
  const uid = randomUUID();
  const name = crew === undefined ? hostname() : `${hostname()} worker ${crew.worker}`;
  const node = { uid, name, version };
  const startedAtMs = clock.now();
  const common = { ...frame, clock, random, rulesOf };
  const sharing = share({
    ...common,
    config,
    uid,
    listener: {
      published: (channel, publication, epoch) => hub.receive(channel, publication, epoch),
      noticed: (type, channel, info) => hub.notify(type, channel, info),
    },
    check: (channel, top) => hub.check(channel, top),
    apply: (control) => applyControl(roster, control),
    residents: () => ({ node, hub, roster }),
    uptimeMs: () => clock.now() - startedAtMs,
  });
  const { presence, quota } = sharing;
  const { log } = surroundings;
  const archiving = withArchive(sharing, { ...common, config, log, throttled: frame.log });
  const { broker } = archiving;
  const hub = buildHub(config, common, sourceOf(broker, rulesOf));
  const roster = new Roster();
  const telling = tell({ ...surroundings, ...common, config, uid, sharing, roster });
  const verifier = buildVerifier(config, surroundings, frame);
  const asking = buildAsking({ ...common, config, surroundings, redis: sharing.redis });
  const services: Services = {
    ...common,
    hub,
    broker,
    presence,
    quota,
    roster,
    verifier,
    hooks: asking.hooks,
    events: telling.events,
    limits: config.limits,
    settings: settingsOf(config, version),
    counts: sessionCounts(meters),
    newClientId,
  };
  addGauges(meters, { roster, hub });
  const joined = { sharing, archiving, asking };
  const asked = buildOperations(config, { ...common, ...joined, services, node, startedAtMs });
  const api = createApi(asked.operations, { limits: config.limits, version, fault });
  return { ...frame, ...joined, telling, hub, roster, verifier, services, ...asked, api };
}

/** What holds the organs: time, turns, counts and the log. */
interface Frame {
  readonly meters: Meters;
  readonly wheel: Wheel;
  readonly turn: Turn;
  readonly log: ThrottledLog;
  readonly fault: (where: string, error: unknown) => void;
}

function buildFrame({ clock, log }: Surroundings): Frame {
  const meters = new Meters();
  const countFault = meters.counter('faults', 'Errors of our own, by where.', 'where');
  const throttled = new ThrottledLog(log, () => clock.now());
  return {
    meters,
    wheel: new Wheel(clock),
    turn: new Turn((run) => setImmediate(run)),
    log: throttled,
    fault(where, error) {
      // What Redis cannot do now; it may be as many as there are connections.
      if (error instanceof Refusal && error.entry.temporary) {
        throttled.warn(where, { reason: error.message }, 'not done, for now');
        return;
      }
      countFault(where);
      log.error({ where, err: error }, 'internal error');
    },
  };
}

interface Asked extends Frame, Pick<OperationsContext, 'node' | 'startedAtMs' | 'rulesOf'> {
  readonly clock: Clock;
  readonly random: () => number;
  readonly services: Services;
  readonly sharing: Sharing;
  readonly archiving: Archiving;
  readonly asking: Asking;
}

/** Tasks publish by the operations, and operations hand in tasks. */
function buildOperations(config: Config, asked: Asked): Pick<Organs, 'tasking' | 'operations'> {
  const { services, sharing, archiving, asking, node, startedAtMs } = asked;
  const { redis, carry, census } = sharing;
  const { archive } = archiving;
  const tasking = buildTasking({
    ...asked,
    config,
    redis,
    callee: calleeOf(config, asking),
    operations: () => operations,
  });
  const { operations: tasks } = tasking;
  const context = { ...services, tasks, archive, carry, census, node, startedAtMs };
  const operations = new Operations(context);
  return { tasking, operations };
}

function calleeOf({ endpoints }: Config, { call }: Asking): Callee | null {
  return endpoints.size === 0 ? null : { has: (name) => endpoints.has(name), call };
}

function sourceOf(broker: Broker, rulesOf: (channel: ChannelName) => Rules | null): Source {
  return {
    listen: (channel) => broker.listen(channel),
    unlisten: (channel) => broker.unlisten(channel),
    read(channel, query) {
      const rules = rulesOf(channel);
      const history = rules === null ? null : historyOf(rules);
      assert(history !== null, 'only a channel with history is read');
      return broker.read(channel, query, history);
    },
  };
}

function buildHub(
  { limits }: Config,
  { clock, turn, meters, fault }: Frame & { readonly clock: Clock },
  source: Source,
): Hub {
  return new Hub({
    source,
    clock,
    turn,
    flushBytes: limits.flushBytes,
    heldMax: limits.historyPublications,
    count: meters.counter('stream_events', 'Gaps, doubles and what became of them.', 'event'),
    failed: (_channel, error) => fault('history read', error),
  });
}

function buildVerifier(
  { tokens }: Config,
  { clock, log }: Surroundings,
  { meters }: Frame,
): TokenVerifier {
  return createTokenVerifier(tokens, {
    clock,
    log,
    count: meters.counter('tokens', 'Tokens that were verified, by outcome.', 'outcome'),
    countKeySetReads: meters.counter('key_set_reads', 'Reads of the key set.', 'outcome'),
  });
}

function settingsOf(config: Config, version: string): SessionSettings {
  return {
    pingIntervalMs: config.pingIntervalMs,
    pongTimeoutMs: config.pingTimeoutMs,
    connectionGraceMs: config.connectionGraceMs,
    subscriptionGraceMs: config.subscriptionGraceMs,
    anonymous: config.anonymous,
    personalNamespace: config.personalNamespace,
    version,
  };
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

function addGauges(meters: Meters, { roster, hub }: { roster: Roster; hub: Hub }): void {
  meters.gauge('connections', 'Open connections.', () => roster.size);
  meters.gauge('users', 'Users with a connection.', () => roster.users);
  meters.gauge('channels', 'Channels with subscribers.', () => hub.size);
  meters.gauge('memory_bytes', 'Resident memory of the process.', () => process.memoryUsage.rss());
}
