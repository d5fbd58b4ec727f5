/** The broker of many gateways: streams and the bus are in Redis. */
import type { ChannelName } from '../channel/name.ts';
import type { ClientInfo, Draft } from '../channel/publication.ts';
import type { Page, Position, Query } from '../channel/recovery.ts';
import { Refusal } from '../kernel/errors.ts';
import type { ThrottledLog } from '../kernel/log.ts';
import type { Maybe } from '../kernel/maybe.ts';
import type { Count } from '../kernel/meters.ts';
import { Malformed, Reader } from '../redis/bytes.ts';
import { HEAD_BYTES, headOf, kindOf, readWho, whoBytes } from '../redis/envelope.ts';
import { RedisAway } from '../redis/errors.ts';
import type { Redis } from '../redis/redis.ts';
import type {
  Broker,
  BrokerListener,
  HistoryQuery,
  HistoryRules,
  Published,
  PublishOptions,
} from './broker.ts';
import { arrivalOf } from './redis-body.ts';
import { TopChecks } from './redis-checks.ts';
import { RedisHistory } from './redis-history.ts';
import { RedisProbe } from './redis-probe.ts';
import { RedisPublisher } from './redis-publisher.ts';

export interface RedisBrokerOptions {
  readonly redis: Redis;
  /** Of this gateway. */
  readonly uid: string;
  readonly listener: BrokerListener;
  readonly log: ThrottledLog;
  /** What is kept of a channel; null: nothing. */
  readonly historyOf: (channel: ChannelName) => HistoryRules | null;
  /** Told where a stream stands when the bus may have lost something of it. */
  readonly check: (channel: ChannelName, top: Position) => void;
  readonly newEpoch: () => string;
  /** An error of our own, by where. */
  readonly fault: (where: string, error: unknown) => void;
  /** Messages on the bus that are none of ours, and losses, by kind. */
  readonly count: Count;
}

export class RedisBroker implements Broker {
  readonly #options: RedisBrokerOptions;
  readonly #publisher: RedisPublisher;
  readonly #history: RedisHistory;
  readonly #checks: TopChecks;
  readonly #probe: RedisProbe;

  constructor(options: RedisBrokerOptions) {
    const { redis, newEpoch } = options;
    this.#options = options;
    this.#publisher = new RedisPublisher(redis, newEpoch);
    this.#history = new RedisHistory(redis, newEpoch);
    this.#probe = new RedisProbe({ ...options, publisher: this.#publisher });
    this.#checks = new TopChecks({
      top: async (channel) => {
        const rules = options.historyOf(channel);
        if (rules === null) return null;
        return (await this.#history.read(channel, { kind: 'top' }, rules)).top;
      },
      check: options.check,
      fault: options.fault,
    });
    redis.bus.onRestored((names) => this.#restored(names));
  }

  /** Probes came back a moment ago, the way that publications go. */
  get isReady(): boolean {
    return this.#probe.isFresh;
  }

  /** Partitions of Redis through which nothing is delivered. */
  get partitionsAway(): number {
    return this.#probe.partitionsAway;
  }

  listen(channel: ChannelName): Maybe<void> {
    const { redis, historyOf } = this.#options;
    // Whoever listens wants to read next; so nobody waits first for the bus, and then in vain.
    if (!redis.link.isUp) return refuse(new RedisAway('not connected to Redis'));
    const name = redis.names.bus('c', channel);
    const heard = asked(() => redis.bus.listen(name, (message) => this.#hear(channel, message)));
    this.#checks.add(channel, historyOf(channel) !== null);
    return heard;
  }

  unlisten(channel: ChannelName): void {
    const { redis } = this.#options;
    this.#checks.remove(channel);
    redis.bus.unlisten(redis.names.bus('c', channel));
  }

  publish(channel: ChannelName, draft: Draft, options: PublishOptions): Maybe<Published> {
    return asked(() => this.#publisher.publish(channel, draft, options));
  }

  async notify(type: 'join' | 'leave', channel: ChannelName, info: ClientInfo): Promise<void> {
    const { redis } = this.#options;
    const message = Buffer.concat([Buffer.from(headOf(type)), whoBytes(info)]);
    const name = redis.names.bus('c', channel);
    await asked(() => redis.link.call(redis.publishCommand, name, message));
  }

  read(channel: ChannelName, query: Query, history: HistoryRules): Maybe<Page> {
    return asked(() => this.#history.read(channel, query, history));
  }

  history(channel: ChannelName, query: HistoryQuery, history: HistoryRules): Maybe<Page> {
    return asked(() => this.#history.history(channel, query, history));
  }

  removeHistory(channel: ChannelName): Maybe<void> {
    return asked(() => this.#history.remove(channel));
  }

  /** The connections are not the broker's to close. */
  close(): Promise<void> {
    this.#checks.close();
    this.#probe.close();
    return Promise.resolve();
  }

  #hear(channel: ChannelName, message: Buffer): void {
    const { listener, count, log, fault } = this.#options;
    try {
      const kind = kindOf(message);
      if (kind === 'publications') {
        const { epoch, publications } = arrivalOf(channel, message);
        this.#checks.heard(channel);
        for (const publication of publications) listener.published(channel, publication, epoch);
      } else if (kind === 'control') {
        throw new Malformed('a control in a channel');
      } else {
        listener.noticed(kind, channel, readWho(new Reader(message, HEAD_BYTES)));
      }
    } catch (error) {
      if (!(error instanceof Malformed)) {
        fault('bus', error);
        return;
      }
      count('refused');
      log.warn('bus', { channel, reason: error.message }, 'refused a message of the bus');
    }
  }

  /**
   * What was published meanwhile did not come. Channels with a history read it; in those without
   * one nobody can know whether there was anything, and no subscriber was promised it.
   */
  #restored(names: readonly string[]): void {
    const { log, count, redis } = this.#options;
    const lost = new Set(names);
    const { tracked, untracked } = this.#checks.doubt((channel) =>
      lost.has(redis.names.bus('c', channel)),
    );
    count('restored');
    if (untracked > 0) count('interrupted', untracked);
    log.warn(
      'bus restored',
      { tracked, untracked },
      'the bus is heard again; reading what it missed',
    );
  }
}

/** What Redis cannot do now, it can do later: to a peer that is a temporary error. */
function asked<T>(ask: () => Maybe<T>): Maybe<T> {
  try {
    const answer = ask();
    return answer instanceof Promise ? answer.catch(refuse) : answer;
  } catch (error) {
    return refuse(error);
  }
}

function refuse(error: unknown): never {
  throw error instanceof RedisAway ? new Refusal('internal', 'try again') : error;
}
