/** Who is connected to this gateway. */
import type { ChannelName } from '../channel/name.ts';
import type { Data } from '../kernel/data.ts';
import type { Few } from '../kernel/few.ts';
import { all, including, without } from '../kernel/few.ts';
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
  readonly #users = new Map<string, Few<Peer>>();

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
    this.#users.set(peer.user, including(this.#users.get(peer.user) ?? null, peer));
  }

  closed(peer: Peer): void {
    this.#opening.delete(peer);
    if (this.#clients.get(peer.client) === peer) this.#clients.delete(peer.client);
    const known = this.#users.get(peer.user) ?? null;
    if (known === null) return;
    const others = without(known, peer);
    if (others === null) this.#users.delete(peer.user);
    else this.#users.set(peer.user, others);
  }

  client(id: string): Peer | null {
    return this.#clients.get(id) ?? null;
  }

  /** A copy: what is done to the sessions may change who is connected. */
  ofUser(user: string): readonly Peer[] {
    return all(this.#users.get(user) ?? null);
  }
}
