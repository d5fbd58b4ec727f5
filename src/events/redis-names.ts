/** What the ledger is called in Redis, and what all its scripts are told. */
import type { Arg, ScriptArg } from '../redis/link.ts';
import { LIFE } from '../redis/link.ts';
import type { Redis } from '../redis/redis.ts';
import { scriptOf } from '../redis/script.ts';
import type { Script } from '../redis/script.ts';
import type { EventType } from './event.ts';

export const LETTERS = {
  connected: 'c',
  disconnected: 'd',
  subscribed: 's',
  unsubscribed: 'u',
  channel_occupied: 'o',
  channel_vacated: 'v',
} as const satisfies Record<EventType, string>;

/** A script of the ledger: what they share comes first. */
export function ledgerScript(file: string): Script {
  const [ledger, own] = ['redis-ledger.lua', file].map((name) => new URL(name, import.meta.url));
  return scriptOf(ledger!, own!);
}

export interface LedgerSettings {
  readonly types: ReadonlySet<EventType>;
  readonly eventsMax: number;
  readonly vacateDelayMs: number;
}

/** All in the slot where the leases are. */
export class LedgerNames {
  readonly #prefix: string;
  readonly #settings: readonly Arg[];

  constructor(redis: Redis, { types, eventsMax, vacateDelayMs }: LedgerSettings) {
    this.#prefix = `${redis.names.prefixOf(0)}events:`;
    const wanted = [...types].map((type) => LETTERS[type]).join('');
    this.#settings = [this.#prefix, wanted, eventsMax, vacateDelayMs];
  }

  /** `own` are keys that a script has beside those of the ledger. */
  keys(lease: string, ...own: readonly string[]): string[] {
    const shared = ['waiting', 'ledger', 'writers', 'subscribers', 'vacating'];
    const held = [`clients:${lease}`, `subscriptions:${lease}`];
    return [...[...shared, ...held].map((name) => this.#prefix + name), ...own];
  }

  args(...own: readonly ScriptArg[]): ScriptArg[] {
    return [...this.#settings, LIFE, ...own];
  }

  /** Holds the uid of the gateway that delivers. */
  get courier(): string {
    return `${this.#prefix}courier`;
  }
}
