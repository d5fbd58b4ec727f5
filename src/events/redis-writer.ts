/** Enters into the ledger in Redis what happens on this gateway, in its order and once. */
import type { Lease, Holder } from '../redis/lease.ts';
import { RedisAway } from '../redis/errors.ts';
import type { Arg } from '../redis/link.ts';
import type { Redis } from '../redis/redis.ts';
import { listOf, numberOf, textOf } from '../redis/reply.ts';
import type { Happening } from './happening.ts';
import { membersOf } from './happening.ts';
import type { JournalOptions } from './journal.ts';
import type { LedgerNames } from './redis-names.ts';
import { ledgerScript, LETTERS } from './redis-names.ts';

const APPEND = ledgerScript('redis-append.lua');
const SWEEP = ledgerScript('redis-sweep.lua');
const ORPHANS = ledgerScript('redis-orphans.lua');

/** Happenings in one script, and in one portion of those that are told again: some 3 ms of Redis. */
const PORTION = 250;
/** Entries swept in one step: less than a millisecond that Redis is not there for others. */
const SWEEP_STEP = 100;
/** While those that are told again wait for room. */
const ROOM_MS = 250;
/** How long the last ones may take when the gateway closes. */
const FLUSH_MS = 2000;

/** What is told of connections whose end nobody saw. */
const DIED = { code: 1006, reason: 'gateway died' };
const UNKNOWN = { code: 1005, reason: 'not known' };

export interface WriterOptions extends JournalOptions {
  readonly redis: Redis;
  readonly lease: Lease;
  readonly names: LedgerNames;
  /** How many happenings may wait for Redis. */
  readonly pendingMax: number;
  readonly fault: (where: string, error: unknown) => void;
}

/** Happenings with their numbers: sent again under the same, they are entered once. */
interface Portion {
  readonly first: number;
  readonly happenings: readonly Happening[];
  /** How many were dropped before them. */
  readonly dropped: number;
  readonly again: boolean;
}

export class RedisWriter implements Holder {
  readonly name = 'events';
  readonly #options: WriterOptions;
  readonly #queue: Happening[] = [];
  /** On its way, or lost on it. */
  #sending: Portion | null = null;
  #nextNumber = 1;
  /** The last number that is known to be entered under the lease. */
  #entered = 0;
  /** Dropped since the last portion. */
  #dropped = 0;
  /** What is still in the queue from before the first that was dropped; null: nothing was. */
  #beforeGap: number | null = null;
  /** Null while it is not known to be alive. */
  #lease: string | null = null;
  /** That one, and those before it of which something may be left. */
  readonly #held = new Set<string>();
  /** The id of the last reset. */
  #lastReset = '0';
  /** The one after which everyone here was told again. */
  #epoch = '';
  #retelling: Iterator<readonly Happening[]> | null = null;
  /** Events that wait for the backend; and whether these are so many that nothing is told. */
  #waiting = 0;
  #isFull = false;
  /** Asks how the ledger stands, though there is nothing to enter. */
  #asks = false;
  #working: Promise<void> | null = null;
  #nap: ReturnType<typeof setTimeout> | null = null;

  constructor(options: WriterOptions) {
    this.#options = options;
    options.lease.add(this);
  }

  /** Happenings that wait for Redis. */
  get size(): number {
    return this.#queue.length + (this.#sending?.happenings.length ?? 0);
  }

  get oldestMs(): number | null {
    const oldest = this.#sending?.happenings[0] ?? this.#queue[0];
    return oldest?.atMs ?? null;
  }

