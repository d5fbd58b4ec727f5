/** What travels between a gateway and a backend, as `docs/hooks.md` tells it: types for who writes one. */

/** A JSON value. */
type JsonValue = unknown;

/** Whom a request is about. */
export interface HookCaller {
  /** The connection. Not there for a call of the server API, nor where the answer may be kept. */
  readonly client?: string;
  /** '' is an anonymous one. */
  readonly user: string;
  readonly info?: JsonValue;
  /** In the place of `info`, where it is bytes: base64. */
  readonly b64info?: string;
  readonly meta?: JsonValue;
}

/** What the client sent along. */
export interface HookData {
  readonly data?: JsonValue;
  /** In its place, where the client sent bytes: base64. */
  readonly b64data?: string;
}

export interface ConnectRequest extends HookCaller, HookData {
  readonly hook: 'connect';
  /** What the client calls itself. */
  readonly name: string;
  readonly version: string;
  /** Those of the upgrade that `hooks.headers` names, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Those that the client put into its connect command: all of them, as it wrote them. */
  readonly emulated_headers: Readonly<Record<string, string>>;
  readonly remote_address: string;
}

export interface RefreshRequest extends HookCaller {
  readonly hook: 'refresh';
}

export interface SubscribeRequest extends HookCaller, HookData {
  readonly hook: 'subscribe';
  readonly channel: string;
}

export interface PublishRequest extends HookCaller, HookData {
  readonly hook: 'publish';
  readonly channel: string;
}

export interface RpcRequest extends HookCaller, HookData {
  readonly hook: 'rpc';
  readonly method: string;
}

export type HookRequest =
  | ConnectRequest
  | RefreshRequest
  | SubscribeRequest
  | PublishRequest
  | RpcRequest;

/** Rules of the namespace that one subscription sets aside. */
export interface HookOverride {
  readonly presence?: { readonly value: boolean };
  readonly join_leave?: { readonly value: boolean };
  readonly force_recovery?: { readonly value: boolean };
  readonly force_positioning?: { readonly value: boolean };
  readonly force_push_join_leave?: { readonly value: boolean };
}

export interface HookSubscription extends HookData {
  readonly info?: JsonValue;
  readonly b64info?: string;
  readonly override?: HookOverride;
}

interface ConnectResult extends HookData {
  readonly user?: string;
  readonly info?: JsonValue;
  readonly b64info?: string;
  readonly meta?: JsonValue;
  /** Seconds since the Unix epoch; 0 is as if it was not there. */
  readonly expire_at?: number;
  readonly channels?: readonly string[];
  readonly subs?: Readonly<Record<string, HookSubscription>>;
}

/** One of the two must be there. */
interface RefreshResult {
  /** Seconds since the Unix epoch; 0: it does not expire any more. */
  readonly expire_at?: number;
  /** The connection ends. */
  readonly expired?: true;
  readonly info?: JsonValue;
  readonly b64info?: string;
}

interface SubscribeResult extends HookSubscription {
  /** Seconds since the Unix epoch; 0 is as if it was not there. */
  readonly expire_at?: number;
}

interface PublishResult extends HookData {
  readonly tags?: Readonly<Record<string, string>>;
  readonly skip_history?: boolean;
}

export interface HookResults {
  readonly connect: ConnectResult;
  readonly refresh: RefreshResult;
  readonly subscribe: SubscribeResult;
  readonly publish: PublishResult;
  readonly rpc: HookData;
}

/** It allows with a result, or refuses with an error, or ends the connection. `{}` allows. */
export interface HookReply<Hook extends keyof HookResults> {
  readonly result?: HookResults[Hook] | null;
  readonly error?: {
    readonly code: number;
    readonly message?: string;
    readonly temporary?: boolean;
  } | null;
  readonly disconnect?: { readonly code: number; readonly reason?: string } | null;
}
