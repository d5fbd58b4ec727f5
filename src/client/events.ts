/** What listeners are told. */
import type { SluiceError } from './errors.ts';
import type { Reason } from './wire.ts';

export type { Reason } from './wire.ts';

/** A place in a channel's stream. `epoch` names one life of the stream; offsets count from 1. */
export interface Position {
  readonly offset: number;
  readonly epoch: string;
}

/** Somebody in a channel. */
export interface ClientInfo {
  /** The id of the connection. */
  readonly client: string;
  /** '' for an anonymous one. */
  readonly user: string;
  /** About the connection, from its token or the backend. */
  readonly connInfo: unknown;
  /** About the subscription, likewise. */
  readonly chanInfo: unknown;
}

export interface Publication<T = unknown> {
  readonly channel: string;
  readonly data: T;
  /** 0 in a channel without history. */
  readonly offset: number;
  readonly tags: Readonly<Record<string, string>> | null;
  /** Who published, when a client did. */
  readonly info: ClientInfo | null;
  /** Whether publications are missing between the one before and this one. */
  readonly gap: boolean;
}

export type ClientState = 'disconnected' | 'connecting' | 'connected' | 'closed';

export type ChannelState = 'unsubscribed' | 'subscribing' | 'subscribed';

/** Publications of the channel, or those of its history, and where it stands. */
export interface History<T = unknown> {
  readonly publications: readonly Publication<T>[];
  readonly position: Position;
}

export interface PresenceStats {
  readonly clients: number;
  readonly users: number;
}

export interface Subscribed {
  readonly channel: string;
  /** Whether it continued from where it was before: all that was missed follows. */
  readonly recovered: boolean;
  /** Whether it tried to. When it did and has not recovered, a `gap` follows. */
  readonly wasRecovering: boolean;
  /** Null in a channel without a stream, or where nobody asked for it. */
  readonly position: Position | null;
  /** From the token or the backend. */
  readonly data: unknown;
}

/** `code` is 0 after an `unsubscribe()` of ours; else that of the gateway's push or error. */
export interface Unsubscribed extends Reason {
  readonly channel: string;
}

export interface Presence {
  readonly channel: string;
  readonly info: ClientInfo;
}

/** Publications before `position` are missing, and cannot be had any more by recovery. */
export interface Gap {
  readonly channel: string;
  readonly position: Position | null;
}

export interface Connected {
  /** The id the gateway gave to this connection. */
  readonly client: string;
  /** Of the gateway. */
  readonly version: string;
  readonly data: unknown;
}

/** What happens in one channel. */
export interface StreamEvents<T> {
  publication: Publication<T>;
  join: Presence;
  leave: Presence;
  subscribed: Subscribed;
  unsubscribed: Unsubscribed;
  gap: Gap;
}

export interface ChannelEvents<T> extends StreamEvents<T> {
  /** It was asked for, or is to be had again: by itself, until `subscribed` or `unsubscribed`. */
  subscribing: Unsubscribed;
  /** What went wrong and is tried again. */
  error: SluiceError;
}

/** Those of `StreamEvents` are of the channels that the server subscribed this client to. */
export interface ClientEvents extends StreamEvents<never> {
  /** It connects, or connects again: by itself, until `connected` or `disconnected`. */
  connecting: Reason;
  connected: Connected;
  /** It does not try any more; `connect()` does. `code` is the close code or that of the error. */
  disconnected: Reason;
  closed: Reason;
  /** What the server sent to this connection alone. */
  message: { readonly data: never };
  /** What went wrong and is tried again, and what a listener threw. */
  error: SluiceError;
}
