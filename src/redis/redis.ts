/** Redis, as the parts of the gateway use it: what they ask, what they hear, and what it is called. */
import type { Bus } from './bus.ts';
import { SingleBus } from './bus.ts';
import type { RawClient } from './client.ts';
import { clientOf } from './client.ts';
import type { Surroundings } from './connection.ts';
import type { Link } from './link.ts';
import { SingleLink } from './link.ts';
import type { Names } from './names.ts';
import { namesOf } from './names.ts';
import { targetOf } from './target.ts';

export interface Redis {
  readonly link: Link;
  readonly bus: Bus;
  readonly names: Names;
  /** Publishes within a script: sharded where Redis is a Cluster. */
  readonly publishCommand: 'PUBLISH' | 'SPUBLISH';
  /** One more connection, for a package with commands of its own. Whoever opens it disconnects it. */
  open(name: string): RawClient;
  close(): Promise<void>;
}

export interface RedisOptions extends Surroundings {
  readonly url: string;
  /** What all keys and channels begin with. */
  readonly prefix: string;
}

/** Begins to connect, and goes on until it is closed. */
export function connectRedis({ url, prefix, ...surroundings }: RedisOptions): Redis {
  const target = targetOf(url);
  const cluster = target.kind === 'cluster';
  // The names, the scripts and the bus are made for it; the connections are not there yet.
  if (cluster) throw new Error('redis+cluster:// cannot be used yet');
  const link = new SingleLink(target, surroundings);
  const bus = new SingleBus(target, surroundings);
  return {
    link,
    bus,
    names: namesOf(prefix, { cluster, db: target.db }),
    publishCommand: 'PUBLISH',
    open: (name) => clientOf(target, name, surroundings),
    async close() {
      await bus.close();
      await link.close();
    },
  };
}
