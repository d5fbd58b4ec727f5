/** Who is in a channel, on every gateway. */
import type { ChannelName } from '../channel/name.ts';
import type { ClientInfo } from '../channel/publication.ts';
import type { Maybe } from '../kernel/maybe.ts';

export interface PresenceStats {
  readonly clients: number;
  readonly users: number;
}

export interface Presence {
  /** Idempotent: the last info counts. */
  add(channel: ChannelName, info: ClientInfo): Maybe<void>;
  /** Idempotent. */
  remove(channel: ChannelName, info: ClientInfo): Maybe<void>;
  /** @throws {Refusal} `limitExceeded` when there are more than `membersMax`. */
  members(channel: ChannelName, membersMax: number): Maybe<readonly ClientInfo[]>;
  stats(channel: ChannelName): Maybe<PresenceStats>;
  close(): Promise<void>;
}
