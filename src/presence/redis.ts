/** The presence of many gateways: who is where is in Redis, held by the lease of a gateway. */
import type { ChannelName } from '../channel/name.ts';
import type { ClientInfo } from '../channel/publication.ts';
import { Refusal } from '../kernel/errors.ts';
import { Reader } from '../redis/bytes.ts';
import { readWho, whoBytes } from '../redis/envelope.ts';
import { RedisAway } from '../redis/errors.ts';
import type { Holder, Lease, LeaseState } from '../redis/lease.ts';
import type { Redis } from '../redis/redis.ts';
import { bytesOf, listOf, numberOf, textOf } from '../redis/reply.ts';
import { scriptOf } from '../redis/script.ts';
import type { Presence, PresenceStats } from './presence.ts';

const ADD = scriptOf(new URL('redis-add.lua', import.meta.url));
const REMOVE = scriptOf(new URL('redis-remove.lua', import.meta.url));
const LOOK = scriptOf(new URL('redis-look.lua', import.meta.url));
const SWEEP = scriptOf(new URL('redis-sweep.lua', import.meta.url));

/** Bytes of a lease, before who a member is. */
const LEASE_BYTES = 36;
/** Members that are registered again at once. */
const ROUND = 250;
const SCAN_COUNT = 500;
/** Members swept in one step: less than a millisecond that Redis is not there for others. */
const SWEEP_STEP = 100;

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
  /** Redis may know something else than it should. */
  #isApart = false;

  constructor(options: RedisPresenceOptions) {
    this.#options = options;
    options.lease.add(this);
  }

  async add(channel: ChannelName, info: ClientInfo): Promise<void> {
    const place = placeOf(channel, info);
    this.#members.set(place, { channel, info });
    try {
      await this.#add(place, { channel, info }, false);
    } catch (error) {
      this.#members.delete(place);
      this.#isApart = true;
      throw refusalOf(error);
    }
  }

  async remove(channel: ChannelName, info: ClientInfo): Promise<void> {
    const place = placeOf(channel, info);
    this.#members.delete(place);
    this.#parting.add(place);
    try {
      await this.#remove(place, info.user, false);
    } catch (error) {
      this.#isApart = true;
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
    if (state === 'kept' && !this.#isApart) return;
    this.#isApart = false;
    // Under another lease there are none.
    if (state !== 'ended') await this.#takeOutStrangers();
    // Others told the leaves of those they swept: their joins are told again.
    await this.#registerAll(state === 'ended');
  }

  async sweep(lease: string): Promise<void> {
    const { names, link, publishCommand } = this.#options.redis;
    for (let partition = 0; partition < names.partitions; partition += 1) {
      const prefix = names.prefixOf(partition);
      const args = [lease, prefix, names.busPrefixOf(partition), publishCommand, SWEEP_STEP];
      const keys = [`${prefix}held:${lease}`];
      while (numberOf(await link.run(SWEEP, keys, args)) > 0);
    }
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
    await redis.link.run(ADD, this.#keysOf(channel), [...args, redis.publishCommand]);
  }

  async #remove(place: string, user: string, tells: boolean): Promise<void> {
    const { redis, lease } = this.#options;
    const [channel = '', client = ''] = place.split(SEPARATOR);
    const bus = tells ? redis.names.bus('c', channel) : '';
    const args = [client, user, lease.id, place, bus, redis.publishCommand];
    await redis.link.run(REMOVE, this.#keysOf(channel), args);
  }

  #keysOf(channel: string): string[] {
    const { redis, lease } = this.#options;
    const { names } = redis;
    const held = `${names.prefixOf(names.partitionOf(channel))}held:${lease.id}`;
    return [names.key('p', channel), names.key('u', channel), held];
  }

  async #registerAll(tells: boolean): Promise<void> {
    const all = [...this.#members];
    for (let from = 0; from < all.length; from += ROUND) {
      const round = all.slice(from, from + ROUND);
      await Promise.all(
        round.map(async ([place, member]) => {
          if (this.#members.get(place) !== member) return;
          await this.#add(place, member, tells);
          // It left while it was registered.
          if (!this.#members.has(place)) await this.#remove(place, member.info.user, false);
        }),
      );
    }
  }

  /** Those who left while Redis was away: their leaves could not be told then. */
  async #takeOutStrangers(): Promise<void> {
    const { redis, lease } = this.#options;
    const { names, link } = redis;
    for (let partition = 0; partition < names.partitions; partition += 1) {
      const key = `${names.prefixOf(partition)}held:${lease.id}`;
      let cursor = '0';
      do {
        const [next, found] = listOf(await link.call('HSCAN', key, cursor, 'COUNT', SCAN_COUNT));
        cursor = textOf(next);
        const entries = listOf(found).map(textOf);
        for (let at = 0; at < entries.length; at += 2) {
          await this.#takeOut(entries[at] ?? '', entries[at + 1] ?? '');
        }
      } while (cursor !== '0');
    }
  }

  async #takeOut(place: string, held: string): Promise<void> {
    if (this.#members.has(place) || this.#parting.has(place)) return;
    await this.#remove(place, held.slice(1), held.startsWith('1'));
  }
}

/** No name has a control character. */
const SEPARATOR = '\0';

function placeOf(channel: ChannelName, { client }: ClientInfo): string {
  return channel + SEPARATOR + client;
}

function refusalOf(error: unknown): unknown {
  return error instanceof RedisAway ? new Refusal('internal', 'try again') : error;
}
