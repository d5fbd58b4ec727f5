/** The channels the server subscribed this client to. */
import { SERVER_UNSUBSCRIBE } from './codes.ts';
import type { Told } from './stream.ts';
import { Stream } from './stream.ts';
import type { Body, WirePush, WireSubscription } from './wire.ts';

export class ServerStreams {
  readonly #streams = new Map<string, Stream>();
  readonly #told: Told;
  #isLive = false;

  constructor(told: Told) {
    this.#told = told;
  }

  /** What a connect asks for, to continue in each. */
  get recovery(): Body | undefined {
    if (this.#streams.size === 0) return undefined;
    return Object.fromEntries([...this.#streams].map(([name, { recovery }]) => [name, recovery]));
  }

  /** The connection begins with these. */
  begin(subs: Readonly<Record<string, WireSubscription>>): void {
    this.#isLive = true;
    for (const channel of this.#streams.keys()) {
      if (!Object.hasOwn(subs, channel)) this.#leave(channel, {});
    }
    for (const [channel, result] of Object.entries(subs)) this.#enter(channel, result);
  }

  pushed(push: WirePush): void {
    const { channel = '', subscribe, unsubscribe } = push;
    if (subscribe !== undefined) this.#enter(channel, subscribe);
    else if (unsubscribe !== undefined) this.#leave(channel, unsubscribe);
    else this.#streams.get(channel)?.push(push);
  }

  /** The connection ended. */
  stop(): void {
    this.#isLive = false;
    for (const stream of this.#streams.values()) stream.live = false;
  }

  #enter(channel: string, result: WireSubscription): void {
    // A listener may have ended the connection meanwhile.
    if (!this.#isLive) return;
    const stream = this.#streams.get(channel) ?? new Stream(channel, this.#told, {});
    this.#streams.set(channel, stream);
    stream.begin(result);
  }

  #leave(
    channel: string,
    { code = SERVER_UNSUBSCRIBE, reason = '' }: NonNullable<WirePush['unsubscribe']>,
  ): void {
    const stream = this.#streams.get(channel);
    if (stream === undefined || !this.#isLive) return;
    stream.live = false;
    this.#streams.delete(channel);
    this.#told.emit('unsubscribed', { channel, code, reason });
  }
}
