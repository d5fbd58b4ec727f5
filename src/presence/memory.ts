/** The presence of one gateway alone. */
import type { ChannelName } from '../channel/name.ts';
import type { ClientInfo } from '../channel/publication.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Presence, PresenceStats, TellNotice } from './presence.ts';

/** The clients of one channel, and how many of each user there are. */
interface Crowd {
  readonly clients: Map<string, ClientInfo>;
  readonly users: Map<string, number>;
  /** The clients whose joins were told. Made with the first. */
  announced: Set<string> | null;
}

export class MemoryPresence implements Presence {
  readonly #crowds = new Map<ChannelName, Crowd>();
  readonly #tell: TellNotice;

  constructor(tell: TellNotice) {
    this.#tell = tell;
  }

  /** Channels that somebody is in. */
  get size(): number {
    return this.#crowds.size;
  }

  add(channel: ChannelName, info: ClientInfo): void {
    let crowd = this.#crowds.get(channel);
    if (crowd === undefined) {
      crowd = { clients: new Map(), users: new Map(), announced: null };
      this.#crowds.set(channel, crowd);
    }
    const known = crowd.clients.get(info.client);
    crowd.clients.set(info.client, info);
    if (known?.user === info.user) return;
    if (known !== undefined) discount(crowd, known.user);
    crowd.users.set(info.user, (crowd.users.get(info.user) ?? 0) + 1);
  }

  announce(channel: ChannelName, { client }: ClientInfo): void {
    const crowd = this.#crowds.get(channel);
    const info = crowd?.clients.get(client);
    if (crowd === undefined || info === undefined || crowd.announced?.has(client)) return;
    crowd.announced ??= new Set();
    crowd.announced.add(client);
    this.#tell('join', channel, info);
  }

  remove(channel: ChannelName, { client }: ClientInfo): void {
    const crowd = this.#crowds.get(channel);
    const known = crowd?.clients.get(client);
    if (crowd === undefined || known === undefined) return;
    crowd.clients.delete(client);
    discount(crowd, known.user);
    if (crowd.clients.size === 0) this.#crowds.delete(channel);
    if (crowd.announced?.delete(client)) this.#tell('leave', channel, known);
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
