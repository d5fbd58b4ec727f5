/** What the backend is told: by a function of the program, or by requests to a URL. */
import { hostname } from 'node:os';
import type { Config } from './config/config.ts';
import type { Deliver } from './events/courier.ts';
import { Courier } from './events/courier.ts';
import type { EventBatch, EventType } from './events/event.ts';
import { batchOf, batchText } from './events/event.ts';
import type { Events } from './events/events.ts';
import { silentEvents } from './events/events.ts';
import type { DropReason, Journal, JournalOptions } from './events/journal.ts';
import { MemoryJournal } from './events/memory.ts';
import { RedisJournal } from './events/redis.ts';
import { Reporter } from './events/reporter.ts';
import { Undelivered } from './events/undelivered.ts';
import type { PostAnswer } from './hooks/event-post.ts';
import { EventPost, NotReached } from './hooks/event-post.ts';
import type { Roster } from './hub/roster.ts';
import type { Clock } from './kernel/clock.ts';
import type { ThrottledLog } from './kernel/log.ts';
import type { Maybe } from './kernel/maybe.ts';
import type { Meters } from './kernel/meters.ts';
import type { Part } from './kernel/part.ts';
import { RedisAway } from './redis/errors.ts';
import type { Sharing } from './sharing.ts';

/** Beside the hooks: what the program is told. */
export interface EventsHook {
  /**
   * When it returns, the batch is delivered. When it throws, the same events are given to it again,
   * later; those that it throws a `Refusal` for that is not temporary are dropped in the end.
   */
  events?(batch: EventBatch, context: { readonly signal: AbortSignal }): Maybe<void>;
}

export interface TellingContext {
  readonly config: Config;
  readonly version: string;
  /** Of this gateway. */
  readonly uid: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly meters: Meters;
  readonly log: ThrottledLog;
  readonly fault: (where: string, error: unknown) => void;
  readonly hooks: EventsHook;
  readonly roster: Roster;
  readonly sharing: Pick<Sharing, 'redis' | 'lease'>;
}

export interface Telling {
  readonly events: Events;
  /** In the order of their birth. */
  readonly parts: readonly Part[];
}

/** How long a gateway that closes goes on delivering. */
const CLOSE_MS = 5000;

/** Where batches go. */
interface Recipient extends Part {
  readonly deliver: Deliver;
}

export function tell(context: TellingContext): Telling {
  const recipient = recipientOf(context);
  if (recipient === null) return { events: silentEvents, parts: [] };
  const { config, meters } = context;
  const reporter = new Reporter({
    ...context,
    types: new Set(config.events.types),
    residents: () => context.roster.connections(),
    enter: (happening) => journal.enter(happening),
  });
  let courier: Courier | null = null;
  const journal = journalOf(context, {
    retell: () => reporter.retell(),
    filled: () => courier?.filled(),
  });
  courier = new Courier({
    ...context,
    ...config.events,
    journal,
    deliver: recipient.deliver,
    countDelivered: meters.counter('events_delivered', 'Events that the backend has taken.'),
    countFailed: meters.counter(
      'events_failures',
      'Batches of events that the backend did not take, by how.',
      'failure',
    ),
    isAway: (error) => error instanceof RedisAway,
  });
  addGauges(context, journal);
  const close = endOf(journal, courier);
  return { events: reporter, parts: [recipient, { name: 'events', close }] };
}

function recipientOf(context: TellingContext): Recipient | null {
  const { config, hooks } = context;
  const { target, timeoutMs } = config.events;
  if (hooks.events !== undefined) {
    return {
      name: 'events hook',
      deliver: async (batch, signal) => await hooks.events?.(batchOf(batch), { signal }),
      close: () => Promise.resolve(),
    };
  }
  if (target === null) return null;
  const post = new EventPost({ ...context, ...target, timeoutMs });
  return {
    name: 'events post',
    deliver: async (batch, signal) => accept(await sent(post, batchText(batch), signal)),
    close: () => post.close(),
  };
}

/** @throws {Undelivered} where nobody is there. */
async function sent(post: EventPost, body: string, signal: AbortSignal): Promise<PostAnswer> {
  try {
    return await post.send(body, signal);
  } catch (error) {
    if (!(error instanceof NotReached)) throw error;
    throw new Undelivered('unreachable', error.message, { cause: error });
  }
}

/** Answers of 4xx that say nothing about what was posted: they may be others at another time. */
export const PASSING_STATUSES: ReadonlySet<number> = new Set([
  401, 403, 404, 405, 407, 408, 421, 423, 425, 429,
]);

/** @throws {Undelivered} */
function accept({ status, retryAfterMs }: PostAnswer): void {
  if (status >= 200 && status < 300) return;
  const isRefused = status >= 400 && status < 500 && !PASSING_STATUSES.has(status);
  throw new Undelivered(isRefused ? 'refused' : 'failed', `status ${status}`, { retryAfterMs });
}

function journalOf(
  context: TellingContext,
  seams: Pick<JournalOptions, 'retell' | 'filled'>,
): Journal {
  const { config, uid, meters, log, sharing } = context;
  const { redis, lease } = sharing;
  const { types, source, vacateDelayMs } = config.events;
  const count = meters.counter('events_dropped', 'Events that were dropped, by why.', 'reason');
  const options = {
    ...context,
    ...seams,
    types: new Set<EventType>(types),
    source: source ?? config.redis?.prefix ?? hostname(),
    gateway: uid,
    vacateDelayMs,
    eventsMax: config.limits.eventsWaiting,
    countDropped(reason: DropReason, events: number) {
      if (events === 0) return;
      count(reason, events);
      log.warn(`events dropped: ${reason}`, { reason, events }, 'events were dropped');
    },
  };
  if (redis === null || lease === null) return new MemoryJournal(options);
  return new RedisJournal({ ...options, redis, lease, pendingMax: config.limits.eventsPending });
}

function addGauges({ meters, clock }: TellingContext, journal: Journal): void {
  meters.gauge('events_waiting', 'Events that wait for the backend.', () => journal.size);
  meters.gauge('events_oldest_seconds', 'For how long the oldest of them has waited.', () => {
    const { oldestMs } = journal;
    return oldestMs === null ? 0 : Math.max(0, clock.now() - oldestMs) / 1000;
  });
}

/** What happened to the last connections is entered before it is delivered. */
function endOf(journal: Journal, courier: Courier): () => Promise<void> {
  return async () => {
    await journal.flush();
    await courier.close(CLOSE_MS);
    await journal.close();
  };
}
