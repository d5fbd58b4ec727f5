/** The presence of many gateways: who is where is in Redis, held by the lease of a gateway. */
import type { ChannelName } from '../channel/name.ts';
import type { ClientInfo } from '../channel/publication.ts';
import { Refusal } from '../kernel/errors.ts';
import { Reader } from '../redis/bytes.ts';
import { headOf, readWho, whoBytes } from '../redis/envelope.ts';
import { RedisAway } from '../redis/errors.ts';
import type { Holder, Lease, LeaseState } from '../redis/lease.ts';
import { stronger } from '../redis/lease.ts';
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
}

/** What is known of the join of a member: whether it was told, or is to be and may have been. */
type Join = 'untold' | 'asked' | 'told';

interface Member {
  readonly channel: ChannelName;
  readonly info: ClientInfo;
  join: Join;
  /** The lease that it was registered under last. */
  lease: string;
}

/** A member that left, and it is not known whether anybody was told. */
interface Departure {
  readonly member: Member;
  /** Redis took it out, or it did not know it. */
  readonly isAnswered: boolean;
}

/** What redis-add.lua does about the join. */
type JoinWord = 'silent' | 'told' | 'tell' | 'again';

export class RedisPresence implements Presence, Holder {
  readonly name = 'presence';
  readonly #options: RedisPresenceOptions;
  /** Who is here on this gateway, by place: what Redis should know. */
  readonly #members = new Map<string, Member>();
  /** Those who are being taken out at this moment. */
  readonly #parting = new Set<string>();
  /** Those who left and are not settled yet, by place; never more than were here. */
  readonly #departures = new Map<string, Departure>();
  /** Partitions in which Redis may know something else than it should, and since which renewal. */
  readonly #apart = new Map<number, LeaseState>();

  constructor(options: RedisPresenceOptions) {
    this.#options = options;
    options.lease.add(this);
  }

  async add(channel: ChannelName, info: ClientInfo): Promise<void> {
    const place = placeOf(channel, info);
    const join = this.#members.get(place)?.join ?? 'untold';
    const member: Member = { channel, info, join, lease: '' };
    this.#members.set(place, member);
    this.#departures.delete(place);
    try {
      await this.#add(place, member, joinWord(join, 'kept'));
    } catch (error) {
      this.#members.delete(place);
      this.#doubt(this.#partitionOf(channel));
      throw refusalOf(error);
    }
  }

  async announce(channel: ChannelName, info: ClientInfo): Promise<void> {
    const place = placeOf(channel, info);
    const member = this.#members.get(place);
    if (member === undefined || member.join !== 'untold') return;
    member.join = 'asked';
    try {
      await this.#add(place, member, 'tell');
      member.join = 'told';
    } catch (error) {
      this.#doubt(this.#partitionOf(channel));
      throw refusalOf(error);
    }
  }

