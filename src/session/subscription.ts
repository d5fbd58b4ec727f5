/** One subscription of one connection, from the moment it is asked for. */
import { whole } from '../hub/fan-out.ts';
import type { Feed, Joined } from '../hub/feed.ts';
import type { Encoder, Subscriber } from '../hub/subscriber.ts';
import type { ChannelName } from '../channel/name.ts';
import type { ClientInfo, Publication } from '../channel/publication.ts';
import type { Position } from '../channel/recovery.ts';
import type { SlowConsumer } from '../channel/rules.ts';
import type { Outbox } from './outbox.ts';
import type { Terms } from './terms.ts';

/** What a subscription does to its connection. */
export interface SubscriptionOwner {
  readonly outbox: Outbox;
  /** The reader of this subscription's channel is too slow, and its rule is to disconnect. */
  tooSlow(): void;
  /** The outbox has no room; `resume` is wanted when it has. */
  lags(subscription: Subscription): void;
  /** The subscription cannot go on without a gap. */
  lost(subscription: Subscription): void;
  countSlow(policy: SlowConsumer): void;
}

/** Where a lagging subscriber is: it has everything up to `since`, or only wants the `latest`. */
type Lag =
  | { readonly kind: 'skip'; readonly since: Position | null }
  | { readonly kind: 'resuming' }
  | { readonly kind: 'latest'; readonly publication: Publication };

/**
 *     joining --join--> joined <--> lagging (joined, but its outbox is full)
 *        '------ leave ------'----------> left
 */
export class Subscription implements Subscriber {
  readonly channel: ChannelName;
  readonly info: ClientInfo;
  readonly encoder: Encoder;
  deltaReady = false;
  /** Whether the presence may know of it. */
  isPresent = false;
  /** Whether others were told that it joined. */
  isAnnounced = false;
  terms: Terms;
  readonly #owner: SubscriptionOwner;
  #feed: Feed | null = null;
  #state: 'joining' | 'joined' | 'left' = 'joining';
  #lag: Lag | null = null;

  constructor(channel: ChannelName, terms: Terms, owner: SubscriptionOwner, info: ClientInfo) {
    this.channel = channel;
    this.terms = terms;
    this.#owner = owner;
    this.info = info;
    this.encoder = owner.outbox.codec;
  }

  get isJoined(): boolean {
    return this.#state === 'joined';
  }

  get hasLeft(): boolean {
    return this.#state === 'left';
  }

  get delta(): boolean {
    return this.terms.delta;
  }

  get joinLeave(): boolean {
    return this.terms.pushJoinLeave;
  }

  joined(feed: Feed): void {
    this.#feed = feed;
    this.#state = 'joined';
  }

  /** Idempotent. Nothing is delivered any more. */
  leave(): void {
    const feed = this.#feed;
    const held = this.#lag !== null && this.#lag.kind !== 'latest';
    this.#state = 'left';
    this.#lag = null;
    this.#feed = null;
    feed?.leave(this);
    if (held) feed?.release();
  }

  deliver(bytes: Uint8Array, publications: readonly Publication[]): void {
    if (this.#state !== 'joined') return;
    if (this.#lag === null && this.#owner.outbox.admits(bytes.length)) {
      this.#owner.outbox.write(bytes);
      this.deltaReady = this.terms.delta;
    } else {
      this.#fallBehind(publications);
    }
  }

  notify(bytes: Uint8Array): void {
    if (this.#state !== 'joined') return;
    if (this.#lag === null && this.#owner.outbox.admits(bytes.length)) {
      this.#owner.outbox.write(bytes);
    } else if (this.terms.rules.slowConsumer === 'disconnect') {
      this.#owner.tooSlow();
    } else {
      this.#owner.countSlow(this.terms.rules.slowConsumer);
    }
  }

  lost(): void {
    this.#owner.lost(this);
  }

  /** A publication from the history, as this subscriber takes it. */
  inForm(publication: Publication): Publication {
    return this.terms.delta ? whole(publication, this.encoder) : publication;
  }

  /** The outbox has room again: makes up for what was not sent. */
  resume(): void {
    const lag = this.#lag;
    const feed = this.#feed;
    if (lag === null || feed === null || lag.kind === 'resuming') return;
    if (lag.kind === 'latest') {
      this.#lag = null;
      this.#makeUp(feed, [lag.publication]);
    } else if (lag.since === null) {
      this.lost();
    } else {
      this.#rejoin(feed, lag.since);
    }
  }

  #fallBehind(publications: readonly Publication[]): void {
    const feed = this.#feed;
    if (feed === null) return;
    const policy = this.terms.rules.slowConsumer;
    this.#owner.countSlow(policy);
    this.deltaReady = false;
    if (policy === 'disconnect') {
      this.#owner.tooSlow();
    } else if (policy === 'latest') {
      this.#keepLatest(publications);
    } else {
      this.#skip(feed, publications);
    }
  }

  /** Of those that are in the history if there are such, for they tell where the channel stands. */
  #keepLatest(publications: readonly Publication[]): void {
    const kept = this.#lag?.kind === 'latest' ? [this.#lag.publication] : [];
    const all = [...kept, ...publications];
    const latest = all.findLast(({ offset }) => offset > 0) ?? all.at(-1);
    if (latest === undefined) return;
    if (this.#lag === null) this.#owner.lags(this);
    this.#lag = { kind: 'latest', publication: latest };
  }

  /** Leaves the feed, and keeps it alive, until there is room to catch up from the history. */
  #skip(feed: Feed, publications: readonly Publication[]): void {
    const here = feed.position;
    const [first] = publications;
    // What was published past the history is in no history to catch up from.
    const isKept = first !== undefined && publications.every(({ offset }) => offset > 0);
    const since = here !== null && isKept ? { offset: first.offset - 1, epoch: here.epoch } : null;
    this.#lag = { kind: 'skip', since };
    feed.hold();
    feed.leave(this);
    this.#owner.lags(this);
  }

  #rejoin(feed: Feed, since: Position): void {
    this.#lag = { kind: 'resuming' };
    const back = { since, mode: 'stream', publicationsMax: Infinity } as const;
    // What could not be read now, the client can ask for again.
    const failed = (): void => {
      if (this.#state !== 'left') this.lost();
    };
    try {
      const rejoined = feed.join(this, back, (joined) => this.#caughtUp(feed, joined));
      if (rejoined instanceof Promise) rejoined.catch(failed);
    } catch {
      failed();
    }
  }

  #caughtUp(feed: Feed, joined: Joined): void {
    if (this.#state === 'left') {
      feed.leave(this);
      return;
    }
    this.#lag = null;
    feed.release();
    if (joined.missed === null) this.lost();
    else this.#makeUp(feed, joined.missed);
  }

  /** What was not sent may have told of another life of the stream, so the first tells of it. */
  #makeUp(feed: Feed, publications: readonly Publication[]): void {
    const [first, ...rest] = publications;
    if (first === undefined) return;
    const epoch = first.offset > 0 ? (feed.position?.epoch ?? null) : null;
    this.#write([{ ...first, epoch }, ...rest]);
  }

  /** One by one, as there may be room for some and not for all. */
  #write(publications: readonly Publication[]): void {
    const { outbox } = this.#owner;
    for (const [index, publication] of publications.entries()) {
      const form = this.inForm(publication);
      const bytes = this.encoder.publications(this.channel, [form]);
      if (!outbox.admits(bytes.length)) {
        this.#fallBehind(publications.slice(index));
        return;
      }
      outbox.write(bytes);
    }
  }
}
