/** Who is connected to this gateway. */
import type { ChannelName } from '../channel/name.ts';
import type { Data } from '../kernel/data.ts';
import type { Close } from '../protocol/close.ts';
import type { SubscriptionOptions } from '../channel/subscription-options.ts';
import type { Position } from '../channel/recovery.ts';

/** What the server can do to one of its connections. */
export interface Peer {
  readonly client: string;
  /** '' before the connect and for an anonymous client. */
  readonly user: string;
  close(why: Close): void;
  /** Subscribes it in its name; done at once if it is subscribed already. */
  subscribe(channel: ChannelName, order: SubscribeOrder): Promise<void>;
  /** False when it was not subscribed. */
  unsubscribe(channel: ChannelName, reason: Close): boolean;
  /** Null: it does not expire any more. */
  refresh(expireAtMs: number | null): void;
  message(data: Data): void;
  channels(): readonly ChannelName[];
}

export interface SubscribeOrder extends SubscriptionOptions {
  readonly expireAtMs: number | null;
  /** Where the client was, if it is to go on from there. */
  readonly since: Position | null;
}

export class Roster {
  /** Those that have not connected yet. */
  readonly #opening = new Set<Peer>();
  readonly #clients = new Map<string, Peer>();
  /** A set only for a user with several connections: most have one, and a set of one weighs 200 bytes. */
  readonly #users = new Map<string, Peer | Set<Peer>>();

  get size(): number {
    return this.#opening.size + this.#clients.size;
  }

  get users(): number {
    return this.#users.size;
  }

  /** Everyone. Who is gone through may be closed meanwhile. */
  *all(): IterableIterator<Peer> {
    yield* this.#opening;
    yield* this.#clients.values();
  }

  /** Those that are connected. */
  connections(): IterableIterator<Peer> {
    return this.#clients.values();
  }

  opened(peer: Peer): void {
    this.#opening.add(peer);
  }

  connected(peer: Peer): void {
    this.#opening.delete(peer);
    this.#clients.set(peer.client, peer);
    if (peer.user === '') return;
    const known = this.#users.get(peer.user);
    if (known === undefined) this.#users.set(peer.user, peer);
    else if (known instanceof Set) known.add(peer);
    else if (known !== peer) this.#users.set(peer.user, new Set([known, peer]));
  }

  closed(peer: Peer): void {
    this.#opening.delete(peer);
    if (this.#clients.get(peer.client) === peer) this.#clients.delete(peer.client);
    const known = this.#users.get(peer.user);
    if (known === peer) this.#users.delete(peer.user);
    else if (known instanceof Set && known.delete(peer) && known.size === 0) {
      this.#users.delete(peer.user);
    }
  }

  client(id: string): Peer | null {
    return this.#clients.get(id) ?? null;
  }

  /** A copy: what is done to the sessions may change who is connected. */
  ofUser(user: string): readonly Peer[] {
    const known = this.#users.get(user);
    if (known === undefined) return [];
    return known instanceof Set ? [...known] : [known];
  }
}
