/** The connections of a run, in the order of their numbers. */
import { signToken } from '../../src/auth/sign.ts';
import type { Dialect, Place } from '../dialects/dialect.ts';
import { DIALECTS } from '../dialects/dialects.ts';
import { Client } from './client.ts';
import type { Ear } from './ear.ts';
import { BroadEar, CountingEar, KeenEar } from './ear.ts';
import { Mouth } from './mouth.ts';
import type { Address, Hearing, OpenOrder } from './orders.ts';
import { Tally } from './tally.ts';

/** One client in so many is looked into message by message. */
const KEEN_EVERY = 50;

interface Member {
  readonly index: number;
  readonly token: string;
  readonly channels: readonly string[];
  readonly speaks: boolean;
  readonly ear: Ear | null;
}

export class Crowd {
  readonly tally = new Tally();
  readonly order: OpenOrder;
  readonly #members: Member[];
  #clients: Client[] = [];

  private constructor(order: OpenOrder, members: Member[]) {
    this.order = order;
    this.#members = members;
  }

  static async of(order: OpenOrder): Promise<Crowd> {
    const numbers = Array.from({ length: order.connections }, (_, i) => order.firstIndex + i);
    const tokens = await Promise.all(numbers.map((index) => tokenOf(order, `user-${index}`)));
    const crowd = new Crowd(order, []);
    for (const [i, index] of numbers.entries()) {
      const channels = order.hears === null ? [] : channelsOf(order.hears, index);
      const speaks = i < order.speakers;
      const ear = earOf(order, i, crowd.tally);
      crowd.#members.push({ index, token: tokens[i] ?? '', channels, speaks, ear });
    }
    return crowd;
  }

  get clients(): readonly Client[] {
    return this.#clients;
  }

  /** How many hear each message. */
  get audience(): number {
    const { hears, connections } = this.order;
    return hears === null ? 0 : (connections * hears.each) / hears.channels;
  }

  /** `opened` is told how long each took. */
  async open(opened: (ms: number) => void = () => undefined): Promise<void> {
    await this.#openAll((member) => this.#client(member, null), opened);
  }

  /** The same clients once more, after they were cut: each from where it was. */
  async reopen(opened: (ms: number) => void): Promise<void> {
    const before = this.#clients;
    this.#clients = [];
    await this.#openAll((member, i) => {
      return this.#client(member, before[i]?.placeAt(member.ear?.last ?? 0) ?? null);
    }, opened);
  }

  close(): void {
    for (const client of this.#clients) client.end();
  }

  stopReading(): void {
    for (const client of this.#clients) client.socket.pause();
  }

  async #openAll(
    make: (member: Member, i: number) => Client,
    opened: (ms: number) => void,
  ): Promise<void> {
    const waiting = this.#members.entries();
    const worker = async (): Promise<void> => {
      // Each takes the next when it is done with one.
      for (const [i, member] of waiting) {
        const began = performance.now();
        const client = make(member, i);
        this.#clients[i] = client;
        await client.ready;
        opened(performance.now() - began);
      }
    };
    await Promise.all(Array.from({ length: this.order.atOnce }, worker));
  }

  #client({ index, token, channels, speaks, ear }: Member, since: Place | null): Client {
    const { ports, dialect: name } = this.order;
    const dialect = DIALECTS[name];
    const [channel = ''] = channels;
    return new Client({
      dialect,
      port: ports[index % ports.length] ?? 0,
      index,
      token,
      purpose: { hears: channels, speaksTo: speaks ? [channel] : [], since },
      tally: this.tally,
      ear,
      mouth: speaks ? mouthOf(dialect, [channel], this.tally) : null,
    });
  }
}

/** The how-many-eth of so many that share the channels and hear none; what it says is counted in `tally`. */
export async function publisherOf(
  address: Address,
  { hears, tally }: { hears: Hearing; tally: Tally },
  { i, of }: { i: number; of: number },
): Promise<Client> {
  const dialect = DIALECTS[address.dialect];
  const all = Array.from({ length: hears.channels }, (_, k) => channelOf(hears, k));
  const channels = all.filter((_, k) => k % of === i);
  const client = new Client({
    dialect,
    port: address.ports[0] ?? 0,
    index: i,
    token: await tokenOf(address, `publisher-${i}`),
    purpose: { hears: [], speaksTo: channels, since: null },
    tally,
    ear: null,
    mouth: mouthOf(dialect, channels, tally),
  });
  await client.ready;
  return client;
}

export function channelOf({ channel, channels }: Hearing, i: number): string {
  return channels === 1 ? channel : `${channel}-${String(i % channels).padStart(5, '0')}`;
}

/** Each channel is spoken to by one alone. */
function mouthOf(dialect: Dialect, channels: readonly string[], tally: Tally): Mouth {
  const streams = channels.map((channel) => ({
    channel,
    number: Number(/-(\d+)$/.exec(channel)?.[1] ?? 0),
  }));
  return new Mouth({ dialect, streams, tally });
}

export function tokenOf({ secret, dialect }: Address, sub: string): Promise<string> {
  const wants = dialect === 'sluice' || dialect === 'sluice-msgpack';
  return wants ? signToken({ sub }, { secret }) : Promise.resolve('');
}

function channelsOf(hears: Hearing, index: number): string[] {
  return Array.from({ length: hears.each }, (_, k) => channelOf(hears, index * hears.each + k));
}

/** None where it must not be kept in memory. */
function earOf({ hears, crowd, speakers }: OpenOrder, i: number, tally: Tally): Ear | null {
  if (hears === null || crowd === 'slow') return null;
  // Of many rooms nobody else may hear the same.
  if (speakers > 0 || i % KEEN_EVERY === 0) return new KeenEar(tally);
  return hears.each > 1 ? new CountingEar(tally) : new BroadEar(tally);
}
