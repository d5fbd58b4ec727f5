/** What sessions tell of themselves, for whoever keeps the backend informed. */
import type { ChannelName } from '../channel/name.ts';
import type { Close } from '../protocol/close.ts';

/** Of which connection something is told. */
export interface Who {
  readonly client: string;
  /** '' for an anonymous one. */
  readonly user: string;
}

/**
 * Told in the order in which it happens: a connection begins with `connected`, and ends with
 * `unsubscribed` for each channel it is still subscribed to, and `disconnected`. None of these waits
 * or throws.
 */
export interface Events {
  connected(who: Who): void;
  disconnected(who: Who, close: Close): void;
  subscribed(who: Who, channel: ChannelName): void;
  unsubscribed(who: Who, channel: ChannelName, close: Close): void;
}

/** Nobody wants to know. */
export const silentEvents: Events = {
  connected() {},
  disconnected() {},
  subscribed() {},
  unsubscribed() {},
};
