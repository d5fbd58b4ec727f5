/** The connections of users on one gateway. */
import type { Admission, Quota } from './quota.ts';

/** That of one connection. */
export interface Place {
  readonly user: string;
  readonly client: string;
}

export class MemoryQuota implements Quota {
  readonly #places: number;
  readonly #users = new Map<string, Set<string>>();

  /** `places` is how many connections a user may have. */
  constructor(places: number) {
    this.#places = places;
  }

  /** Users with a connection. */
  get size(): number {
    return this.#users.size;
  }

  take(user: string, client: string): Admission {
    const clients = this.#users.get(user);
    if (clients === undefined) this.#users.set(user, new Set([client]));
    else if (clients.size < this.#places) clients.add(client);
    else if (!clients.has(client)) return 'full';
    return 'taken';
  }

  release(user: string, client: string): void {
    const clients = this.#users.get(user);
    clients?.delete(client);
    if (clients?.size === 0) this.#users.delete(user);
  }

  holds(user: string, client: string): boolean {
    return this.#users.get(user)?.has(client) ?? false;
  }

  /** Of this moment: what comes and goes meanwhile does not matter to it. */
  all(): readonly Place[] {
    return [...this.#users].flatMap(([user, clients]) =>
      [...clients].map((client) => ({ user, client })),
    );
  }
}
