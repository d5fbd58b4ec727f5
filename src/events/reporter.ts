/** Takes down what sessions tell, and tells again who is there when a journal has to begin anew. */
import type { ChannelName } from '../channel/name.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Close } from '../protocol/close.ts';
import type { EventType } from './event.ts';
import type { Events, Who } from './events.ts';
import type { Happening } from './happening.ts';

/** A connection as it is now. */
export interface Resident extends Who {
  channels(): readonly ChannelName[];
}

export interface ReporterOptions {
  readonly clock: Clock;
  readonly types: ReadonlySet<EventType>;
  /** Everyone who is connected here. */
  readonly residents: () => Iterable<Resident>;
  readonly enter: (happening: Happening) => void;
}

const OF_SUBSCRIPTIONS: readonly EventType[] = [
  'subscribed',
  'unsubscribed',
  'channel_occupied',
  'channel_vacated',
];

export class Reporter implements Events {
  readonly #options: ReporterOptions;
  readonly #wantsSubscriptions: boolean;
  /** Since when each connection has been there. */
  readonly #since = new Map<string, number>();

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#wantsSubscriptions = OF_SUBSCRIPTIONS.some((type) => options.types.has(type));
  }

  connected({ client, user }: Who): void {
    const atMs = this.#options.clock.now();
    this.#since.set(client, atMs);
    this.#options.enter({ type: 'connected', client, user, atMs, sinceMs: atMs, again: false });
  }

  disconnected({ client, user }: Who, close: Close): void {
    if (!this.#since.delete(client)) return;
    const atMs = this.#options.clock.now();
    this.#options.enter({ type: 'disconnected', client, user, atMs, close });
  }

  subscribed({ client, user }: Who, channel: ChannelName): void {
    if (!this.#wantsSubscriptions) return;
    const atMs = this.#options.clock.now();
    this.#options.enter({ type: 'subscribed', client, user, atMs, channel, again: false });
  }

  unsubscribed({ client, user }: Who, channel: ChannelName, close: Close): void {
    if (!this.#wantsSubscriptions) return;
    const atMs = this.#options.clock.now();
    this.#options.enter({ type: 'unsubscribed', client, user, atMs, channel, close });
  }

  /**
   * For each connection what tells all of it, as it is when its turn comes. Whoever takes these may
   * wait between them: those who come meanwhile are told last, and those who go are not told.
   */
  *retell(): Generator<readonly Happening[]> {
    for (const resident of this.#options.residents()) {
      const { client, user } = resident;
      const sinceMs = this.#since.get(client);
      if (sinceMs === undefined) continue;
      const who = { client, user, atMs: this.#options.clock.now(), again: true };
      const joined = this.#wantsSubscriptions ? resident.channels() : [];
      yield [
        { ...who, type: 'connected', sinceMs },
        ...joined.map((channel): Happening => ({ ...who, type: 'subscribed', channel })),
      ];
    }
  }
}
