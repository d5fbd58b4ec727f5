/** What can be wrong with Redis that is no mistake of ours. */
import { Refusal } from '../kernel/errors.ts';

/** Redis could not be asked, or did not answer: what was asked may have been done all the same. */
export class RedisAway extends Error {
  override readonly name: string = 'RedisAway';
}

/** What a server of a Cluster answers for what is not with it, or is just being moved. */
type Redirection = 'MOVED' | 'ASK' | 'TRYAGAIN';

/** It is for another server, or for a moment later. Nothing of it was done. */
export class Redirected extends RedisAway {
  override readonly name = 'Redirected';
  readonly redirection: Redirection;
  /** The host and port of the other server; '' for a moment later. */
  readonly address: string;

  constructor(redirection: Redirection, address: string, options?: ErrorOptions) {
    super(`${redirection} ${address}`, options);
    this.redirection = redirection;
    this.address = address;
  }
}

/**
 * Answers that say no more than "not now": the server loads, was demoted, is out of memory, lost its
 * replicas, or does not know who we are; or the Cluster misses a part, or moves it while a script
 * runs that makes a key.
 */
const OPERATING =
  /^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|OOM|MISCONF|BUSY|NOREPLICAS|NOAUTH|NOPERM|WRONGPASS|UNBLOCKED)\b|^ERR Script attempted to (?:access a non local key|execute .*cluster is down)/;

const REDIRECTION = /^(MOVED|ASK) \d+ (\S+)/;

/** `error` as `RedisAway` if it is about the state of Redis; as it is if a command was wrong. */
export function awayOr(error: unknown): unknown {
  if (error instanceof RedisAway || !(error instanceof Error)) return error;
  const { message } = error;
  if (!isAnswer(error)) return new RedisAway(message, { cause: error });
  const [, redirection, address = ''] = REDIRECTION.exec(message) ?? [];
  if (redirection === 'MOVED' || redirection === 'ASK') {
    return new Redirected(redirection, address, { cause: error });
  }
  if (message.startsWith('TRYAGAIN')) return new Redirected('TRYAGAIN', '', { cause: error });
  return OPERATING.test(message) ? new RedisAway(message, { cause: error }) : error;
}

/** Redis itself refused it: it was not done. */
export function isAnswer(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

export function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

/** ioredis gives its time-outs no class. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out';
}

/** What Redis cannot do now, it can do later: to a peer that is a temporary error. */
export async function refusing<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw error instanceof RedisAway ? new Refusal('internal', 'try again') : error;
  }
}
