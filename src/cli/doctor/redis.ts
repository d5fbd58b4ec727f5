/** Whether Redis can be reached, and is new enough. */
import type { Fields } from '../../kernel/log.ts';
import { ThrottledLog, silentLog } from '../../kernel/log.ts';
import { connectionOf } from '../../redis/connection.ts';
import { targetOf } from '../../redis/target.ts';
import type { Target } from '../../redis/target.ts';
import { found } from './finding.ts';
import type { Finding } from './finding.ts';

/** Streams are kept with what came in 6.2; a Cluster has sharded channels from 7.0 on. */
const VERSION_MIN = 6.2;
const CLUSTER_VERSION_MIN = 7;

/** The URL is not shown: it may hold a password. */
export async function checkRedis(url: string): Promise<Finding> {
  const name = 'redis';
  const advice = 'look at redis.url, and whether Redis runs and this machine reaches it';
  try {
    const target = targetOf(url);
    const { text, why } = await serverInfo(target);
    return text === null
      ? found(name, 'fail', `cannot be reached (${why})`, advice)
      : judge(target, text);
  } catch (error) {
    return found(name, 'fail', error instanceof Error ? error.message : String(error), advice);
  }
}

async function serverInfo(target: Target): Promise<{ text: string | null; why: string }> {
  let why = 'no answer';
  const hear = ({ error }: Fields): void => {
    if (typeof error === 'string' && error !== '') why = error;
  };
  const log = new ThrottledLog({ ...silentLog, warn: hear }, () => Date.now());
  // Any node of a Cluster tells of itself.
  const kind = target.kind === 'cluster' ? 'standalone' : target.kind;
  const redis = connectionOf({ ...target, kind }, 'doctor', { log, random: Math.random });
  try {
    await redis.connect();
    return { text: await redis.info('server'), why };
  } catch (error) {
    return { text: null, why: why === 'no answer' && error instanceof Error ? error.message : why };
  } finally {
    redis.disconnect();
  }
}

function judge({ kind }: Target, info: string): Finding {
  const name = 'redis';
  const [, valkey] = /^valkey_version:(\S+)/m.exec(info) ?? [];
  const [, version = ''] = /^redis_version:(\S+)/m.exec(info) ?? [];
  const says = valkey === undefined ? `Redis ${version}` : `Valkey ${valkey}`;
  const least = kind === 'cluster' ? CLUSTER_VERSION_MIN : VERSION_MIN;
  // Valkey began with 7.2.
  if (valkey !== undefined || Number.parseFloat(version) >= least) return found(name, 'ok', says);
  return found(name, 'fail', says, `at least ${least.toFixed(1)} is needed`);
}
