/** The presence of one gateway alone. */
import type { ChannelName } from '../channel/name.ts';
import type { ClientInfo } from '../channel/publication.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Presence, PresenceStats } from './presence.ts';

/** The clients of one channel, and how many of each user there are. */
interface Crowd {
  readonly clients: Map<string, ClientInfo>;
  readonly users: Map<string, number>;
}

export class MemoryPresence implements Presence {
  readonly #crowds = new Map<ChannelName, Crowd>();

  /** Channels that somebody is in. */
  get size(): number {
    return this.#crowds.size;
  }

  add(channel: ChannelName, info: ClientInfo): void {
    let crowd = this.#crowds.get(channel);
    if (crowd === undefined) {
      crowd = { clients: new Map(), users: new Map() };
      this.#crowds.set(channel, crowd);
    }
    const known = crowd.clients.get(info.client);
    crowd.clients.set(info.client, info);
    if (known?.user === info.user) return;
    if (known !== undefined) discount(crowd, known.user);
    crowd.users.set(info.user, (crowd.users.get(info.user) ?? 0) + 1);
  }

  remove(channel: ChannelName, { client }: ClientInfo): void {
    const crowd = this.#crowds.get(channel);
    const known = crowd?.clients.get(client);
    if (crowd === undefined || known === undefined) return;
    crowd.clients.delete(client);
    discount(crowd, known.user);
    if (crowd.clients.size === 0) this.#crowds.delete(channel);
  }

  members(channel: ChannelName, membersMax: number): readonly ClientInfo[] {
    const clients = this.#crowds.get(channel)?.clients ?? new Map<string, ClientInfo>();
    if (clients.size > membersMax) {
      throw new Refusal('limitExceeded', `the channel has more than ${membersMax} members`);
    }
    return [...clients.values()];
  }

  stats(channel: ChannelName): PresenceStats {
    const crowd = this.#crowds.get(channel);
    return { clients: crowd?.clients.size ?? 0, users: crowd?.users.size ?? 0 };
  }

  close(): Promise<void> {
    this.#crowds.clear();
    return Promise.resolve();
  }
}

function discount({ users }: Crowd, user: string): void {
  const left = (users.get(user) ?? 1) - 1;
  if (left > 0) users.set(user, left);
  else users.delete(user);
}
