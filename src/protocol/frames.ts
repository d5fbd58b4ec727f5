/**
 * Everything that can travel on a connection of the native dialect, in both directions.
 * `PROTOCOL.md` beside this file shows the same on the wire.
 *
 * Fields are always there: '' , 0, false or null stand for what the wire leaves out.
 */
import type { Data } from '../kernel/data.ts';
import type { ErrorEntry, ErrorKind } from '../kernel/errors.ts';
import type { Close } from './close.ts';

/** A place in a channel's stream. `epoch` names one life of the stream; offsets count from 1. */
export interface Position {
  readonly offset: number;
  readonly epoch: string;
}

export interface ClientInfo {
  readonly client: string;
  readonly user: string;
  /** About the connection, from its token or the connect hook. */
  readonly connInfo: Data | null;
  /** About the subscription, from its token or the subscribe hook. */
  readonly chanInfo: Data | null;
}

export type Tags = Readonly<Record<string, string>>;

export interface Publication {
  readonly data: Data;
  /** 0 in a channel without history. */
  readonly offset: number;
  /** Who published, when a client did. */
  readonly info: ClientInfo | null;
  readonly tags: Tags | null;
  /** The name of the event; in this dialect it travels as the tag `event`. */
  readonly event: string | null;
  /** `data` is a delta to the publication before. */
  readonly delta: boolean;
  /** Sent with the first publication of a stream, so that who knows no epoch learns it. */
  readonly epoch: string | null;
}

// ---- from client to server

/** What every command has. `id` is 0 only in `send`. `bytes` is its length on the wire. */
interface CommandBase {
  readonly id: number;
  readonly bytes: number;
}

/** Where a client wants to go on in a channel. */
export interface Recovery {
  readonly recover: boolean;
  readonly offset: number;
  readonly epoch: string;
}

export interface ConnectCommand extends CommandBase {
  readonly type: 'connect';
  readonly token: string;
  readonly data: Data | null;
  readonly name: string;
  readonly version: string;
  readonly headers: Tags | null;
  /** Positions in the channels the server subscribed this client to before. */
  readonly subs: ReadonlyMap<string, Recovery>;
}

export interface SubscribeCommand extends CommandBase, Recovery {
  readonly type: 'subscribe';
  readonly channel: string;
  readonly token: string;
  readonly data: Data | null;
  readonly positioned: boolean;
  readonly recoverable: boolean;
  readonly joinLeave: boolean;
  /** '' or the name of a delta format. */
  readonly delta: string;
  /** Bits of `SUBSCRIBE_FLAGS`. */
  readonly flag: number;
}

/** Bits of a subscribe command's `flag`. What we do not know is ignored, as the protocol asks. */
export const SUBSCRIBE_FLAGS = {
  /** Answer error 112 rather than subscribe without recovery. */
  rejectUnrecovered: 2,
} as const;

export interface UnsubscribeCommand extends CommandBase {
  readonly type: 'unsubscribe';
  readonly channel: string;
}

export interface PublishCommand extends CommandBase {
  readonly type: 'publish';
  readonly channel: string;
  readonly data: Data;
}

export interface PresenceCommand extends CommandBase {
  readonly type: 'presence';
  readonly channel: string;
}

export interface PresenceStatsCommand extends CommandBase {
  readonly type: 'presence_stats';
  readonly channel: string;
}

export interface HistoryCommand extends CommandBase {
  readonly type: 'history';
  readonly channel: string;
  /** 0: only the position. Below 0: as many as the server gives. */
  readonly limit: number;
  readonly since: Position | null;
  readonly reverse: boolean;
}

export interface PingCommand extends CommandBase {
  readonly type: 'ping';
}

/** The answer to a ping of the server. */
export interface PongCommand extends CommandBase {
  readonly type: 'pong';
}

export interface SendCommand extends CommandBase {
  readonly type: 'send';
  readonly data: Data;
}

export interface RpcCommand extends CommandBase {
  readonly type: 'rpc';
  readonly method: string;
  readonly data: Data | null;
}

export interface RefreshCommand extends CommandBase {
  readonly type: 'refresh';
  readonly token: string;
}

