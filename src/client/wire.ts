/** What stands in the frames of the protocol, as this client reads and writes it. Types only. */
import type { Failure } from './errors.ts';

/**
 * Data of others. Only who asks for it can say what it is, so it fits whatever they say: the codec
 * vouches for that as little as for all it decodes.
 */
export type Opaque = never;

export interface WireInfo {
  readonly client: string;
  readonly user: string;
  readonly conn_info?: Opaque;
  readonly chan_info?: Opaque;
}

export interface WirePublication {
  readonly data: Opaque;
  readonly offset?: number;
  readonly epoch?: string;
  readonly info?: WireInfo;
  readonly tags?: Readonly<Record<string, string>>;
  readonly delta?: boolean;
}

export interface WireExpiry {
  readonly expires?: boolean;
  /** In seconds. */
  readonly ttl?: number;
}

export interface WireSubscription extends WireExpiry {
  readonly recoverable?: boolean;
  readonly positioned?: boolean;
  readonly epoch?: string;
  readonly offset?: number;
  readonly recovered?: boolean;
  readonly was_recovering?: boolean;
  readonly publications?: readonly WirePublication[];
  readonly delta?: boolean;
  readonly data?: Opaque;
}

export interface WireConnection extends WireExpiry {
  readonly client?: string;
  readonly version?: string;
  readonly data?: Opaque;
  readonly subs?: Readonly<Record<string, WireSubscription>>;
  /** In seconds. */
  readonly ping?: number;
  readonly pong?: boolean;
}

/** Why something ended, by the codes of the protocol. */
export interface Reason {
  readonly code: number;
  readonly reason: string;
}

export interface WirePush {
  readonly channel?: string;
  readonly pub?: WirePublication;
  readonly join?: { readonly info: WireInfo };
  readonly leave?: { readonly info: WireInfo };
  readonly subscribe?: WireSubscription;
  readonly unsubscribe?: Partial<Reason>;
  readonly message?: { readonly data: Opaque };
  readonly disconnect?: Partial<Reason>;
  readonly refresh?: WireExpiry;
}

/** Without id and push it is a ping. */
export interface Reply {
  readonly id?: number;
  readonly error?: Failure;
  readonly push?: WirePush;
  readonly connect?: WireConnection;
  readonly subscribe?: WireSubscription;
  readonly presence?: { readonly presence?: Readonly<Record<string, WireInfo>> };
  readonly presence_stats?: { readonly num_clients?: number; readonly num_users?: number };
  readonly history?: {
    readonly publications?: readonly WirePublication[];
    readonly epoch?: string;
    readonly offset?: number;
  };
  readonly rpc?: { readonly data: Opaque };
  readonly refresh?: WireExpiry;
  readonly sub_refresh?: WireExpiry;
}

export type CommandName =
  | 'connect'
  | 'subscribe'
  | 'unsubscribe'
  | 'publish'
  | 'presence'
  | 'presence_stats'
  | 'history'
  | 'rpc'
  | 'send'
  | 'refresh'
  | 'sub_refresh'
  | 'ping';

/** The fields of a command; those that are undefined are left out. */
export type Body = Readonly<Record<string, unknown>>;
