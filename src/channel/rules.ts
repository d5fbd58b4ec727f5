/** What a namespace allows and keeps: the rules of its channels. */

/**
 * Who may do a thing, from nobody to everyone:
 * - `nobody`: only the server API;
 * - `token`: who subscribed (or subscribes) with a subscription token for the channel;
 * - `subscriber`: who is subscribed to the channel;
 * - `client`: who is connected with a user id;
 * - `anonymous`: who is connected.
 */
export const ACCESS = ['nobody', 'token', 'subscriber', 'client', 'anonymous'] as const;
export type Access = (typeof ACCESS)[number];

/** What becomes of a publication for a subscriber whose outbox is full. */
export const SLOW_CONSUMER = ['disconnect', 'skip', 'latest'] as const;
export type SlowConsumer = (typeof SLOW_CONSUMER)[number];

/** How a subscriber that comes back is brought up to date. */
export const RECOVERY = ['off', 'stream', 'cache'] as const;
export type Recover = (typeof RECOVERY)[number];

/** Checks the data of a publication; tells what is wrong with it, or null. */
export type CheckData = (value: unknown) => string | null;

export interface Rules {
  /** The name of the namespace these are the rules of. */
  readonly namespace: string;
  /** Publications kept for recovery and `history`. Size 0: none. */
  readonly historySize: number;
  /** How long the history is kept after the last publication. */
  readonly historyTtlMs: number;
  /** `stream`: all that was missed, or the client is told. `cache`: the latest publication. */
  readonly recovery: Recover;
  /** Every subscriber is told when its place in the stream is lost, asked for or not. */
  readonly positioned: boolean;
  readonly presence: boolean;
  /** Joins and leaves are sent to who asks for them on subscribe. */
  readonly joinLeave: boolean;
  readonly subscribe: Access;
  readonly publish: Access;
  readonly presenceAccess: Access;
  readonly historyAccess: Access;
  readonly slowConsumer: SlowConsumer;
  /** Subscribers may ask for deltas between successive publications. */
  readonly delta: boolean;
  /** The endpoint that is asked before a subscription, unless the program has a hook; null: none. */
  readonly hookSubscribe: string | null;
  /** The same before a publication of a client. */
  readonly hookPublish: string | null;
  /** From the namespace's JSON Schema. */
  readonly checkData: CheckData | null;
  /** Subscribers of one channel on one gateway; 0: no limit. */
  readonly subscribersMax: number;
  /** Publications are also kept in the archive, whether there is a history or not. */
  readonly archive: boolean;
}

/** Nothing is kept, and nothing is allowed. */
export const CLOSED_RULES: Rules = {
  namespace: 'default',
  historySize: 0,
  historyTtlMs: 0,
  recovery: 'off',
  positioned: false,
  presence: false,
  joinLeave: false,
  subscribe: 'nobody',
  publish: 'nobody',
  presenceAccess: 'nobody',
  historyAccess: 'nobody',
  slowConsumer: 'disconnect',
  delta: false,
  hookSubscribe: null,
  hookPublish: null,
  checkData: null,
  subscribersMax: 0,
  archive: false,
};

/** What the default namespace is with `--dev`: everyone may do everything. */
export const DEV_RULES: Rules = {
  ...CLOSED_RULES,
  historySize: 100,
  historyTtlMs: 300_000,
  recovery: 'stream',
  presence: true,
  joinLeave: true,
  subscribe: 'anonymous',
  publish: 'anonymous',
  presenceAccess: 'anonymous',
  historyAccess: 'anonymous',
  delta: true,
};

/** What a namespace keeps, or null when it keeps nothing. */
export function historyOf(rules: Rules): { readonly size: number; readonly ttlMs: number } | null {
  return rules.historySize > 0 ? { size: rules.historySize, ttlMs: rules.historyTtlMs } : null;
}
