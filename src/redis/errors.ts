/** What can be wrong with Redis that is no mistake of ours. */
import { Refusal } from '../kernel/errors.ts';

/** Redis could not be asked, or did not answer: what was asked may have been done all the same. */
export class RedisAway extends Error {
  override readonly name = 'RedisAway';
}

/**
 * Answers that say no more than "not now": the server loads, was demoted, is out of memory, lost its
 * replicas, or does not know who we are.
 */
const OPERATING =
  /^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|OOM|MISCONF|BUSY|NOREPLICAS|NOAUTH|NOPERM|WRONGPASS|UNBLOCKED|MOVED|ASK)\b/;

/** `error` as `RedisAway` if it is about the state of Redis; as it is if a command was wrong. */
export function awayOr(error: unknown): unknown {
  if (error instanceof RedisAway || !(error instanceof Error)) return error;
  const replied = error.name === 'ReplyError';
  if (replied && !OPERATING.test(error.message)) return error;
  return new RedisAway(error.message, { cause: error });
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
