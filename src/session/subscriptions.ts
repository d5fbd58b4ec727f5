/** All subscriptions of one connection: how they begin, expire and end. */
import type { ChannelName } from '../channel/name.ts';
import type { Position } from '../channel/recovery.ts';
import type { SlowConsumer } from '../channel/rules.ts';
import type { Joined } from '../hub/feed.ts';
import type { Return } from '../hub/lookups.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Maybe } from '../kernel/maybe.ts';
import type { Close, CloseKind } from '../protocol/close.ts';
import type { ServerMessage } from '../protocol/frames.ts';
import type { ClientInfo } from '../channel/publication.ts';
import { UNSUBSCRIBES } from '../protocol/close.ts';
import type { ByChannel } from './by-channel.ts';
import { all, find, including, sizeOf, without } from './by-channel.ts';
import { NEVER } from './heartbeat.ts';
import type { Outbox } from './outbox.ts';
import type { Services } from './services.ts';
import type { SubscriptionOwner } from './subscription.ts';
import { Subscription } from './subscription.ts';
import type { Terms } from './terms.ts';

/** A subscription that is asked for. */
export interface Entry {
  readonly channel: ChannelName;
  readonly terms: Terms;
  /** Where the client was, if it wants to go on from there. */
  readonly since: Position | null;
  /**
   * Called the moment the subscription is attached: what it writes comes before the first
   * publication. What it throws takes the subscription back.
   */
  welcome(joined: Joined): void;
}

/** The session, as its subscriptions see it. */
export interface SubscriptionsOwner {
  readonly services: Services;
  readonly outbox: Outbox;
  readonly info: ClientInfo;
  tell(message: ServerMessage): void;
  close(why: CloseKind): void;
  /** `expireDue` is called at `atMs` at the latest. */
  expireBy(atMs: number): void;
}

export class Subscriptions implements SubscriptionOwner {
  readonly #session: SubscriptionsOwner;
  /** Also those that are still joining. */
  #all: ByChannel<Subscription> = null;
  /** Who has waited for room the longest comes first. */
  #lagging: Set<Subscription> | null = null;

  constructor(session: SubscriptionsOwner) {
    this.#session = session;
  }

  get outbox(): Outbox {
    return this.#session.outbox;
  }

