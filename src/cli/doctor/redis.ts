/** Whether Redis can be reached, is new enough, and is what its URL says. */
import type { Fields } from '../../kernel/log.ts';
import { ThrottledLog, silentLog } from '../../kernel/log.ts';
import { connectionOf } from '../../redis/connection.ts';
import type { Reply } from '../../redis/reply.ts';
import { replyOf } from '../../redis/reply.ts';
import type { SlotMap } from '../../redis/slot-map.ts';
import { placeOf, slotMapOf } from '../../redis/slot-map.ts';
import { targetOf } from '../../redis/target.ts';
import type { Target } from '../../redis/target.ts';
import type { TlsOptions } from '../../redis/tls.ts';
import { PLAIN_TLS, tlsOf } from '../../redis/tls.ts';
import { found } from './finding.ts';
import type { Finding } from './finding.ts';

/** Streams are kept with what came in 6.2; a Cluster has sharded channels from 7.0 on. */
const VERSION_MIN = 6.2;
const CLUSTER_VERSION_MIN = 7;

const NAME = 'redis';
const ADVICE = 'look at redis.url, and whether Redis runs and this machine reaches it';
const TLS_ADVICE = 'set redis.tls.caFile to the certificates that vouch for Redis';

interface Place {
  readonly url: string;
  readonly tls?: TlsOptions;
}

/** The URL is not shown: it may hold a password. */
export async function checkRedis(redis: Place): Promise<Finding> {
  try {
    const target = targetOf(redis.url);
    return await (target.kind === 'cluster'
      ? checkCluster(target, redis)
      : checkServer(target, redis));
  } catch (error) {
    return found(NAME, 'fail', error instanceof Error ? error.message : String(error), ADVICE);
  }
}

async function checkServer(target: Target, redis: Place): Promise<Finding> {
  const { text, why } = await infoOf(target, redis);
  if (text === null) return unreachable('', why);
  const { says, isEnough } = versionOf(text, VERSION_MIN);
  if (!isEnough) return tooOld(says, VERSION_MIN);
  return fieldOf(text, 'redis_mode') === 'cluster'
    ? found(NAME, 'fail', `${says}, part of a Cluster`, 'begin redis.url with redis+cluster://')
    : found(NAME, trust(redis), says, doubt(redis));
}

/** Every gateway needs every master, at the address that the servers themselves tell of it. */
async function checkCluster(target: Target, redis: Place): Promise<Finding> {
  const seeds = target.hosts.map(({ host, port }) => `${host}:${port}`);
  let why = '';
  for (const seed of seeds) {
    const info = await infoOf(serverAt(seed, target), redis);
    if (info.text !== null) return judgeCluster(target, redis, { seed, text: info.text });
    ({ why } = info);
  }
  return unreachable('', why);
}

async function judgeCluster(
  target: Target,
  redis: Place,
  { seed, text }: { readonly seed: string; readonly text: string },
): Promise<Finding> {
  const { says, isEnough } = versionOf(text, CLUSTER_VERSION_MIN);
  if (!isEnough) return tooOld(says, CLUSTER_VERSION_MIN);
  if (fieldOf(text, 'redis_mode') !== 'cluster') {
    return found(NAME, 'fail', `${says}, no Cluster`, 'begin redis.url with redis:// or rediss://');
  }
  const map = await slotsOf(seed, target, redis);
  const masters = new Set(map.masters);
  const orphans = map.masters.filter((master) => master === '').length;
  masters.delete('');
  if (orphans > 0) {
    const advice = 'look at redis-cli --cluster check; channels that lie there cannot be used';
    return found(NAME, 'fail', `${says}: ${orphans} slots have no server`, advice);
  }
  for (const master of masters) {
    const { text: answer, why } = await infoOf(serverAt(master, target), redis);
    if (answer === null) return unreachable(`its master at ${master} `, why);
  }
  const size = `${masters.size} masters and ${map.servers.length - masters.size} replicas`;
  return found(NAME, trust(redis), `${says}, a Cluster of ${size}`, doubt(redis));
}

function unreachable(who: string, why: string): Finding {
  const advice = /certificate|self.signed|altnames/i.test(why) ? TLS_ADVICE : ADVICE;
  return found(NAME, 'fail', `${who}cannot be reached (${why})`, advice);
}

function tooOld(says: string, least: number): Finding {
  return found(NAME, 'fail', says, `at least ${least.toFixed(1)} is needed`);
}

function trust({ tls }: Place): Finding['state'] {
  return tls?.insecure === true ? 'warn' : 'ok';
}

function doubt(place: Place): string | null {
  const insecure = trust(place) === 'warn';
  return insecure ? 'redis.tls.insecure takes any certificate; set redis.tls.caFile' : null;
}

function versionOf(info: string, least: number): { says: string; isEnough: boolean } {
  const valkey = fieldOf(info, 'valkey_version');
  // Valkey began with 7.2.
  if (valkey !== '') return { says: `Valkey ${valkey}`, isEnough: true };
  const version = fieldOf(info, 'redis_version');
  return { says: `Redis ${version}`, isEnough: Number.parseFloat(version) >= least };
}

function fieldOf(info: string, name: string): string {
  return new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1] ?? '';
}

function serverAt(address: string, target: Target): Target {
  return { ...target, kind: 'standalone', hosts: [placeOf(address)] };
}

async function infoOf(
  target: Target,
  redis: Place,
): Promise<{ readonly text: string | null; readonly why: string }> {
  const { reply, why } = await ask(target, redis, ['INFO', 'server']);
  return { text: Buffer.isBuffer(reply) ? reply.toString() : null, why };
}

async function slotsOf(address: string, target: Target, redis: Place): Promise<SlotMap> {
  const { reply, why } = await ask(serverAt(address, target), redis, ['CLUSTER', 'SLOTS']);
  if (reply === null) throw new Error(why);
  return slotMapOf(reply, address);
}

/** One command over a connection of its own. */
async function ask(
  target: Target,
  { tls = PLAIN_TLS }: Place,
  [command, ...args]: readonly [string, ...string[]],
): Promise<{ readonly reply: Reply; readonly why: string }> {
  let why = 'no answer';
  const hear = ({ error }: Fields): void => {
    if (typeof error === 'string' && error !== '') why = error;
  };
  const log = new ThrottledLog({ ...silentLog, warn: hear }, () => Date.now());
  const redis = connectionOf(target, 'doctor', { log, random: Math.random, tls: tlsOf(tls, log) });
  try {
    await redis.connect();
    return { reply: replyOf(await redis.callBuffer(command, ...args)), why };
  } catch (error) {
    const told = why === 'no answer' && error instanceof Error ? error.message : why;
    return { reply: null, why: told };
  } finally {
    redis.disconnect();
  }
}
