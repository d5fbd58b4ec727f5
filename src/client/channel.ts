/** One channel of a client, as its user sees it. */
import type { Listener } from './emitter.ts';
import type {
  ChannelEvents,
  ChannelState,
  ClientInfo,
  History,
  Position,
  PresenceStats,
  Publication,
} from './events.ts';
import type { CallOptions, HistoryOptions } from './options.ts';
import { infoOf, publicationOf } from './stream.ts';
import type { Subscription } from './subscription.ts';
import type { Body, CommandName, Reply } from './wire.ts';

/** The connection, as a channel sees it. */
export interface Caller {
  call(name: CommandName, body: Body, options: CallOptions): Promise<Reply>;
}

/**
 * To be had of `client.channel`. `T` is the type of its data, on the word of whoever asked for it.
 * A subscription is had again by itself for as long as that may succeed.
 */
export class Channel<T = unknown> {
  readonly name: string;
  readonly #subscription: Subscription;
  readonly #caller: Caller;
  readonly #forget: () => void;

  /** `forget` is called when it is closed. */
  constructor(subscription: Subscription, caller: Caller, forget: () => void) {
    this.name = subscription.channel;
    this.#subscription = subscription;
    this.#caller = caller;
    this.#forget = forget;
  }

  get state(): ChannelState {
    return this.#subscription.state;
  }

  /** Behind the last publication; null where the channel has no stream. Kept by `unsubscribe()`. */
  get position(): Position | null {
    return this.#subscription.position;
  }

  /** The function it returns takes the listener away again. */
  on<Name extends keyof ChannelEvents<T>>(
    name: Name,
    listener: Listener<ChannelEvents<T>[Name]>,
  ): () => void {
    return this.#subscription.events.on(name, listener);
  }

  /**
   * Resolves when it is subscribed, which may take until the client is connected. What may pass is
   * tried again meanwhile.
   * @throws {SluiceError} by rejection: the gateway's refusal, `unsubscribed` or `closed` when that
   * came first, or why the client stopped.
   */
  subscribe(): Promise<void> {
    return this.#subscription.subscribe();
  }

  /**
   * At once: nothing is delivered from here on, and each `for await` ends. The position is kept, and
   * a later `subscribe()` continues from it if the channel can.
   */
  unsubscribe(): void {
    this.#subscription.unsubscribe();
  }

  /** Unsubscribes for good; `client.channel` gives a new one for the name from now on. */
  close(): void {
    this.#forget();
    this.#subscription.close();
  }

  /** Resolves when the gateway has taken it. @throws as `client.publish` does. */
  async publish(data: T, options: CallOptions = {}): Promise<void> {
    await this.#caller.call('publish', { channel: this.name, data }, options);
  }

  /** @throws {SluiceError} by rejection, as all calls do. */
  async history(options: HistoryOptions = {}): Promise<History<T>> {
    const { limit, since, reverse } = options;
    const body = { channel: this.name, limit, since, reverse };
    const { history = {} } = await this.#caller.call('history', body, options);
    const { publications = [], offset = 0, epoch = '' } = history;
    return {
      publications: publications.map((one) => publicationOf(this.name, one)),
      position: { offset, epoch },
    };
  }

  /** Who is subscribed now. */
  async presence(options: CallOptions = {}): Promise<ClientInfo[]> {
    const { presence } = await this.#caller.call('presence', { channel: this.name }, options);
    return Object.values(presence?.presence ?? {}).map(infoOf);
  }

  async presenceStats(options: CallOptions = {}): Promise<PresenceStats> {
    const body = { channel: this.name };
    const { presence_stats: stats } = await this.#caller.call('presence_stats', body, options);
    return { clients: stats?.num_clients ?? 0, users: stats?.num_users ?? 0 };
  }

  /**
   * Publications from now on, in order; subscribes if need be. `break` leaves the subscription as it
   * is. It ends with `unsubscribe()` and `close()`.
   * @throws {SluiceError} when the subscription is refused or ended by the gateway, when the client
   * stops, and `bufferFull` after `bufferMax` publications that nobody has read: those come first.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Publication<T>> {
    return this.#subscription.read();
  }
}
