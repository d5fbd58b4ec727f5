/** What a backend answers to each hook, checked where it comes in. */
import type { Overrides, SubscriptionOptions } from '../channel/subscription-options.ts';
import { APP_ERROR_CODES, ERRORS, Refusal } from '../kernel/errors.ts';
import type { ErrorEntry } from '../kernel/errors.ts';
import { depthOf } from '../kernel/json-text.ts';
import { CLOSE_REASON_BYTES_MAX, CLOSES, Disconnection } from '../protocol/close.ts';
import { MalformedAnswer } from './failure.ts';
import type { ConnectAnswer, PublishAnswer, RefreshAnswer, SubscribeAnswer } from './hooks.ts';
import { Members } from './members.ts';

/** What it says: an answer, or what a hook that is a function would throw. */
export type Said<T> =
  | { readonly allowed: true; readonly answer: T }
  | { readonly allowed: false; readonly thrown: Refusal | Disconnection };

const USER_LENGTH_MAX = 255;

/** In the year 9999. */
const SECONDS_MAX = 253_402_300_799;

const APP_CLOSES = { min: 4000, max: 4999 } as const;

/** @throws {MalformedAnswer} */
export function readReply<T>(
  text: string,
  depthMax: number,
  readResult: (result: Members) => T,
): Said<T> {
  checkJson(text, depthMax);
  const reply = new Members('', text);
  const error = reply.nested('error');
  const disconnect = reply.nested('disconnect');
  const result = reply.nested('result');
  reply.end();
  if ([error, disconnect, result].filter((said) => said !== undefined).length > 1) {
    throw new MalformedAnswer('only one of result, error and disconnect can be said');
  }
  if (error !== undefined) return { allowed: false, thrown: refusalOf(error) };
  if (disconnect !== undefined) return { allowed: false, thrown: disconnectionOf(disconnect) };
  const members = result ?? new Members('result', undefined);
  const answer = readResult(members);
  members.end();
  return { allowed: true, answer };
}

export function readConnect(result: Members): ConnectAnswer {
  const user = result.string('user');
  if (user !== undefined && user.length > USER_LENGTH_MAX) {
    throw new MalformedAnswer(`result.user has more than ${USER_LENGTH_MAX} characters`);
  }
  const expireAtMs = timeOf(result);
  return defined({
    user,
    info: result.payload('info', 'b64info'),
    meta: result.value('meta'),
    data: result.payload('data', 'b64data'),
    expireAtMs: expireAtMs === 0 ? undefined : expireAtMs,
    channels: result.names('channels'),
    subs: subsOf(result),
  });
}

/** Undefined: the connection ends. */
export function readRefresh(result: Members): RefreshAnswer | undefined {
  const expired = result.boolean('expired') === true;
  const expireAtMs = timeOf(result);
  const info = result.payload('info', 'b64info');
  if (expired) return undefined;
  if (expireAtMs === undefined) {
    throw new MalformedAnswer('result.expire_at is missing; 0 is never, and expired: true is now');
  }
  return defined({ expireAtMs: expireAtMs === 0 ? undefined : expireAtMs, info });
}

export function readSubscribe(result: Members): SubscribeAnswer {
  const expireAtMs = timeOf(result);
  return {
    ...optionsOf(result),
    ...defined({ expireAtMs: expireAtMs === 0 ? undefined : expireAtMs }),
  };
}

export function readPublish(result: Members): PublishAnswer {
  return defined({
    data: result.payload('data', 'b64data'),
    tags: tagsOf(result),
    skipHistory: result.boolean('skip_history'),
  });
}

/** Here null is an answer. */
export function readRpc(result: Members): unknown {
  const data = result.payload('data', 'b64data');
  return data === undefined && result.isNull('data') ? null : data;
}

function checkJson(text: string, depthMax: number): void {
  try {
    JSON.parse(text);
  } catch {
    // What the parser says may quote the answer.
    throw new MalformedAnswer('it is not JSON');
  }
  if (depthOf(text) > depthMax) {
    throw new MalformedAnswer(`it is nested more than ${depthMax} levels deep`);
  }
}

