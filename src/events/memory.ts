/** The journal of a gateway that is alone: it ends with the process. */
import type { ChannelName } from '../channel/name.ts';
import type { Clock } from '../kernel/clock.ts';
import type { EventType, ResetCause } from './event.ts';
import type { Happening } from './happening.ts';
import { membersOf } from './happening.ts';
import type { Journal, JournalOptions, Page, Rest } from './journal.ts';

export interface MemoryJournalOptions extends JournalOptions {
  readonly clock: Clock;
  readonly types: ReadonlySet<EventType>;
}

/** A connection that was told of. */
interface Told {
  readonly sinceMs: number;
  readonly channels: Set<ChannelName>;
  seq: number;
}

interface Waiting {
  readonly id: number;
  readonly text: string;
}

const NEVER = new AbortController().signal;

export class MemoryJournal implements Journal {
  readonly #options: MemoryJournalOptions;
  readonly #wantsChannels: boolean;
  readonly #told = new Map<string, Told>();
  readonly #subscribers = new Map<ChannelName, number>();
  /** When channels that nobody is in will be told vacated, the first first. */
  readonly #vacating = new Map<ChannelName, number>();
  readonly #waiting: Waiting[] = [];
  #lastId = 0;
  #dropped = 0;
  /** Too many waited: nothing is told until those that do are through. */
  #isFull = false;
  #retelling: Iterator<readonly Happening[]> | null = null;

  constructor(options: MemoryJournalOptions) {
    this.#options = options;
    const { types } = options;
    this.#wantsChannels = types.has('channel_occupied') || types.has('channel_vacated');
    this.#reset('start');
  }

  get size(): number {
    return this.#waiting.length;
  }

  get oldestMs(): number | null {
    const [oldest] = this.#waiting;
    return oldest === undefined ? null : Math.floor(oldest.id / 1000);
  }

  enter(happening: Happening): void {
    if (!this.#isFull && this.#waiting.length >= this.#options.eventsMax) {
      this.#isFull = true;
      this.#reset('overflow');
    }
    if (this.#isFull) this.#drop(1, 'backlog');
    else this.#apply(happening);
  }

  take(eventsMax: number): Page | Rest {
    this.#vacate();
    this.#retell();
    const waiting = this.#waiting.slice(0, eventsMax);
    const last = waiting.at(-1);
    if (last === undefined) return { restMs: this.#untilVacateMs() };
    return {
      batch: {
        source: this.#options.source,
        dropped: this.#dropped,
        events: waiting.map(({ id, text }) => `{"id":${id},${text}}`),
      },
      lastId: last.id,
      isFull: waiting.length === eventsMax,
      signal: NEVER,
    };
  }

  done({ batch, lastId }: Page, outcome: 'delivered' | 'dropped'): void {
    const behind = this.#waiting.findIndex(({ id }) => id > lastId);
    const gone = this.#waiting.splice(0, behind === -1 ? this.#waiting.length : behind);
    if (outcome === 'delivered') this.#dropped -= batch.dropped;
    else this.#drop(gone.length, 'refused');
    if (!this.#isFull || this.#waiting.length > 0) return;
    this.#isFull = false;
    this.#retelling = this.#options.retell();
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#drop(this.#waiting.length, 'closed');
    return Promise.resolve();
  }

  #apply(happening: Happening): void {
    const { client } = happening;
    const told = this.#told.get(client);
    if (happening.type === 'connected') {
      if (told !== undefined) return;
      const { sinceMs } = happening;
      const begun = { sinceMs, channels: new Set<ChannelName>(), seq: 0 };
      this.#told.set(client, begun);
      this.#tellOf(begun, happening);
    } else if (told === undefined) {
      // Nothing was told of it since the last reset.
    } else if (happening.type === 'disconnected') {
      this.#told.delete(client);
      this.#tellOf(told, happening, `,"duration":${Math.max(0, happening.atMs - told.sinceMs)}`);
    } else if (happening.type === 'subscribed') {
      if (told.channels.has(happening.channel)) return;
      told.channels.add(happening.channel);
      this.#tellOf(told, happening);
      this.#occupy(happening.channel);
    } else if (told.channels.delete(happening.channel)) {
      this.#tellOf(told, happening);
      this.#leave(happening.channel);
    }
  }

  #tellOf(told: Told, happening: Happening, more = ''): void {
    if (!this.#options.types.has(happening.type)) return;
    told.seq += 1;
    this.#append(`${membersOf(happening, this.#options.gateway)}${more},"seq":${told.seq}`);
  }

  #occupy(channel: ChannelName): void {
    if (!this.#wantsChannels) return;
    const subscribers = (this.#subscribers.get(channel) ?? 0) + 1;
    this.#subscribers.set(channel, subscribers);
    if (subscribers > 1 || this.#vacating.delete(channel)) return;
    this.#tellOfChannel('channel_occupied', channel);
  }

  #leave(channel: ChannelName): void {
    if (!this.#wantsChannels) return;
    const subscribers = (this.#subscribers.get(channel) ?? 1) - 1;
    if (subscribers > 0) {
      this.#subscribers.set(channel, subscribers);
      return;
    }
    this.#subscribers.delete(channel);
    const { vacateDelayMs, clock, filled } = this.#options;
    if (vacateDelayMs === 0) {
      this.#tellOfChannel('channel_vacated', channel);
      return;
    }
    this.#vacating.set(channel, clock.now() + vacateDelayMs);
    filled();
  }

  #vacate(): void {
    const nowMs = this.#options.clock.now();
    for (const [channel, dueMs] of this.#vacating) {
      if (dueMs > nowMs) break;
      this.#vacating.delete(channel);
      this.#tellOfChannel('channel_vacated', channel);
    }
  }

  #untilVacateMs(): number {
    for (const dueMs of this.#vacating.values()) return dueMs - this.#options.clock.now();
    return Infinity;
  }

  #tellOfChannel(type: EventType, channel: ChannelName): void {
    if (!this.#options.types.has(type)) return;
    const event = { type, time: this.#options.clock.now(), channel };
    this.#append(JSON.stringify(event).slice(1, -1));
  }

  /** As many of those who are here as there is room for. */
  #retell(): void {
    while (this.#retelling !== null && this.#waiting.length < this.#options.eventsMax / 2) {
      const next = this.#retelling.next();
      if (next.done === true) this.#retelling = null;
      else for (const happening of next.value) this.#apply(happening);
    }
  }

  #reset(cause: ResetCause): void {
    this.#told.clear();
    this.#subscribers.clear();
    this.#vacating.clear();
    this.#retelling = null;
    this.#append(`"type":"reset","time":${this.#options.clock.now()},"cause":"${cause}"`);
  }

  /** Ids are microseconds of the clock, so that those of another process begin after them. */
  #append(text: string): void {
    this.#lastId = Math.max(this.#lastId + 1, this.#options.clock.now() * 1000);
    this.#waiting.push({ id: this.#lastId, text });
    this.#options.filled();
  }

  #drop(events: number, reason: 'backlog' | 'refused' | 'closed'): void {
    if (events === 0) return;
    this.#dropped += events;
    this.#options.countDropped(reason, events);
  }
}