export interface SubRefreshCommand extends CommandBase {
  readonly type: 'sub_refresh';
  readonly channel: string;
  readonly token: string;
}

/** A command that can be told from others and answered, but not carried out. */
export interface InvalidCommand extends CommandBase {
  readonly type: 'invalid';
  /** The error to answer with: wrong, or right but not supported here. */
  readonly kind: Extract<ErrorKind, 'badRequest' | 'notAvailable'>;
  /** What is wrong with it, in words for the developer of the peer. */
  readonly detail: string;
}

export type Command =
  | ConnectCommand
  | SubscribeCommand
  | UnsubscribeCommand
  | PublishCommand
  | PresenceCommand
  | PresenceStatsCommand
  | HistoryCommand
  | PingCommand
  | PongCommand
  | SendCommand
  | RpcCommand
  | RefreshCommand
  | SubRefreshCommand
  | InvalidCommand;

export type CommandType = Command['type'];
export type CommandOf<T extends CommandType> = Extract<Command, { type: T }>;

// ---- from server to client

/** Whether and when something must be refreshed. `ttl` is in seconds. */
export interface Expiry {
  readonly expires: boolean;
  readonly ttl: number;
}

export interface SubscribeResult extends Expiry {
  readonly recoverable: boolean;
  readonly positioned: boolean;
  readonly epoch: string;
  readonly offset: number;
  readonly recovered: boolean;
  readonly wasRecovering: boolean;
  readonly publications: readonly Publication[];
  readonly delta: boolean;
  readonly data: Data | null;
}

export interface ConnectResult extends Expiry {
  readonly client: string;
  readonly version: string;
  readonly data: Data | null;
  readonly subs: ReadonlyMap<string, SubscribeResult>;
  /** Seconds between pings of the server; 0: it sends none. */
  readonly ping: number;
  /** Whether the server wants its pings answered. */
  readonly pong: boolean;
}

export type Reply =
  | { readonly type: 'error'; readonly id: number; readonly error: ErrorEntry }
  | { readonly type: 'connect'; readonly id: number; readonly result: ConnectResult }
  | { readonly type: 'subscribe'; readonly id: number; readonly result: SubscribeResult }
  | { readonly type: 'unsubscribe'; readonly id: number }
  | { readonly type: 'publish'; readonly id: number }
  /** The answer to a ping command is empty but for its id. */
  | { readonly type: 'ping'; readonly id: number }
  | {
      readonly type: 'presence';
      readonly id: number;
      readonly presence: readonly ClientInfo[];
    }
  | {
      readonly type: 'presence_stats';
      readonly id: number;
      readonly numClients: number;
      readonly numUsers: number;
    }
  | {
      readonly type: 'history';
      readonly id: number;
      readonly publications: readonly Publication[];
      readonly position: Position;
    }
  | { readonly type: 'rpc'; readonly id: number; readonly data: Data | null }
  | {
      readonly type: 'refresh';
      readonly id: number;
      readonly client: string;
      readonly version: string;
      readonly expiry: Expiry;
    }
  | { readonly type: 'sub_refresh'; readonly id: number; readonly expiry: Expiry };

/** What the server says unasked. All but `serverPing` travel inside of `push`. */
export type Push =
  | { readonly type: 'serverPing' }
  | { readonly type: 'join'; readonly channel: string; readonly info: ClientInfo }
  | { readonly type: 'leave'; readonly channel: string; readonly info: ClientInfo }
  | { readonly type: 'unsubscribed'; readonly channel: string; readonly reason: Close }
  | {
      readonly type: 'subscribed';
      readonly channel: string;
      readonly result: Pick<
        SubscribeResult,
        'recoverable' | 'positioned' | 'epoch' | 'offset' | 'data'
      >;
    }
  | { readonly type: 'message'; readonly data: Data }
  | { readonly type: 'connected'; readonly result: ConnectResult }
  | { readonly type: 'disconnected'; readonly reason: Close }
  | { readonly type: 'refreshed'; readonly expiry: Expiry };

export type ServerMessage = Reply | Push;
