/** One connection to a server of Redis: how it is made, kept and given up. The parts stand on it. */
import { Redis } from 'ioredis';
import type { Cluster, CommonRedisOptions, StandaloneConnectionOptions } from 'ioredis';
import type { Backoff } from '../kernel/backoff.ts';
import { backoffMs } from '../kernel/backoff.ts';
import type { ThrottledLog } from '../kernel/log.ts';
import type { ConnectionOptions as TlsConnectionOptions } from 'node:tls';
import type { Target } from './target.ts';

/** Redis is away when it has not answered for so long; whoever waits is told within a second. */
export const ANSWER_MS = 800;

const RETRY_MS_MIN = 50;
const RETRY: Backoff = { firstMs: 2 * RETRY_MS_MIN, longestMs: 1000 };

/** What connections need of their surroundings. */
export interface Surroundings {
  readonly log: ThrottledLog;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** For targets with TLS. */
  readonly tls: TlsConnectionOptions;
}

/** Replies keep the form that they always had. */
type ConnectionOptions = Omit<CommonRedisOptions, 'replyMapping'> &
  Pick<StandaloneConnectionOptions, 'tls' | 'disconnectTimeout'>;

/**
 * Nothing waits in a queue for Redis to come back, and nothing is sent a second time: a command that
 * was on its way when the connection broke may have been carried out.
 */
export function optionsOf(target: Target, around: Surroundings): ConnectionOptions {
  const tls = target.tls ? { tls: around.tls } : {};
  return {
    ...(target.username === '' ? {} : { username: target.username }),
    ...(target.password === '' ? {} : { password: target.password }),
    ...tls,
    db: target.db,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // Ours are in batches, with an end that is waited for.
    autoResubscribe: false,
    // At the first failure what is on its way is given up.
    maxRetriesPerRequest: 0,
    connectTimeout: ANSWER_MS,
    commandTimeout: ANSWER_MS,
    disconnectTimeout: 100,
    maxLoadingRetryTime: RETRY.longestMs,
    disableClientInfo: true,
    retryStrategy: (times) => retryMs(times, around.random()),
    // A master that was demoted: the one who is now is found by connecting again.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
}

/** `times` counts from 1. */
export function retryMs(times: number, random: number): number {
  return backoffMs(RETRY, times, random);
}

/** A connection that is not open yet. Its errors are logged; what they mean shows in its events. */
export function connectionOf(target: Target, name: string, around: Surroundings): Redis {
  const options = { ...optionsOf(target, around), connectionName: name };
  const [first] = target.hosts;
  const redis =
    target.kind === 'sentinel'
      ? new Redis({
          ...options,
          sentinels: target.hosts.map(({ host, port }) => ({ host, port })),
          name: target.master,
          ...(target.tls ? { enableTLSForSentinelMode: true, sentinelTLS: around.tls } : {}),
          ...(target.password === '' ? {} : { sentinelPassword: target.password }),
          sentinelRetryStrategy: (times) => retryMs(times, around.random()),
          sentinelCommandTimeout: ANSWER_MS,
          failoverDetector: true,
        })
      : new Redis({ ...options, host: first?.host ?? '127.0.0.1', port: first?.port ?? 6379 });
  const server = target.kind === 'sentinel' ? target.master : `${first?.host}:${first?.port}`;
  logErrors(redis, { name, server }, around.log);
  redis.on('error', (error: Error) => {
    // An answer that belongs to no question: each after it would be taken for that to another.
    if (error.message.startsWith('Command queue state error')) restart(redis);
  });
  return redis;
}

export function logErrors(
  redis: Redis | Cluster,
  { name, server }: { readonly name: string; readonly server: string },
  log: ThrottledLog,
): void {
  redis.on('error', (error: Error) => {
    const fields = { connection: name, server, error: error.message };
    log.warn(`redis ${name} ${server}`, fields, 'Redis is away');
  });
}

const shut = new WeakSet<Redis>();

/** Opens it for good: when it breaks it is opened again, until it is closed. */
export function open(redis: Redis): void {
  // ioredis gives up when Sentinels tell of another master while it is on its way to one.
  redis.on('end', () => {
    if (!shut.has(redis)) setTimeout(() => connect(redis), RETRY_MS_MIN).unref();
  });
  connect(redis);
}

function connect(redis: Redis): void {
  if (shut.has(redis)) return;
  // What it fails with is told by its events, and it tries again by itself.
  redis.connect().catch(() => undefined);
}

/** Closes it for good. */
export function close(redis: Redis): void {
  shut.add(redis);
  redis.disconnect();
}

/** Ends the connection of this moment: what is on its way fails, and a new one is made. */
export function restart(redis: Redis): void {
  const { stream } = redis;
  // There is none before the first connection.
  if (stream !== undefined && !stream.destroyed) stream.destroy();
}