  enter(happening: Happening): void {
    if (this.size >= this.#options.pendingMax) {
      this.#dropped += 1;
      this.#beforeGap = this.size;
      this.#options.countDropped('pending', 1);
      return;
    }
    this.#queue.push(happening);
    // What happens within the turn goes together.
    if (this.#queue.length === 1) setImmediate(() => void this.#work());
  }

  async renewed(): Promise<void> {
    const { id } = this.#options.lease;
    if (id !== this.#lease) this.#adopt(id);
    this.#asks = true;
    await this.#work();
    for (const orphan of await this.#orphans()) await this.#sweep(orphan, DIED, true);
  }

  async sweep(lease: string): Promise<void> {
    await this.#sweep(lease, DIED, true);
  }

  /** Done when all is entered, or cannot be. */
  async flush(): Promise<void> {
    const deadline = Date.now() + FLUSH_MS;
    const { link } = this.#options.redis;
    while (this.size > 0 && link.isUp && Date.now() < deadline) {
      await this.#work();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  close(): void {
    if (this.#nap !== null) clearTimeout(this.#nap);
    this.#options.countDropped('closed', this.size);
    this.#lease = null;
  }

  #adopt(lease: string): void {
    this.#lease = lease;
    // Redis may only have forgotten that it knows it.
    if (this.#held.has(lease)) return;
    this.#held.add(lease);
    this.#entered = 0;
    this.#epoch = '';
  }

  #work(): Promise<void> {
    this.#working ??= this.#run().finally(() => {
      this.#working = null;
    });
    return this.#working;
  }

  async #run(): Promise<void> {
    const { link } = this.#options.redis;
    try {
      while (link.isUp && (await this.#step()));
      if (this.#retelling !== null || this.#isFull) this.#rest();
    } catch (error) {
      // The next renewal of the lease goes on from here.
      if (!(error instanceof RedisAway)) this.#options.fault('events', error);
    }
  }

  /** False when there was nothing to do. */
  async #step(): Promise<boolean> {
    if (this.#lease === null) return false;
    await this.#sweepFormer(this.#lease);
    if (this.#beforeGap !== null && this.#beforeGap <= 0) await this.#startOver(this.#lease);
    const hasNews = this.#sending !== null || this.#queue.length > 0 || this.#asks;
    if (hasNews) await this.#sendNext();
    const retells = this.#retelling !== null && this.#waiting < this.#options.eventsMax / 2;
    if (retells) await this.#tellAgain();
    return hasNews || retells;
  }

  /** What others have ended must be told gone before it is told there again. */
  async #sweepFormer(lease: string): Promise<void> {
    for (const former of this.#held) {
      if (former === lease) continue;
      await this.#sweep(former, DIED, true);
      this.#held.delete(former);
    }
  }

  async #sendNext(): Promise<void> {
    this.#sending ??= this.#portion(this.#queue.splice(0, PORTION), false);
    const { length } = this.#sending.happenings;
    if (!(await this.#send(this.#sending))) return;
    this.#sending = null;
    if (this.#beforeGap !== null) this.#beforeGap -= length;
  }

  /** After a gap it is not known what the ledger should hold: all is told gone, and there again. */
  async #startOver(lease: string): Promise<void> {
    await this.#sweep(lease, UNKNOWN, false);
    this.#beforeGap = null;
    this.#epoch = '';
    this.#asks = true;
  }

  async #tellAgain(): Promise<void> {
    const happenings: Happening[] = [];
    while (this.#retelling !== null && happenings.length < PORTION) {
      const next = this.#retelling.next();
      if (next.done === true) this.#retelling = null;
      else happenings.push(...next.value);
    }
    if (happenings.length === 0) return;
    try {
      await this.#send(this.#portion(happenings, true));
    } catch (error) {
      // It is not sent again as it is, for it may not be true any more: all begins once more.
      this.#epoch = '';
      throw error;
    }
  }

  #portion(happenings: readonly Happening[], again: boolean): Portion {
    const first = this.#nextNumber;
    this.#nextNumber += happenings.length;
    const dropped = happenings.length > 0 && !again ? this.#dropped : 0;
    this.#dropped -= dropped;
    return { first, happenings, dropped, again };
  }

  /** False where the lease has ended: it was not entered. */
  async #send({ first, happenings, dropped, again }: Portion): Promise<boolean> {
    const { redis, lease, names, gateway } = this.#options;
    const held = this.#lease;
    if (held === null) return false;
    const writer = [held, JSON.stringify(gateway)];
    const known = [this.#entered, this.#lastReset, this.#waiting];
    const about = [dropped, first, again ? 1 : 0];
    const entries = happenings.flatMap((happening): Arg[] => [
      LETTERS[happening.type],
      happening.client,
      detailOf(happening),
      membersOf(happening, gateway),
    ]);
    const keys = names.keys(held, lease.register);
    this.#asks = false;
    const reply = listOf(
      await redis.link.run(APPEND, keys, names.args(...writer, ...known, ...about, ...entries)),
    );
    if (numberOf(reply[0]) === 0) {
      // Others ended it, or Redis forgot it: the next renewal tells.
      this.#lease = null;
      return false;
    }
    this.#entered = Math.max(this.#entered, first + happenings.length - 1);
    this.#learn(textOf(reply[1]), reply.slice(2).map(numberOf));
    return true;
  }

  #learn(epoch: string, [full = 0, waiting = 0, refused = 0, forgotten = 0]: number[]): void {
    const { countDropped, retell, filled } = this.#options;
    this.#waiting = waiting;
    this.#isFull = full === 1;
    this.#lastReset = epoch;
    countDropped('backlog', refused);
    countDropped('forgotten', forgotten);
    if (this.#isFull) {
      this.#retelling = null;
    } else if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#retelling = retell();
    }
    if (waiting > 0) filled();
  }

  async #sweep(lease: string, { code, reason }: typeof DIED, ended: boolean): Promise<void> {
    const { redis, lease: own, names } = this.#options;
    const about = [lease, code, JSON.stringify(reason), SWEEP_STEP, ended ? 1 : 0];
    const keys = names.keys(lease, own.register);
    let cursor = '0';
    let left = 0;
    do {
      const reply = listOf(await redis.link.run(SWEEP, keys, names.args(...about, cursor)));
      left = numberOf(reply[0]);
      cursor = textOf(reply[1]);
    } while (left > 0);
  }

  async #orphans(): Promise<readonly string[]> {
    const { redis, lease, names } = this.#options;
    const keys = names.keys(lease.id, lease.register, lease.ended);
    return listOf(await redis.link.run(ORPHANS, keys, names.args())).map(textOf);
  }

  #rest(): void {
    if (this.#nap !== null) return;
    this.#nap = setTimeout(() => {
      this.#nap = null;
      this.#asks = true;
      void this.#work();
    }, ROOM_MS);
    this.#nap.unref();
  }
}

function detailOf(happening: Happening): string | number {
  switch (happening.type) {
    case 'connected':
      return `${happening.sinceMs} ${JSON.stringify(happening.user)}`;
    case 'disconnected':
      return happening.atMs;
    case 'subscribed':
    case 'unsubscribed':
      return happening.channel;
  }
}