  get size(): number {
    return sizeOf(this.#all);
  }

  /** Null also while it is still joining. */
  get(channel: ChannelName): Subscription | null {
    const subscription = find(this.#all, channel);
    return subscription?.isJoined === true ? subscription : null;
  }

  channels(): ChannelName[] {
    const joined = [...all(this.#all)].filter(({ isJoined }) => isJoined);
    return joined.map(({ channel }) => channel);
  }

  /**
   * Subscribes, and resolves when others can see it.
   * @throws {Refusal} `alreadySubscribed`, `limitExceeded`, and what the organs throw; nothing is
   * left behind then.
   */
  async enter(entry: Entry): Promise<Subscription> {
    const { terms } = entry;
    const { services, info } = this.#session;
    const channel = services.hub.nameOf(entry.channel);
    if (find(this.#all, channel) !== null) throw new Refusal('alreadySubscribed');
    if (this.size >= services.limits.channelsPerConnection) {
      throw new Refusal('limitExceeded', 'channels of one connection');
    }
    const chanInfo = terms.info;
    const subscriber = chanInfo === null ? info : { ...info, chanInfo };
    const subscription = new Subscription(channel, terms, this, subscriber);
    this.#all = including(this.#all, subscription);
    try {
      await this.#join(subscription, entry);
    } catch (error) {
      this.#part(subscription, UNSUBSCRIBES.server);
      throw error;
    }
    if (terms.expireAtMs !== null) this.#session.expireBy(this.#endOf(terms, terms.expireAtMs));
    if (terms.joinLeave && !subscription.hasLeft) await this.#announce(subscription);
    return subscription;
  }

  /** Ends a subscription, if there is one; the client knows or is told by the caller. */
  leave(channel: ChannelName): boolean {
    const subscription = find(this.#all, channel);
    if (subscription === null) return false;
    this.#part(subscription, UNSUBSCRIBES.client);
    return true;
  }

  /** Ends a subscription for a reason the client is told. */
  end(subscription: Subscription, reason: Close): void {
    if (!this.#part(subscription, reason)) return;
    this.#session.services.counts.unsubscribes(String(reason.code));
    this.#session.tell({ type: 'unsubscribed', channel: subscription.channel, reason });
  }

  renew(subscription: Subscription, expireAtMs: number | null): void {
    subscription.terms = { ...subscription.terms, expireAtMs };
    if (expireAtMs !== null) this.#session.expireBy(this.#endOf(subscription.terms, expireAtMs));
  }

  /** Ends what expired, and tells when to look again. */
  expireDue(nowMs: number): number {
    let next = NEVER;
    for (const subscription of all(this.#all)) {
      const { terms } = subscription;
      // One that is still joining is not known to the client; it is looked at when it has joined.
      if (terms.expireAtMs === null || !subscription.isJoined) continue;
      const endMs = this.#endOf(terms, terms.expireAtMs);
      if (endMs > nowMs) {
        next = Math.min(next, endMs);
      } else if (terms.origin === 'server') {
        this.#session.close('subscriptionExpired');
        return NEVER;
      } else {
        this.end(subscription, UNSUBSCRIBES.expired);
      }
    }
    return next;
  }

  /** The outbox has room again. */
  resume(): void {
    const lagging = this.#lagging;
    this.#lagging = null;
    for (const subscription of lagging ?? []) subscription.resume();
  }

  /** The connection is gone. */
  close(): void {
    for (const subscription of all(this.#all)) {
      this.#part(subscription, UNSUBSCRIBES.disconnect);
    }
    this.#lagging = null;
  }

  tooSlow(): void {
    this.#session.close('slow');
  }

  lags(subscription: Subscription): void {
    this.#lagging ??= new Set();
    this.#lagging.add(subscription);
  }

  /** A client subscribes again by itself; what the server subscribed, only a new connection brings back. */
  lost(subscription: Subscription): void {
    if (subscription.hasLeft) return;
    if (subscription.terms.origin === 'server') this.#session.close('insufficientState');
    else this.end(subscription, UNSUBSCRIBES.insufficientState);
  }

  countSlow(policy: SlowConsumer): void {
    this.#session.services.counts.slow(policy);
  }

  async #join(subscription: Subscription, entry: Entry): Promise<void> {
    const { hub, presence, events } = this.#session.services;
    const { channel, terms } = subscription;
    const { subscribersMax, historySize } = terms.rules;
    if (subscribersMax > 0 && hub.subscribersOf(channel) >= subscribersMax) throw crowded();
    const feed = await hub.open(channel, historySize > 0);
    try {
      stillWanted(subscription);
      if (terms.presence) {
        subscription.isPresent = true;
        await presence.add(channel, subscription.info);
        stillWanted(subscription);
      }
      await feed.join(subscription, this.#returnOf(entry), (joined) => {
        stillWanted(subscription);
        // Others may have joined while this one waited.
        if (subscribersMax > 0 && feed.size > subscribersMax) throw crowded();
        const missed = joined.missed?.map((publication) => subscription.inForm(publication));
        entry.welcome({ ...joined, missed: missed ?? null });
        // To write to a socket may end it.
        stillWanted(subscription);
        subscription.joined(feed);
        events.subscribed(subscription.info, channel);
      });
    } finally {
      feed.release();
    }
  }

  #returnOf({ terms, since }: Entry): Return | null {
    const { recovery } = terms.rules;
    // An override makes recoverable what the namespace does not.
    if (since === null || (recovery === 'off' && !terms.recoverable)) return null;
    const publicationsMax = this.#session.services.limits.historyPublications;
    return { since, mode: recovery === 'off' ? 'stream' : recovery, publicationsMax };
  }

  /** Whoever cannot be told of a join misses no more than that. */
  async #announce(subscription: Subscription): Promise<void> {
    const { presence, broker, fault } = this.#session.services;
    const { channel, info, isPresent } = subscription;
    subscription.isAnnounced = true;
    try {
      if (isPresent) await presence.announce(channel, info);
      else await broker.notify('join', channel, info);
    } catch (error) {
      fault('join', error);
    }
  }

  /** False when it was parted with before. What others have to be told follows by itself. */
  #part(subscription: Subscription, why: Close): boolean {
    const { channel, info, isAnnounced, isPresent, isJoined } = subscription;
    subscription.leave();
    this.#lagging?.delete(subscription);
    if (find(this.#all, channel) !== subscription) return false;
    this.#all = without(this.#all, channel);
    const { presence, broker, events, fault } = this.#session.services;
    if (isJoined) events.unsubscribed(info, channel, why);
    try {
      const leave = (): Maybe<void> =>
        isAnnounced ? broker.notify('leave', channel, info) : undefined;
      // Whom the presence announced, of that one it tells the leave, too.
      const parted = isPresent ? presence.remove(channel, info) : leave();
      if (parted instanceof Promise) parted.catch((error: unknown) => fault('leave', error));
    } catch (error) {
      fault('leave', error);
    }
    return true;
  }

  #endOf(terms: Terms, expireAtMs: number): number {
    return terms.renewable
      ? expireAtMs + this.#session.services.settings.subscriptionGraceMs
      : expireAtMs;
  }
}

function crowded(): Refusal {
  return new Refusal('limitExceeded', 'subscribers of the channel');
}

/** @throws {Refusal} when the subscription was taken back while something was waited for. */
function stillWanted(subscription: Subscription): void {
  if (subscription.hasLeft) throw new Refusal('notAvailable', 'taken back by unsubscribe');
}
