/** The lease of a gateway: while it is renewed, its members are there; when it ends, others sweep them. */
import type { Redis } from '../redis/redis.ts';
import { listOf, numberOf, textOf } from '../redis/reply.ts';
import { scriptOf } from '../redis/script.ts';

const LEASE = scriptOf(new URL('redis-lease.lua', import.meta.url));
const SWEEP = scriptOf(new URL('redis-sweep.lua', import.meta.url));

/** How often it is renewed, and when it has ended if it was not. */
export const RENEW_MS = 3000;
const ENDS_AFTER_MS = 10_000;
/** How long it is known that a lease was ended by others, for a gateway that was only held up. */
const MARK_MS = 3_600_000;
/** Members swept in one step: less than a millisecond that Redis is not there for others. */
const SWEEP_STEP = 100;

/** What became of the lease: it went on; Redis did not know it; or others had ended it. */
export type LeaseState = 'kept' | 'new' | 'ended';
const STATES: readonly LeaseState[] = ['kept', 'new', 'ended'];

/** Renews and ends leases in Redis, which tells the time. */
export class Leases {
  readonly #redis: Redis;
  /** What one says of its gateway, as JSON. */
  readonly #says: () => string;

  constructor(redis: Redis, says: () => string) {
    this.#redis = redis;
    this.#says = says;
  }

  /** Renews it, and sweeps all that ended. @throws {RedisAway} */
  async renew(lease: string): Promise<LeaseState> {
    const [state, ended] = await this.#run(lease, this.#says());
    for (const other of ended) await this.#sweep(other);
    return STATES[state] ?? 'kept';
  }

  /** Lets it go, and sweeps what it may still hold. @throws {RedisAway} */
  async end(lease: string): Promise<void> {
    await this.#run(lease, '');
    await this.#sweep(lease);
  }

  async #run(lease: string, says: string): Promise<[number, string[]]> {
    const prefix = this.#redis.names.prefixOf(0);
    const mark = `${prefix}ended:`;
    const keys = [`${prefix}leases`, `${prefix}nodes`, `${prefix}sweep`, mark + lease];
    const args = [lease, says, ENDS_AFTER_MS, mark, MARK_MS];
    const [state, ended] = listOf(await this.#redis.link.run(LEASE, keys, args));
    return [numberOf(state), listOf(ended).map(textOf)];
  }

  async #sweep(lease: string): Promise<void> {
    const { names, link, publishCommand } = this.#redis;
    for (let partition = 0; partition < names.partitions; partition += 1) {
      const prefix = names.prefixOf(partition);
      const args = [lease, prefix, names.busPrefixOf(partition), publishCommand, SWEEP_STEP];
      const keys = [`${prefix}held:${lease}`];
      while (numberOf(await link.run(SWEEP, keys, args)) > 0);
    }
    await link.call('SREM', `${names.prefixOf(0)}sweep`, lease);
  }
}
