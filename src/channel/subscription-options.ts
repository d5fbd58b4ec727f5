/** What whoever allows a subscription may say about it: a token, a hook, or the server API. */

/** Rules of the namespace that one subscription sets aside. */
export interface Overrides {
  readonly presence?: boolean;
  readonly joinLeave?: boolean;
  readonly forceRecovery?: boolean;
  readonly forcePositioning?: boolean;
  readonly forcePushJoinLeave?: boolean;
}

export interface SubscriptionOptions {
  /** About the subscriber, for presence, joins and publications: a JSON value or bytes. */
  readonly info?: unknown;
  /** For the subscriber itself: a JSON value or bytes. */
  readonly data?: unknown;
  readonly override?: Overrides;
}
