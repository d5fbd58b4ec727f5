/**
 * A client for a package that brings commands of its own. It is made like every connection: nothing
 * waits in it for Redis to come back, an answer takes at most a second, and its errors are logged.
 */
import { Cluster } from 'ioredis';
import type { Redis } from 'ioredis';
import { Deferred } from '../kernel/deferred.ts';
import type { Surroundings } from './connection.ts';
import { connectionOf, logErrors, optionsOf, retryMs } from './connection.ts';
import { RedisAway } from './errors.ts';
import type { Target } from './target.ts';

export type RawClient = Redis | Cluster;

/** How long a client that was just opened may take. */
const OPENING_MS = 1000;

/** Begins to connect, and goes on until it is disconnected. */
export function clientOf(target: Target, name: string, around: Surroundings): RawClient {
  const client = target.kind === 'cluster' ? clusterOf(target, name, around) : null;
  const opened = client ?? connectionOf(target, name, around);
  // What it fails with is told by its events, and it tries again by itself.
  opened.connect().catch(() => undefined);
  return opened;
}

function clusterOf(target: Target, name: string, around: Surroundings): Cluster {
  const { lazyConnect: _, ...options } = optionsOf(target, around);
  const cluster = new Cluster([...target.hosts], {
    redisOptions: { ...options, connectionName: name },
    lazyConnect: true,
    enableOfflineQueue: false,
    // It asks any of the servers, also one that is not connected yet, and then begins all over again.
    enableReadyCheck: false,
    // Neither is sent again: the first may have been done, the second is told at once.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    clusterRetryStrategy: (times) => retryMs(times, around.random()),
  });
  // Otherwise they connect with the first command, and those that come meanwhile fail.
  cluster.on('+node', (node: Redis) => {
    if (node.options.readOnly !== true) node.connect().catch(() => undefined);
  });
  logErrors(cluster, { name, server: 'any of the Cluster' }, around.log);
  return cluster;
}

/** Resolves when it can be asked. @throws {RedisAway} when that takes longer than one waits. */
export async function untilReady(client: RawClient): Promise<void> {
  await ready(client);
  // One master that is away is no reason not to ask the others.
  if (client instanceof Cluster) await Promise.allSettled(client.nodes('master').map(ready));
}

async function ready(client: RawClient): Promise<void> {
  if (client.status === 'ready') return;
  const opened = new Deferred();
  const late = (): void => opened.reject(new RedisAway('not connected to Redis'));
  const timer = setTimeout(late, OPENING_MS);
  const resolve = (): void => opened.resolve();
  client.once('ready', resolve);
  try {
    await opened.promise;
  } finally {
    clearTimeout(timer);
    client.off('ready', resolve);
  }
}
