/** The presence of many gateways: who is where is in Redis, held by the lease of a gateway. */
import type { ChannelName } from '../channel/name.ts';
import type { ClientInfo } from '../channel/publication.ts';
import { Refusal } from '../kernel/errors.ts';
import { Reader } from '../redis/bytes.ts';
import { headOf, readWho, whoBytes } from '../redis/envelope.ts';
import { RedisAway } from '../redis/errors.ts';
import type { Holder, Lease, LeaseState } from '../redis/lease.ts';
import { allPartitions, eachPartition } from '../redis/partitions.ts';
import type { Redis } from '../redis/redis.ts';
import { bytesOf, listOf, numberOf, textOf } from '../redis/reply.ts';
import { scriptOf } from '../redis/script.ts';
import type { Presence, PresenceStats } from './presence.ts';

const ADD = scriptOf(new URL('redis-add.lua', import.meta.url));
const REMOVE = scriptOf(new URL('redis-remove.lua', import.meta.url));
const LOOK = scriptOf(new URL('redis-look.lua', import.meta.url));

/** Bytes of a lease, before who a member is. */
const LEASE_BYTES = 36;
/** Members that are registered, or taken out, at once: some milliseconds of work for Redis. */
const ROUND = 250;

export interface RedisPresenceOptions {
  readonly redis: Redis;
  readonly lease: Lease;
  /** Whether those who subscribe to the channel are told of leaves. */
  readonly tellsLeaves: (channel: ChannelName) => boolean;
}

interface Member {
  readonly channel: ChannelName;
  readonly info: ClientInfo;
}

export class RedisPresence implements Presence, Holder {
  readonly name = 'presence';
  readonly #options: RedisPresenceOptions;
  /** Who is here on this gateway, by place: what Redis should know. */
  readonly #members = new Map<string, Member>();
  /** Those who are being taken out at this moment. */
  readonly #parting = new Set<string>();
  /** Those of whom it is not known whether Redis took them out, so that nobody was told of it. */
  readonly #untold = new Map<string, Member & { readonly lease: string }>();
  /** Partitions in which Redis may know something else than it should, and whether joins are told there. */
  readonly #apart = new Map<number, boolean>();

  constructor(options: RedisPresenceOptions) {
    this.#options = options;
    options.lease.add(this);
  }

  async add(channel: ChannelName, info: ClientInfo): Promise<void> {
    const place = placeOf(channel, info);
    this.#members.set(place, { channel, info });
    this.#untold.delete(place);
    try {
      await this.#add(place, { channel, info }, false);
    } catch (error) {
      this.#members.delete(place);
      this.#doubt(this.#partitionOf(channel), false);
      throw refusalOf(error);
    }
  }

  async remove(channel: ChannelName, info: ClientInfo): Promise<void> {
    const place = placeOf(channel, info);
    const lease = this.#options.lease.id;
    this.#members.delete(place);
    this.#parting.add(place);
    try {
      await this.#remove(place, info.user, { lease, tells: false });
    } catch (error) {
      this.#untold.set(place, { channel, info, lease });
      this.#doubt(this.#partitionOf(channel), false);
      throw refusalOf(error);
    } finally {
      this.#parting.delete(place);
    }
  }

  async members(channel: ChannelName, membersMax: number): Promise<readonly ClientInfo[]> {
    const { clients, members } = await this.#look(channel, membersMax);
    if (clients > membersMax) {
      throw new Refusal('limitExceeded', `the channel has more than ${membersMax} members`);
    }
    return members.map((bytes) => readWho(new Reader(bytes, LEASE_BYTES)));
  }

  async stats(channel: ChannelName): Promise<PresenceStats> {
    const { clients, users } = await this.#look(channel, -1);
    return { clients, users };
  }

