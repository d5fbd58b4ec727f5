/** What the application is asked: typed functions here, HTTP calls where it lives elsewhere. */
import type { SubscriptionOptions } from '../channel/subscription-options.ts';
import type { Data } from '../kernel/data.ts';
import type { Maybe } from '../kernel/maybe.ts';

/** A JSON value, or bytes where a client sent bytes. */
export type Value = unknown;

/** Whom a question is about. */
export interface Caller {
  /** The id of the connection. */
  readonly client: string;
  /** '' for an anonymous one. */
  readonly user: string;
  readonly info: Value;
  /** From the token's claim `meta` or the connect hook; clients never see it. */
  readonly meta: Value;
  /** Aborts when the connection closes or the client takes the command back. */
  readonly signal: AbortSignal;
}

/** What a client sent along. */
export interface Sent {
  readonly data: Value;
  /** The same before it was read: the text of its JSON, or bytes. Null: there is none. */
  readonly sent: Data | null;
}

export interface ConnectQuestion extends Sent {
  /** Name and version the client gave itself. */
  readonly name: string;
  readonly version: string;
  /** Those the client put into its connect command. */
  readonly emulatedHeaders: Readonly<Record<string, string>>;
  /** Those of the upgrade request, lower-case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly remoteAddress: string;
}

export interface ConnectAnswer {
  /** Takes the place of the token's user. Without a token it makes the connection known. */
  readonly user?: string;
  readonly info?: Value;
  readonly meta?: Value;
  /** Sent to the client with the reply. */
  readonly data?: Value;
  /** Milliseconds since the epoch; then the refresh hook is asked, or the connection is closed. */
  readonly expireAtMs?: number;
  readonly channels?: readonly string[];
  readonly subs?: Readonly<Record<string, SubscriptionOptions>>;
}

export interface RefreshAnswer {
  /** The next time to ask; none: the connection does not expire any more. */
  readonly expireAtMs?: number;
  readonly info?: Value;
}

export interface SubscribeQuestion extends Sent {
  readonly channel: string;
}

export interface SubscribeAnswer extends SubscriptionOptions {
  readonly expireAtMs?: number;
}

export interface PublishQuestion extends Sent {
  readonly channel: string;
}

export interface PublishAnswer {
  /** Published in place of what the client sent. */
  readonly data?: Value;
  readonly tags?: Readonly<Record<string, string>>;
  readonly skipHistory?: boolean;
}

export interface RpcQuestion extends Sent {
  readonly method: string;
}

/**
 * To refuse, a hook throws a `Refusal`, or a `Disconnection` to close the connection. Whatever else
 * it throws is logged, and the client hears `internal`. A hook that is not there is not asked.
 */
export interface Hooks {
  connect?(question: ConnectQuestion, caller: Caller): Maybe<ConnectAnswer | void>;
  refresh?(caller: Caller): Maybe<RefreshAnswer | void>;
  /** Asked where the namespace says `hooks.subscribe`; it alone decides there. */
  subscribe?(question: SubscribeQuestion, caller: Caller): Maybe<SubscribeAnswer | void>;
  /** Asked where the namespace says `hooks.publish`; it alone decides there. */
  publish?(question: PublishQuestion, caller: Caller): Maybe<PublishAnswer | void>;
  /** What it returns is the reply's data. */
  rpc?(question: RpcQuestion, caller: Caller): Maybe<Value>;
  /** A message that wants no reply. */
  message?(data: Value, caller: Caller): Maybe<void>;
}

export const silentHooks: Hooks = {};
