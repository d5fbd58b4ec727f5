/** Redis, as the parts of the gateway use it: what they ask, what they hear, and what it is called. */
import type { Bus } from './bus.ts';
import { SingleBus } from './bus.ts';
import type { RawClient } from './client.ts';
import { clientOf } from './client.ts';
import { ClusterBus } from './cluster-bus.ts';
import { ClusterLink } from './cluster-link.ts';
import { Cluster } from './cluster.ts';
import type { Surroundings } from './connection.ts';
import type { Link } from './link.ts';
import { SingleLink } from './link.ts';
import type { Names } from './names.ts';
import { namesOf } from './names.ts';
import { slotOf } from './slot.ts';
import type { Target } from './target.ts';
import { targetOf } from './target.ts';
import type { TlsOptions } from './tls.ts';
import { PLAIN_TLS, tlsOf } from './tls.ts';

/** Partitions of the names, by the server that they are on at this moment. */
export interface Share {
  /** '' is no server: nobody has them. */
  readonly server: string;
  readonly partitions: readonly number[];
}

export interface Redis {
  readonly link: Link;
  readonly bus: Bus;
  readonly names: Names;
  /** Publishes within a script: sharded where Redis is a Cluster. */
  readonly publishCommand: 'PUBLISH' | 'SPUBLISH';
  shares(): readonly Share[];
  /** One more connection, for a package with commands of its own. Whoever opens it disconnects it. */
  open(name: string): RawClient;
  close(): Promise<void>;
}

export interface RedisOptions extends Omit<Surroundings, 'tls'> {
  readonly url: string;
  /** What all keys and channels begin with. */
  readonly prefix: string;
  readonly tls?: TlsOptions;
}

/** Begins to connect, and goes on until it is closed. @throws where the files of `tls` are of no use. */
export function connectRedis(options: RedisOptions): Redis {
  const { url, prefix, tls = PLAIN_TLS, log, random } = options;
  const target = targetOf(url);
  const surroundings = { log, random, tls: tlsOf(tls, log) };
  return target.kind === 'cluster'
    ? connectCluster(target, prefix, surroundings)
    : connectSingle(target, prefix, surroundings);
}

function connectSingle(target: Target, prefix: string, surroundings: Surroundings): Redis {
  const link = new SingleLink(target, surroundings);
  const bus = new SingleBus(target, surroundings);
  const shares = [{ server: 'redis', partitions: [0] }];
  return {
    link,
    bus,
    names: namesOf(prefix, { cluster: false, db: target.db }),
    publishCommand: 'PUBLISH',
    shares: () => shares,
    open: (name) => clientOf(target, name, surroundings),
    close: () => closeBoth(bus, link),
  };
}

function connectCluster(target: Target, prefix: string, surroundings: Surroundings): Redis {
  const cluster = new Cluster(target, surroundings);
  const link = new ClusterLink(cluster);
  const bus = new ClusterBus(cluster, surroundings);
  const names = namesOf(prefix, { cluster: true, db: 0 });
  return {
    link,
    bus,
    names,
    publishCommand: 'SPUBLISH',
    shares: () => sharesOf(cluster, names),
    open: (name) => clientOf(target, name, surroundings),
    close: () => closeBoth(bus, link),
  };
}

function sharesOf(cluster: Cluster, names: Names): Share[] {
  const shares = new Map<string, number[]>();
  for (let partition = 0; partition < names.partitions; partition += 1) {
    const server = cluster.masterOf(slotOf(names.prefixOf(partition)))?.address ?? '';
    const share = shares.get(server) ?? [];
    share.push(partition);
    shares.set(server, share);
  }
  return [...shares].map(([server, share]) => ({ server, partitions: share }));
}

/** The bus first: it is the one that listens. */
async function closeBoth(bus: Bus, link: Link): Promise<void> {
  await bus.close();
  await link.close();
}