  async renewed(state: LeaseState): Promise<void> {
    if (state !== 'kept') {
      // Others told the leaves of those they swept: their joins are told again.
      const all = allPartitions(this.#options.redis.names);
      for (const partition of all) this.#doubt(partition, state === 'ended');
    }
    if (this.#apart.size === 0) return;
    const members = this.#membersByPartition();
    // Those that could not be asked stay apart, for the next time.
    await eachPartition([...this.#apart.keys()], async (partition) => {
      const tells = this.#apart.get(partition) ?? false;
      this.#apart.delete(partition);
      try {
        await this.#tellUntold(partition);
        await this.#takeOutStrangers(partition);
        await this.#register(members.get(partition) ?? [], tells);
      } catch (error) {
        this.#doubt(partition, tells);
        throw error;
      }
    });
  }

  async sweep(lease: string): Promise<void> {
    const partitions = allPartitions(this.#options.redis.names);
    const failure = await eachPartition(partitions, async (partition) => {
      for await (const held of this.#heldBy(lease, partition)) {
        await Promise.all(
          held.map(({ place, user, tells }) => this.#remove(place, user, { lease, tells })),
        );
      }
    });
    if (failure !== null) throw failure;
  }

  /** What is still held is swept with the lease. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  async #look(
    channel: ChannelName,
    membersMax: number,
  ): Promise<{ clients: number; users: number; members: Buffer[] }> {
    const { names, link } = this.#options.redis;
    try {
      const keys = [names.key('p', channel), names.key('u', channel)];
      const [clients, users, members] = listOf(await link.run(LOOK, keys, [membersMax]));
      return {
        clients: numberOf(clients),
        users: numberOf(users),
        members: listOf(members).map(bytesOf),
      };
    } catch (error) {
      throw refusalOf(error);
    }
  }

  async #add(place: string, { channel, info }: Member, tells: boolean): Promise<void> {
    const { redis, lease, tellsLeaves } = this.#options;
    const leaves = tellsLeaves(channel);
    const bus = tells && leaves ? redis.names.bus('c', channel) : '';
    const { client, user } = info;
    const args = [client, user, lease.id, whoBytes(info), place, leaves ? 1 : 0, bus];
    await redis.link.run(ADD, this.#keysOf(channel, lease.id), [...args, redis.publishCommand]);
  }

  async #remove(
    place: string,
    user: string,
    { lease, tells }: { readonly lease: string; readonly tells: boolean },
  ): Promise<boolean> {
    const { redis } = this.#options;
    const [channel = '', client = ''] = place.split(SEPARATOR);
    const bus = tells ? redis.names.bus('c', channel) : '';
    const args = [client, user, lease, place, bus, redis.publishCommand];
    return numberOf(await redis.link.run(REMOVE, this.#keysOf(channel, lease), args)) === 1;
  }

  #keysOf(channel: string, lease: string): string[] {
    const { names } = this.#options.redis;
    const held = this.#heldKey(lease, this.#partitionOf(channel));
    return [names.key('p', channel), names.key('u', channel), held];
  }

  #heldKey(lease: string, partition: number): string {
    return `${this.#options.redis.names.prefixOf(partition)}held:${lease}`;
  }

  #membersByPartition(): Map<number, [string, Member][]> {
    const members = new Map<number, [string, Member][]>();
    for (const [place, member] of this.#members) {
      const partition = this.#partitionOf(member.channel);
      const some = members.get(partition);
      if (some === undefined) members.set(partition, [[place, member]]);
      else some.push([place, member]);
    }
    return members;
  }

  #partitionOf(channel: string): number {
    return this.#options.redis.names.partitionOf(channel);
  }

  #doubt(partition: number, tells: boolean): void {
    this.#apart.set(partition, tells || (this.#apart.get(partition) ?? false));
  }

  async #register(all: readonly [string, Member][], tells: boolean): Promise<void> {
    for (let from = 0; from < all.length; from += ROUND) {
      await Promise.all(
        all.slice(from, from + ROUND).map(async ([place, member]) => {
          if (this.#members.get(place) !== member) return;
          await this.#add(place, member, tells);
          if (this.#members.has(place)) return;
          // It left while it was registered.
          const { lease } = this.#options;
          await this.#remove(place, member.info.user, { lease: lease.id, tells: false });
        }),
      );
    }
  }

  /** Takes out those who left while Redis did not answer, and tells it, once. */
  async #tellUntold(partition: number): Promise<void> {
    const { redis, lease, tellsLeaves } = this.#options;
    for (const [place, { channel, info, lease: held }] of this.#untold) {
      if (this.#partitionOf(channel) !== partition) continue;
      const tells = tellsLeaves(channel);
      const isTold = await this.#remove(place, info.user, { lease: held, tells });
      // Redis had taken it out after all. Under another lease others did, and told it.
      if (!isTold && tells && held === lease.id) {
        const message = Buffer.concat([Buffer.from(headOf('leave')), whoBytes(info)]);
        await redis.link.call(redis.publishCommand, redis.names.bus('c', channel), message);
      }
      this.#untold.delete(place);
    }
  }

  /** Those whom Redis knows under our lease, and who are not here any more. */
  async #takeOutStrangers(partition: number): Promise<void> {
    const lease = this.#options.lease.id;
    for await (const held of this.#heldBy(lease, partition)) {
      await Promise.all(
        held.map(async ({ place, user, tells }) => {
          if (this.#members.has(place) || this.#parting.has(place)) return;
          await this.#remove(place, user, { lease, tells });
        }),
      );
    }
  }

  /** In rounds; who is taken out meanwhile does not disturb it. */
  async *#heldBy(lease: string, partition: number): AsyncGenerator<readonly Held[]> {
    const { link } = this.#options.redis;
    const key = this.#heldKey(lease, partition);
    let cursor = '0';
    do {
      const [next, found] = listOf(await link.call('HSCAN', key, cursor, 'COUNT', ROUND));
      cursor = textOf(next);
      yield heldOf(listOf(found).map(textOf));
    } while (cursor !== '0');
  }
}

/** Places of a lease, with the user, and whether the leave is to be told. */
interface Held {
  readonly place: string;
  readonly user: string;
  readonly tells: boolean;
}

function heldOf(entries: readonly string[]): Held[] {
  const all: Held[] = [];
  for (let at = 0; at < entries.length; at += 2) {
    const [place = '', held = ''] = entries.slice(at, at + 2);
    all.push({ place, user: held.slice(1), tells: held.startsWith('1') });
  }
  return all;
}

/** No name has a control character. */
const SEPARATOR = '\0';

function placeOf(channel: ChannelName, { client }: ClientInfo): string {
  return channel + SEPARATOR + client;
}

function refusalOf(error: unknown): unknown {
  return error instanceof RedisAway ? new Refusal('internal', 'try again') : error;
}
