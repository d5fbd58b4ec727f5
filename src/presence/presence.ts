/** Who is in a channel, on every gateway. */
import type { ChannelName } from '../channel/name.ts';
import type { ClientInfo } from '../channel/publication.ts';
import type { Maybe } from '../kernel/maybe.ts';

/** Tells all who listen to a channel that somebody came or left. */
export type TellNotice = (type: 'join' | 'leave', channel: ChannelName, info: ClientInfo) => void;

export interface PresenceStats {
  readonly clients: number;
  readonly users: number;
}

export interface Presence {
  /** Idempotent: the last info counts. Nobody is told. */
  add(channel: ChannelName, info: ClientInfo): Maybe<void>;
  /**
   * Tells that a member joined; once, however often it is asked for. Where that fails it is told
   * later, if it can be.
   */
  announce(channel: ChannelName, info: ClientInfo): Maybe<void>;
  /** Idempotent. Of a member that was announced it is told that it left, in the same step. */
  remove(channel: ChannelName, info: ClientInfo): Maybe<void>;
  /** @throws {Refusal} `limitExceeded` when there are more than `membersMax`. */
  members(channel: ChannelName, membersMax: number): Maybe<readonly ClientInfo[]>;
  stats(channel: ChannelName): Maybe<PresenceStats>;
  close(): Promise<void>;
}
