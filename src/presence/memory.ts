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

  add(channel: ChannelName, info: ClientInfo): void {
    let crowd = this.#crowds.get(channel);
    if (crowd === undefined) {
      crowd = { clients: new Map(), users: new Map() };
      this.#crowds.set(channel, crowd);
    }
    if (!crowd.clients.has(info.client)) {
      crowd.users.set(info.user, (crowd.users.get(info.user) ?? 0) + 1);
    }
    crowd.clients.set(info.client, info);
  }

  remove(channel: ChannelName, info: ClientInfo): void {
    const crowd = this.#crowds.get(channel);
    if (crowd === undefined || !crowd.clients.delete(info.client)) return;
    const left = (crowd.users.get(info.user) ?? 1) - 1;
    if (left > 0) crowd.users.set(info.user, left);
    else crowd.users.delete(info.user);
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
