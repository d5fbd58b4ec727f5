/**
 * The channels with publications that may not be archived yet, written down in Redis before they are
 * published. When a gateway dies with some in its memory, whoever sweeps its lease takes its ledger
 * over, and archives what the streams of these channels still hold.
 */
import type { ChannelName } from '../channel/name.ts';
import type { Clock } from '../kernel/clock.ts';
import { Refusal } from '../kernel/errors.ts';
import { RedisAway } from '../redis/errors.ts';
import type { Holder, Lease, LeaseState } from '../redis/lease.ts';
import type { Redis } from '../redis/redis.ts';
import { listOf, numberOf, textOf } from '../redis/reply.ts';

export interface LedgerOptions {
  readonly redis: Redis;
  readonly lease: Lease;
  readonly clock: Clock;
  /** How many lines of this gateway are archived. */
  readonly written: () => number;
  /** Archives what the stream of the channel holds and the archive does not. */
  readonly repair: (channel: ChannelName) => Promise<void>;
  /** Null for what is none here. */
  readonly nameOf: (text: string) => ChannelName | null;
  readonly fault: (where: string, error: unknown) => void;
  /** Over so many channels those are forgotten early that are quiet: as many may wait. */
  readonly channelsMax: number;
}

/** A channel that is published to again within this time is not written down again. */
const IDLE_MS = 10_000;
/** Channels in one command. */
const STEP = 500;
/** After this time nothing is on its way to Redis that was sent before. */
const ARRIVAL_MS = 5000;
/** What more there is to repair waits in Redis. */
const REPAIRS_MAX = 100_000;

interface Item {
  /** Publications that have no place yet. */
  pending: number;
  /** The line of the last that had. */
  line: number;
  usedMs: number;
}

export class Ledger implements Holder {
  readonly name = 'archive';
  readonly #options: LedgerOptions;
  readonly #items = new Map<ChannelName, Item>();
  /** Those whose streams are still to be looked through, and from when on. */
  readonly #repairs = new Map<ChannelName, number>();
  /** Redis may not know all of it. */
  #isApart = false;
  /** Over it, it is looked for channels to forget; to look for them each time would take too long. */
  #crowd: number;
  #isRepairing = false;
  #isClosed = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#crowd = options.channelsMax;
    options.lease.add(this);
  }

  /** Before something is published to the channel; followed by `end`. Redis is told in that order. */
  begin(channel: ChannelName): void {
    const usedMs = this.#options.clock.now();
    const item = this.#items.get(channel);
    if (item !== undefined) {
      item.pending += 1;
      item.usedMs = usedMs;
      return;
    }
    this.#items.set(channel, { pending: 1, line: 0, usedMs });
    void this.#attempt(() => this.#tell('SADD', [channel]));
    if (this.#items.size <= this.#crowd) return;
    void this.#attempt(() => this.#forget(0));
    this.#crowd = Math.max(this.#options.channelsMax, 2 * this.#items.size);
  }

  /** `line` is the one that was written of it; 0 where there is none. */
  end(channel: ChannelName, line: number): void {
    const item = this.#items.get(channel);
    if (item === undefined) return;
    item.pending -= 1;
    item.line = Math.max(item.line, line);
  }

  /** Nobody knows whether something was published to the channel; what was sent may still arrive. */
  doubt(channel: ChannelName): void {
    // Nobody was told that it was published.
    if (this.#repairs.size > REPAIRS_MAX) return;
    this.#repairs.set(channel, this.#options.clock.now() + ARRIVAL_MS);
  }

  async renewed(state: LeaseState): Promise<void> {
    if (state !== 'kept' || this.#isApart) {
      this.#isApart = false;
      await this.#tell('SADD', [...this.#items.keys(), ...this.#repairs.keys()]);
    }
    await this.#forget(IDLE_MS);
    void this.#repairAll();
  }

  /** What another gateway had begun is now for this one to finish, or for who comes after it. */
  async sweep(lease: string): Promise<void> {
    const { link } = this.#options.redis;
    const key = this.#keyOf(lease);
    if (lease === this.#options.lease.id) {
      if (numberOf(await link.call('EXISTS', key)) === 0) return;
      throw new RedisAway('it is for another gateway to sweep');
    }
    for (;;) {
      const found = listOf(await link.call('SRANDMEMBER', key, STEP)).map(textOf);
      if (found.length === 0) return;
      if (this.#repairs.size > REPAIRS_MAX) throw new RedisAway('there is enough to repair');
      const channels = found.map((text) => this.#options.nameOf(text));
      const known = channels.filter((channel) => channel !== null);
      await this.#tell('SADD', known);
      await link.call('SREM', key, ...found);
      for (const channel of known) this.#repairs.set(channel, 0);
      void this.#repairAll();
    }
  }

  /** What is written down then stays there for the others. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#attempt(() => this.#forget(0));
  }

  /** Takes out the channels of which all is archived, and that have been quiet for so long. */
  async #forget(idleMs: number): Promise<void> {
    const written = this.#options.written();
    const quietMs = this.#options.clock.now() - idleMs;
    const done: ChannelName[] = [];
    for (const [channel, { pending, line, usedMs }] of this.#items) {
      if (pending > 0 || line > written || usedMs > quietMs) continue;
      this.#items.delete(channel);
      if (!this.#repairs.has(channel)) done.push(channel);
    }
    await this.#tell('SREM', done);
  }

  async #repairAll(): Promise<void> {
    if (this.#isRepairing) return;
    this.#isRepairing = true;
    const { redis, clock } = this.#options;
    // Where one channel cannot be read now; with a master that is away, none there can.
    const away = new Set<number>();
    // More may come meanwhile; a map is gone through with what is added.
    for (const [channel, fromMs] of this.#repairs) {
      if (this.#isClosed) break;
      const partition = redis.names.partitionOf(channel);
      if (fromMs > clock.now() || away.has(partition)) continue;
      if (!(await this.#repair(channel))) {
        away.add(partition);
        continue;
      }
      this.#repairs.delete(channel);
      if (!this.#items.has(channel)) await this.#attempt(() => this.#tell('SREM', [channel]));
    }
    this.#isRepairing = false;
  }

  /** False: not now; it is tried again after the next renewal. */
  async #repair(channel: ChannelName): Promise<boolean> {
    try {
      await this.#options.repair(channel);
    } catch (error) {
      if (error instanceof Refusal && error.entry.temporary) return false;
      this.#options.fault('archive repair', error);
    }
    return true;
  }

  async #tell(command: 'SADD' | 'SREM', channels: readonly ChannelName[]): Promise<void> {
    const { redis, lease } = this.#options;
    const key = this.#keyOf(lease.id);
    for (let at = 0; at < channels.length; at += STEP) {
      await redis.link.call(command, key, ...channels.slice(at, at + STEP));
    }
  }

  /** What Redis was not told, it is told with the next renewal. */
  async #attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#isApart = true;
      if (!(error instanceof RedisAway)) this.#options.fault('archive ledger', error);
    }
  }

  #keyOf(lease: string): string {
    return `${this.#options.redis.names.prefixOf(0)}unarchived:${lease}`;
  }
}
