/**
 * The lease of a gateway: what it holds in Redis is there while the lease is renewed. When it ends,
 * because the gateway closed or was not heard of, whoever renews next sweeps what it held.
 */
import { randomUUID } from 'node:crypto';
import { RedisAway } from './errors.ts';
import type { Redis } from './redis.ts';
import { listOf, numberOf, textOf } from './reply.ts';
import { scriptOf } from './script.ts';

const LEASE = scriptOf(new URL('lease.lua', import.meta.url));

const RENEW_MS = 3000;
const ENDS_AFTER_MS = 10_000;
/** Longer than it takes until somebody renews. */
const STANDSTILL_MS = 2 * RENEW_MS;
/** How long it is known that a lease was ended by others, for a gateway that was only held up. */
const MARK_MS = 3_600_000;

/**
 * What became of a lease since the renewal before, the weakest first: it went on; it went on, but
 * Redis may have lost what it was told; Redis did not know it; others ended it and swept what it
 * held, so that there is another now.
 */
const STATES = ['kept', 'doubtful', 'new', 'ended'] as const;
export type LeaseState = (typeof STATES)[number];

/** What the script answers. */
const OUTCOMES: readonly LeaseState[] = ['kept', 'new', 'ended'];

/** What is held under leases. Both methods may throw `RedisAway`, and are then asked again. */
export interface Holder {
  readonly name: string;
  /** After each renewal: tells Redis what it may not know, or should know no more. */
  renewed(state: LeaseState): Promise<void>;
  /** Takes out all that an ended lease holds. Several gateways may do that at once. */
  sweep(lease: string): Promise<void>;
}

export interface LeaseOptions {
  readonly redis: Redis;
  readonly fault: (where: string, error: unknown) => void;
}

/** A holder, and what it was not told yet. */
interface Standing {
  readonly holder: Holder;
  owed: LeaseState;
  /** Leases that were ended while this gateway wrote under them. */
  readonly former: Set<string>;
  isBusy: boolean;
}

export class Lease {
  readonly #options: LeaseOptions;
  readonly #standings: Standing[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  #id: string = randomUUID();
  #lives = '';
  #isRenewing = false;
  #isSweeping = false;
  #isClosed = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#renew(), RENEW_MS);
    this.#timer.unref();
    // Those who hold something are there by then.
    options.redis.link.onUp(() => setImmediate(() => void this.#renew()));
  }

  /** What is held is held under it; another after others ended it. Always as long: 36 characters. */
  get id(): string {
    return this.#id;
  }

  /** The key of the leases that have not ended: who is not among them holds nothing. */
  get register(): string {
    return `${this.#options.redis.names.prefixOf(0)}leases`;
  }

  /** The key of those that have, until they are swept. */
  get ended(): string {
    return `${this.#options.redis.names.prefixOf(0)}sweep`;
  }

  /** Before the turn is over in which the lease was made. */
  add(holder: Holder): void {
    this.#standings.push({ holder, owed: 'kept', former: new Set(), isBusy: false });
  }

  /** Lets it go, and sweeps what it may still hold. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    try {
      if (!this.#options.redis.link.isUp) return;
      await this.#run('end');
      await this.#sweep(this.#id);
    } catch (error) {
      // Then the others do it.
      if (!(error instanceof RedisAway)) throw error;
    }
  }

  async #renew(): Promise<void> {
    if (this.#isRenewing || this.#isClosed || !this.#options.redis.link.isUp) return;
    this.#isRenewing = true;
    try {
      const [state, ended] = await this.#run('renew');
      this.#owe(this.#isAnotherLife() ? stronger(state, 'doubtful') : state);
      if (state === 'ended') {
        // What it held was swept or will be: its name is not for new holdings.
        for (const { former } of this.#standings) former.add(this.#id);
        this.#id = randomUUID();
        await this.#run('renew');
      }
      for (const standing of this.#standings) void this.#tell(standing);
      void this.#sweepAll(ended);
    } catch (error) {
      this.#owe('doubtful');
      if (!(error instanceof RedisAway)) this.#options.fault('lease', error);
    } finally {
      this.#isRenewing = false;
    }
  }

  /** A server that was started again, or took over from another, may have lost the newest. */
  #isAnotherLife(): boolean {
    const { lives } = this.#options.redis.link;
    const isAnother = this.#lives !== '' && lives !== this.#lives;
    this.#lives = lives;
    return isAnother;
  }

  #owe(state: LeaseState): void {
    for (const standing of this.#standings) standing.owed = stronger(standing.owed, state);
  }

  /** Renewals do not wait for it: to register many again takes longer than a lease lasts. */
  async #tell(standing: Standing): Promise<void> {
    if (standing.isBusy) return;
    standing.isBusy = true;
    const { holder, owed, former } = standing;
    standing.owed = 'kept';
    try {
      await holder.renewed(owed);
      // What was on its way under a former lease came after the others had swept it.
      for (const lease of former) {
        await holder.sweep(lease);
        former.delete(lease);
      }
    } catch (error) {
      standing.owed = stronger(standing.owed, stronger(owed, 'doubtful'));
      if (!(error instanceof RedisAway)) this.#options.fault(holder.name, error);
    } finally {
      standing.isBusy = false;
    }
  }

  async #sweepAll(leases: readonly string[]): Promise<void> {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    for (const lease of leases) {
      try {
        await this.#sweep(lease);
      } catch (error) {
        // It stays where those to be swept stand, for the next renewal of any gateway.
        if (!(error instanceof RedisAway)) this.#options.fault('sweep', error);
      }
    }
    this.#isSweeping = false;
  }

  async #sweep(lease: string): Promise<void> {
    const failures: RedisAway[] = [];
    for (const { holder } of this.#standings) {
      try {
        await holder.sweep(lease);
      } catch (error) {
        // What one holds may be on a server of a Cluster that is away, and what the next does not.
        if (!(error instanceof RedisAway)) throw error;
        failures.push(error);
      }
    }
    if (failures[0] !== undefined) throw failures[0];
    await this.#options.redis.link.call('SREM', this.ended, lease);
  }

  async #run(verb: 'renew' | 'end'): Promise<[LeaseState, string[]]> {
    const { link, names } = this.#options.redis;
    const prefix = names.prefixOf(0);
    const mark = `${prefix}ended:`;
    const keys = [this.register, this.ended, mark + this.#id];
    const args = [this.#id, verb, ENDS_AFTER_MS, mark, MARK_MS, STANDSTILL_MS];
    const [outcome, ended] = listOf(await link.run(LEASE, keys, args));
    return [OUTCOMES[numberOf(outcome)] ?? 'kept', listOf(ended).map(textOf)];
  }
}

export function stronger(one: LeaseState, other: LeaseState): LeaseState {
  return STATES.indexOf(one) > STATES.indexOf(other) ? one : other;
}
