/** Connections as sessions tell of them, in front of a real journal. */
import type { ChannelName } from '../../src/channel/name.ts';
import { channelNameOf } from '../../src/channel/name.ts';
import type { EventType } from '../../src/events/event.ts';
import { batchOf, EVENT_TYPES } from '../../src/events/event.ts';
import type { DropReason, Journal, JournalOptions } from '../../src/events/journal.ts';
import type { Resident } from '../../src/events/reporter.ts';
import { Reporter } from '../../src/events/reporter.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { View } from './view.ts';

export interface CrowdOptions {
  readonly types?: readonly EventType[];
  readonly eventsMax?: number;
  readonly pendingMax?: number;
  readonly vacateDelayMs?: number;
  readonly clock?: Clock;
  readonly gateway?: string;
  readonly filled?: () => void;
}

export interface Seams extends JournalOptions {
  readonly types: ReadonlySet<EventType>;
  readonly clock: Clock;
  readonly pendingMax: number;
}

const ENDED = { code: 3503, reason: 'force disconnect' };
const LEFT = { code: 0, reason: 'unsubscribe called' };
const CUT = { code: 1, reason: 'disconnect called' };

class Person implements Resident {
  readonly client: string;
  readonly user: string;
  readonly joined = new Set<ChannelName>();

  constructor(client: string, user: string) {
    this.client = client;
    this.user = user;
  }

  channels(): readonly ChannelName[] {
    return [...this.joined];
  }
}

export class Crowd<J extends Journal = Journal> {
  readonly journal: J;
  readonly dropped = new Map<DropReason, number>();
  readonly #reporter: Reporter;
  readonly #people = new Map<string, Person>();

  constructor(open: (seams: Seams) => J, options: CrowdOptions = {}) {
    const {
      clock = systemClock,
      eventsMax = 100_000,
      pendingMax = 100_000,
      gateway = 'g1',
    } = options;
    const types = new Set(options.types ?? EVENT_TYPES);
    this.#reporter = new Reporter({
      clock,
      types,
      residents: () => this.#people.values(),
      enter: (happening) => this.journal.enter(happening),
    });
    this.journal = open({
      clock,
      types,
      eventsMax,
      pendingMax,
      gateway,
      source: 'suite',
      vacateDelayMs: options.vacateDelayMs ?? 0,
      retell: () => this.#reporter.retell(),
      filled: options.filled ?? ((): void => {}),
      countDropped: (reason, events) => {
        if (events > 0) this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + events);
      },
    });
  }

  get size(): number {
    return this.#people.size;
  }

  get clients(): readonly string[] {
    return [...this.#people.keys()];
  }

  /** Who is connected, and where each of them is subscribed: what the backend should know. */
  get state(): Record<string, string[]> {
    const entries = [...this.#people].map(
      ([client, { joined }]) => [client, [...joined].toSorted()] as const,
    );
    return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  connect(client: string, user = ''): void {
    const person = new Person(client, user);
    this.#people.set(client, person);
    this.#reporter.connected(person);
  }

  subscribe(client: string, channel: string): void {
    const person = this.#person(client);
    const name = channelNameOf(channel, 255);
    if (person.joined.has(name)) return;
    person.joined.add(name);
    this.#reporter.subscribed(person, name);
  }

  unsubscribe(client: string, channel: string): void {
    const person = this.#person(client);
    const name = channelNameOf(channel, 255);
    if (person.joined.delete(name)) this.#reporter.unsubscribed(person, name, LEFT);
  }

  disconnect(client: string): void {
    const person = this.#person(client);
    this.#people.delete(client);
    for (const channel of person.joined) this.#reporter.unsubscribed(person, channel, CUT);
    this.#reporter.disconnected(person, ENDED);
  }

  #person(client: string): Person {
    const person = this.#people.get(client);
    if (person === undefined) throw new Error(`${client} is not there`);
    return person;
  }
}

/** Takes all that waits, a few at a time, and tells it to a backend. */
export async function readAll(journal: Journal, view = new View(), eventsMax = 7): Promise<View> {
  for (;;) {
    const page = await journal.take(eventsMax);
    if ('restMs' in page) return view;
    view.take(batchOf(page.batch));
    await journal.done(page, 'delivered');
  }
}
