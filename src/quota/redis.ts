/**
 * The connections of users on many gateways: who has which place is in Redis, held by the lease of
 * a gateway.
 *
 * While Redis is away each gateway counts its own, and nobody is refused for what others have:
 * connections must stay possible. What was taken meanwhile is registered when Redis is back, also
 * where that is more than the limit.
 */
import { RedisAway } from '../redis/errors.ts';
import type { Holder, Lease, LeaseState } from '../redis/lease.ts';
import type { Names } from '../redis/names.ts';
import { allPartitions, eachPartition } from '../redis/partitions.ts';
import type { Redis } from '../redis/redis.ts';
import type { Reply } from '../redis/reply.ts';
import { listOf, numberOf, textOf } from '../redis/reply.ts';
import { scriptOf } from '../redis/script.ts';
import type { Place } from './memory.ts';
import { MemoryQuota } from './memory.ts';
import type { Admission, Quota } from './quota.ts';

const PLACE = scriptOf(new URL('redis-place.lua', import.meta.url));
const ALIVE = scriptOf(new URL('redis-alive.lua', import.meta.url));

/** Places that are registered, or given back, at once: some milliseconds of work for Redis. */
const ROUND = 250;

export interface RedisQuotaOptions {
  readonly redis: Redis;
  readonly lease: Lease;
  /** How many connections a user may have. */
  readonly places: number;
  readonly fault: (where: string, error: unknown) => void;
}

export class RedisQuota implements Quota, Holder {
  readonly name = 'quota';
  readonly #options: RedisQuotaOptions;
  /** Who is here on this gateway: what Redis should know. */
  readonly #here: MemoryQuota;
  /** Partitions in which Redis may know something else than it should. */
  readonly #apart = new Set<number>();
  /** The lease under whose name this gateway listens. */
  #heardAs = '';

  constructor(options: RedisQuotaOptions) {
    this.#options = options;
    this.#here = new MemoryQuota(options.places);
    options.lease.add(this);
    options.redis.bus.onUp(() => void this.#beHeardOf());
  }

  async take(user: string, client: string): Promise<Admission> {
    if (this.#here.take(user, client) === 'full') return 'full';
    try {
      const holders = await this.#register(user, client, this.#options.places);
      if (holders.length === 0) return 'taken';
      this.#here.release(user, client);
      return await this.#admissionBeside(holders);
    } catch (error) {
      this.#apart.add(this.#partitionOf(user));
      if (error instanceof RedisAway) return this.#here.take(user, client);
      this.#here.release(user, client);
      throw error;
    }
  }

  release(user: string, client: string): void {
    this.#here.release(user, client);
    this.#unregister(user, client).catch((error: unknown) => {
      this.#apart.add(this.#partitionOf(user));
      if (!(error instanceof RedisAway)) this.#options.fault('quota', error);
    });
  }