  async remove(channel: ChannelName, info: ClientInfo): Promise<void> {
    const place = placeOf(channel, info);
    const member = this.#members.get(place);
    const lease = member?.lease ?? this.#options.lease.id;
    this.#members.delete(place);
    this.#parting.add(place);
    const doubt = (isAnswered: boolean): void => {
      if (member !== undefined) this.#departures.set(place, { member, isAnswered });
      this.#doubt(this.#partitionOf(channel));
    };
    try {
      const isTakenOut = await this.#remove(place, info.user, lease);
      if (!isTakenOut && member?.join === 'told') doubt(true);
    } catch (error) {
      doubt(false);
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
      for (const partition of allPartitions(this.#options.redis.names))
        this.#doubt(partition, state);
    }
    if (this.#apart.size === 0) return;
    const members = this.#membersByPartition();
    // Those that could not be asked stay apart, for the next time.
    await eachPartition([...this.#apart.keys()], async (partition) => {
      const since = this.#apart.get(partition) ?? 'kept';
      this.#apart.delete(partition);
      try {
        await this.#seeOff(partition, since);
        await this.#takeOutStrangers(partition);
        await this.#register(members.get(partition) ?? [], since);
      } catch (error) {
        this.#doubt(partition, since);
        throw error;
      }
    });
  }

  async sweep(lease: string): Promise<void> {
    const partitions = allPartitions(this.#options.redis.names);
    const failure = await eachPartition(partitions, async (partition) => {
      for await (const held of this.#heldBy(lease, partition)) {
        await Promise.all(held.map(({ place, user }) => this.#remove(place, user, lease)));
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

  async #add(place: string, member: Member, join: JoinWord): Promise<void> {
    const { redis, lease } = this.#options;
    const { channel, info } = member;
    const { client, user } = info;
    member.lease = lease.id;
    const args = [client, user, lease.id, whoBytes(info), place, join];
    const tells = [redis.names.bus('c', channel), redis.publishCommand];
    await redis.link.run(ADD, this.#keysOf(channel, lease.id), [...args, ...tells]);
  }

  /** False where the lease does not hold it. */
  async #remove(place: string, user: string, lease: string): Promise<boolean> {
    const { redis } = this.#options;
    const [channel = '', client = ''] = place.split(SEPARATOR);
    const args = [client, user, lease, place, redis.names.bus('c', channel), redis.publishCommand];
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

  #doubt(partition: number, since: LeaseState = 'kept'): void {
    this.#apart.set(partition, stronger(since, this.#apart.get(partition) ?? 'kept'));
  }

  async #register(all: readonly [string, Member][], since: LeaseState): Promise<void> {
    for (let from = 0; from < all.length; from += ROUND) {
      await Promise.all(
        all.slice(from, from + ROUND).map(async ([place, member]) => {
          if (this.#members.get(place) !== member) return;
          const word = joinWord(member.join, since);
          await this.#add(place, member, word);
          if (word === 'tell') member.join = 'told';
          // It left while it was registered.
          if (!this.#members.has(place)) {
            await this.#remove(place, member.info.user, member.lease);
          }
        }),
      );
    }
  }

  /** Takes out those who may still be there, and tells their leaves, unless that was done. */
  async #seeOff(partition: number, since: LeaseState): Promise<void> {
    const departures = [...this.#departures].filter(
      ([, { member }]) => this.#partitionOf(member.channel) === partition,
    );
    for (let from = 0; from < departures.length; from += ROUND) {
      await Promise.all(
        departures
          .slice(from, from + ROUND)
          .map(([place, departure]) => this.#seeOffOne(place, departure, since)),
      );
    }
  }

  async #seeOffOne(place: string, departure: Departure, since: LeaseState): Promise<void> {
    const { member, isAnswered } = departure;
    // Those of a lease that ended are swept, by others or by us.
    const isOurs = member.lease === this.#options.lease.id;
    const isTold =
      isOurs && !isAnswered && (await this.#remove(place, member.info.user, member.lease));
    // It may have come back meanwhile.
    if (this.#departures.get(place) !== departure) return;
    // What Redis does not know it took out before, and told it; or it has lost it.
    const isLost = isAnswered || since === 'new';
    if (isOurs && !isTold && isLost && member.join === 'told') await this.#tellLeave(member);
    this.#departures.delete(place);
  }

  async #tellLeave({ channel, info }: Member): Promise<void> {
    const { names, link, publishCommand } = this.#options.redis;
    const message = Buffer.concat([Buffer.from(headOf('leave')), whoBytes(info)]);
    await link.call(publishCommand, names.bus('c', channel), message);
  }

  /** Those whom Redis knows under our lease, and who are not here any more. */
  async #takeOutStrangers(partition: number): Promise<void> {
    const lease = this.#options.lease.id;
    for await (const held of this.#heldBy(lease, partition)) {
      await Promise.all(
        held.map(async ({ place, user }) => {
          if (this.#members.has(place) || this.#parting.has(place)) return;
          await this.#remove(place, user, lease);
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

/** A place of a lease, and the user who is there. */
interface Held {
  readonly place: string;
  readonly user: string;
}

function heldOf(entries: readonly string[]): Held[] {
  const all: Held[] = [];
  for (let at = 0; at < entries.length; at += 2) {
    const [place = '', held = ''] = entries.slice(at, at + 2);
    all.push({ place, user: held.slice(1) });
  }
  return all;
}

/** Others who took its members out under a lease that ended told their leaves. */
function joinWord(join: Join, since: LeaseState): JoinWord {
  if (join === 'untold') return 'silent';
  if (join === 'asked') return 'tell';
  return since === 'ended' ? 'again' : 'told';
}

/** No name has a control character. */
const SEPARATOR = '\0';

function placeOf(channel: ChannelName, { client }: ClientInfo): string {
  return channel + SEPARATOR + client;
}

function refusalOf(error: unknown): unknown {
  return error instanceof RedisAway ? new Refusal('internal', 'try again') : error;
}
