/** Who a token says a peer is, and what it lets it subscribe to. */
import { LIMITS } from '../kernel/limits.ts';
import { expiryOf, textClaim } from './claims.ts';
import { InvalidToken } from './invalid-token.ts';
import type { Members } from './json.ts';
import { isNestedWithin, membersOf } from './json.ts';

const USER_ID_LENGTH_MAX = 255;

/** What is said about a subscription by whoever grants it, for others and for the subscriber. */
export interface SubscriptionOptions {
  /** For presence, joins and publications: a JSON value, or bytes that came as base64. */
  readonly info?: unknown;
  /** For the subscriber itself: a JSON value, or bytes that came as base64. */
  readonly data?: unknown;
  /** Takes the place of the channel's rules where it is set. */
  readonly override?: SubscriptionOverride;
}

export interface SubscriptionOverride {
  readonly presence?: boolean;
  readonly joinLeave?: boolean;
  readonly forceRecovery?: boolean;
  readonly forcePositioning?: boolean;
  readonly forcePushJoinLeave?: boolean;
}

/** From a connection token. */
export interface Identity {
  /** '' is an anonymous user. */
  readonly user: string;
  /** When the connection ends unless it is refreshed; always later than now. Null: never. */
  readonly expireAtMs: number | null;
  /** A JSON value, or bytes that came as base64. */
  readonly info?: unknown;
  /** For the backend only; never sent to a client. */
  readonly meta?: unknown;
  /** Channels the server subscribes the connection to. Their names are not checked here. */
  readonly channels: readonly string[];
  /** The same, with options. */
  readonly subs: ReadonlyMap<string, SubscriptionOptions>;
}

/** From a subscription token. `user` must be compared with that of the connection. */
export interface SubscriptionGrant extends SubscriptionOptions {
  readonly user: string;
  /** Not empty; whether it is the name of a channel is not checked here. */
  readonly channel: string;
  /** When the subscription ends unless it is refreshed; always later than now. Null: never. */
  readonly expireAtMs: number | null;
}

const OVERRIDES = [
  ['presence', 'presence'],
  ['join_leave', 'joinLeave'],
  ['force_recovery', 'forceRecovery'],
  ['force_positioning', 'forcePositioning'],
  ['force_push_join_leave', 'forcePushJoinLeave'],
] as const satisfies readonly (readonly [string, keyof SubscriptionOverride])[];

/** @throws InvalidToken when a claim has the wrong type. */
export function readIdentity(claims: Members, userIdClaim: string): Identity {
  // A token for one channel must not open a connection: it may have come from a page of others.
  if (claims.has('channel')) throw new InvalidToken('a subscription token is no connection token');
  const meta = claims.get('meta');
  if (!isShallow(meta)) throw new InvalidToken('claim meta is nested too deep');
  return {
    user: readUser(claims, userIdClaim),
    expireAtMs: expiryOf(claims).grantAtMs,
    ...readPayload(claims, 'info', 'b64info'),
    ...(meta === undefined ? {} : { meta }),
    channels: readChannels(claims.get('channels')),
    subs: readSubscriptions(claims.get('subs')),
  };
}

/** @throws InvalidToken when a claim has the wrong type, or there is no channel. */
export function readGrant(claims: Members, userIdClaim: string): SubscriptionGrant {
  const channel = textClaim(claims, 'channel') ?? '';
  if (channel === '') throw new InvalidToken('the token is for no channel');
  const expireAtMs = expiryOf(claims).grantAtMs;
  return { user: readUser(claims, userIdClaim), channel, expireAtMs, ...readOptions(claims) };
}

function readUser(claims: Members, userIdClaim: string): string {
  const subject = textClaim(claims, 'sub');
  const user = (userIdClaim === 'sub' ? subject : textClaim(claims, userIdClaim)) ?? '';
  if (user.length > USER_ID_LENGTH_MAX) throw new InvalidToken('the user id is too long');
  return user;
}

function readChannels(value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every(isName)) {
    throw new InvalidToken('claim channels is not an array of names');
  }
  return value;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function readSubscriptions(value: unknown): ReadonlyMap<string, SubscriptionOptions> {
  const subscriptions = new Map<string, SubscriptionOptions>();
  if (value === undefined) return subscriptions;
  for (const [channel, options] of objectOf(value, 'subs')) {
    if (channel === '') throw new InvalidToken('claim subs has an empty name');
    subscriptions.set(channel, readOptions(objectOf(options, 'subs')));
  }
  return subscriptions;
}

function readOptions(members: Members): SubscriptionOptions {
  const override = members.get('override');
  return {
    ...readPayload(members, 'info', 'b64info'),
    ...readPayload(members, 'data', 'b64data'),
    ...(override === undefined ? {} : { override: readOverride(objectOf(override, 'override')) }),
  };
}

function readOverride(members: Members): SubscriptionOverride {
  const override: { -readonly [K in keyof SubscriptionOverride]: boolean } = {};
  for (const [wire, name] of OVERRIDES) {
    const wrapped = members.get(wire);
    if (wrapped === undefined) continue;
    const value = objectOf(wrapped, wire).get('value');
    if (typeof value !== 'boolean') throw new InvalidToken(`override ${wire} is not a boolean`);
    override[name] = value;
  }
  return override;
}

/** A payload comes as JSON or, under another name, as bytes in base64; the bytes win. */
function readPayload<Name extends 'info' | 'data'>(
  members: Members,
  name: Name,
  bytesName: string,
): { readonly [K in Name]?: unknown } {
  const encoded = textClaim(members, bytesName) ?? '';
  const value = encoded === '' ? members.get(name) : decodeBase64(encoded, bytesName);
  if (value === undefined) return {};
  if (!isShallow(value)) throw new InvalidToken(`claim ${name} is nested too deep`);
  const payload: { [K in 'info' | 'data']?: unknown } = { [name]: value };
  return payload;
}

function decodeBase64(text: string, name: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new InvalidToken(`claim ${name} is not base64`);
  // A copy: a small Buffer is a window on memory that others use too.
  return new Uint8Array(bytes);
}

/** Whoever walks the value later is as safe as with one from a client. */
function isShallow(value: unknown): boolean {
  return value instanceof Uint8Array || isNestedWithin(value, LIMITS.jsonDepth.default);
}

function objectOf(value: unknown, name: string): Members {
  const members = membersOf(value);
  if (members === null) throw new InvalidToken(`claim ${name} is not an object`);
  return members;
}