function refusalOf(error: Members): Refusal {
  const code = error.integer('code', 100, APP_ERROR_CODES.max);
  const message = error.string('message');
  const temporary = error.boolean('temporary');
  error.end();
  const entry = Object.values<ErrorEntry>(ERRORS).find((one) => one.code === code);
  if (code === undefined || (entry === undefined && code < APP_ERROR_CODES.min)) {
    const { min, max } = APP_ERROR_CODES;
    throw new MalformedAnswer(`error.code is not one of the protocol, or from ${min} to ${max}`);
  }
  const words = message === undefined || message === '' ? entry?.message : message;
  if (words === undefined) throw new MalformedAnswer('error.message is missing');
  return new Refusal({ code, message: words, temporary: temporary ?? entry?.temporary ?? false });
}

function disconnectionOf(disconnect: Members): Disconnection {
  const code = disconnect.integer('code', 3000, APP_CLOSES.max);
  const reason = disconnect.string('reason');
  disconnect.end();
  const close = Object.values(CLOSES).find((one) => one.code === code);
  if (code === undefined || (close === undefined && code < APP_CLOSES.min)) {
    const { min, max } = APP_CLOSES;
    throw new MalformedAnswer(
      `disconnect.code is not one of the protocol, or from ${min} to ${max}`,
    );
  }
  const words = reason ?? close?.reason ?? '';
  if (Buffer.byteLength(words) > CLOSE_REASON_BYTES_MAX) {
    throw new MalformedAnswer(`disconnect.reason has more than ${CLOSE_REASON_BYTES_MAX} bytes`);
  }
  return new Disconnection({ code, reason: words });
}

/** In milliseconds. */
function timeOf(result: Members): number | undefined {
  const seconds = result.integer('expire_at', 0, SECONDS_MAX);
  return seconds === undefined ? undefined : seconds * 1000;
}

function subsOf(result: Members): Readonly<Record<string, SubscriptionOptions>> | undefined {
  const subs = result.nested('subs');
  if (subs === undefined) return undefined;
  const channels = subs.keys();
  if (channels.includes('')) throw new MalformedAnswer('result.subs has an empty name');
  const entries = channels.map((channel): readonly [string, SubscriptionOptions] => {
    const options = subs.nested(channel);
    if (options === undefined) return [channel, {}];
    const read = optionsOf(options);
    options.end();
    return [channel, read];
  });
  return Object.fromEntries(entries);
}

function optionsOf(members: Members): SubscriptionOptions {
  return defined({
    info: members.payload('info', 'b64info'),
    data: members.payload('data', 'b64data'),
    override: overrideOf(members),
  });
}

function overrideOf(members: Members): Overrides | undefined {
  const override = members.nested('override');
  if (override === undefined) return undefined;
  const flag = (name: string): boolean | undefined => {
    const wrapped = override.nested(name);
    const value = wrapped?.boolean('value');
    wrapped?.end();
    return value;
  };
  const overrides = defined({
    presence: flag('presence'),
    joinLeave: flag('join_leave'),
    forceRecovery: flag('force_recovery'),
    forcePositioning: flag('force_positioning'),
    forcePushJoinLeave: flag('force_push_join_leave'),
  });
  override.end();
  return overrides;
}

function tagsOf(result: Members): Readonly<Record<string, string>> | undefined {
  const tags = result.nested('tags');
  if (tags === undefined) return undefined;
  // No prototype: a tag may have any name.
  const read: Record<string, string> = Object.create(null);
  for (const name of tags.keys()) {
    const tag = tags.string(name);
    if (tag === undefined)
      throw new MalformedAnswer('result.tags holds something else than strings');
    read[name] = tag;
  }
  return read;
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the members that are undefined. */
function defined<T extends object>(members: T): Defined<T> {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(entries) as Defined<T>;
}