  async renewed(state: LeaseState): Promise<void> {
    await this.#beHeardOf();
    if (state !== 'kept') {
      for (const partition of allPartitions(this.#options.redis.names)) this.#apart.add(partition);
    }
    if (this.#apart.size === 0) return;
    const here = this.#hereByPartition();
    // Those that could not be asked stay apart, for the next time.
    await eachPartition([...this.#apart], async (partition) => {
      this.#apart.delete(partition);
      try {
        await this.#takeOutStrangers(partition);
        await this.#registerAll(here.get(partition) ?? []);
      } catch (error) {
        this.#apart.add(partition);
        throw error;
      }
    });
  }

  sweep(lease: string): Promise<void> {
    return sweepPlaces(this.#options.redis, lease);
  }

  /** A gateway that died listens to nothing at once, but holds what it held until its lease ends. */
  async #admissionBeside(holders: readonly string[]): Promise<Admission> {
    const { redis, lease } = this.#options;
    const ask = redis.publishCommand === 'PUBLISH' ? 'NUMSUB' : 'SHARDNUMSUB';
    const listeners = await Promise.all(
      holders
        .filter((holder) => holder !== lease.id)
        .map((holder) => redis.link.run(ALIVE, [this.#nameOf(holder)], [ask])),
    );
    return listeners.every((count) => numberOf(count) > 0) ? 'full' : 'doubtful';
  }

  /** Listens under the name of its lease, where nothing is ever said: so others see that it lives. */
  async #beHeardOf(): Promise<void> {
    const { redis, lease } = this.#options;
    const { id } = lease;
    if (this.#heardAs === id || !redis.bus.hears(this.#nameOf(id))) return;
    const before = this.#heardAs;
    try {
      await redis.bus.listen(this.#nameOf(id), () => undefined);
      this.#heardAs = id;
      if (before !== '') redis.bus.unlisten(this.#nameOf(before));
    } catch (error) {
      // It is tried again with the next renewal.
      if (!(error instanceof RedisAway)) this.#options.fault('quota', error);
    }
  }

  #nameOf(lease: string): string {
    return this.#options.redis.names.bus('q', lease);
  }

  /** The leases that hold the places, when there is none left. */
  async #register(user: string, client: string, places: number): Promise<string[]> {
    return listOf(await this.#run('take', { user, client }, places)).map(textOf);
  }

  async #unregister(user: string, client: string): Promise<void> {
    await this.#run('release', { user, client }, 0);
  }

  #run(verb: 'take' | 'release', place: Place, places: number): Promise<Reply> {
    const { redis, lease } = this.#options;
    return run(redis, { verb, place, lease: lease.id, places });
  }

  #partitionOf(user: string): number {
    return this.#options.redis.names.partitionOf(user);
  }

  #hereByPartition(): Map<number, Place[]> {
    const here = new Map<number, Place[]>();
    for (const place of this.#here.all()) {
      const partition = this.#partitionOf(place.user);
      const some = here.get(partition);
      if (some === undefined) here.set(partition, [place]);
      else some.push(place);
    }
    return here;
  }

  async #registerAll(all: readonly Place[]): Promise<void> {
    for (let from = 0; from < all.length; from += ROUND) {
      const round = all.slice(from, from + ROUND);
      await Promise.all(
        round.map(async ({ user, client }) => {
          if (!this.#here.holds(user, client)) return;
          await this.#register(user, client, Number.MAX_SAFE_INTEGER);
          // It left while it was registered.
          if (!this.#here.holds(user, client)) await this.#unregister(user, client);
        }),
      );
    }
  }

  /** Those who left while Redis was away. */
  async #takeOutStrangers(partition: number): Promise<void> {
    const { redis, lease } = this.#options;
    for await (const places of placesOf(redis, lease.id, partition)) {
      await Promise.all(
        places.map(async ({ user, client }) => {
          if (!this.#here.holds(user, client)) await this.#unregister(user, client);
        }),
      );
    }
  }
}

/** For a gateway without a limit, where others have one: it sweeps what they held. */
export function quotaSweeper(redis: Redis): Holder {
  return {
    name: 'quota',
    renewed: () => Promise.resolve(),
    sweep: (lease) => sweepPlaces(redis, lease),
  };
}

async function sweepPlaces(redis: Redis, lease: string): Promise<void> {
  const failure = await eachPartition(allPartitions(redis.names), async (partition) => {
    for await (const places of placesOf(redis, lease, partition)) {
      await Promise.all(
        places.map((place) => run(redis, { verb: 'release', place, lease, places: 0 })),
      );
    }
  });
  if (failure !== null) throw failure;
}

function run(
  { names, link }: Redis,
  asked: {
    readonly verb: 'take' | 'release';
    readonly place: Place;
    readonly lease: string;
    readonly places: number;
  },
): Promise<Reply> {
  const { verb, place, lease, places } = asked;
  const { user, client } = place;
  const held = heldKey(names, lease, names.partitionOf(user));
  const args = [verb, client, lease, user + SEPARATOR + client, places];
  return link.run(PLACE, [names.key('q', user), held], args);
}

/** In rounds; what is given back meanwhile does not disturb it. */
async function* placesOf(
  { names, link }: Redis,
  lease: string,
  partition: number,
): AsyncGenerator<readonly Place[]> {
  const key = heldKey(names, lease, partition);
  let cursor = '0';
  do {
    const [next, found] = listOf(await link.call('SSCAN', key, cursor, 'COUNT', ROUND));
    cursor = textOf(next);
    yield listOf(found).map((place) => placeOf(textOf(place)));
  } while (cursor !== '0');
}

function heldKey(names: Names, lease: string, partition: number): string {
  return `${names.prefixOf(partition)}places:${lease}`;
}

/** A user may be called as its token says; a client has no such character. */
const SEPARATOR = '\0';

function placeOf(text: string): Place {
  const at = text.lastIndexOf(SEPARATOR);
  return { user: text.slice(0, at), client: text.slice(at + 1) };
}
