/** Whether delivery works: publications of ours that take the way of all others, and come back. */
import { Json } from '../kernel/data.ts';
import type { ThrottledLog } from '../kernel/log.ts';
import { isAnswer, Redirected, RedisAway } from '../redis/errors.ts';
import type { Redis, Share } from '../redis/redis.ts';
import type { RedisPublisher } from './redis-publisher.ts';

const PERIOD_MS = 1000;
/** Delivery works as long as a probe came back within it. */
const FRESH_MS = 2000;
/** When nothing comes back for so long, over connections that seem to be up, they are made anew. */
const STALE_MS = 3000;

const PROBE = {
  data: new Json('null'),
  info: null,
  tags: null,
  event: null,
  wantsDelta: false,
};
/** With a version it takes the script, as all that is kept does: a Cluster that is down still publishes. */
const PAST_HISTORY = { history: null, idempotencyKey: '', version: 1, versionEpoch: '' };

/** A channel of ours in one partition. */
interface Pulse {
  readonly channel: string;
  /** On the bus. */
  readonly name: string;
  isListening: boolean;
  /** Where the last probe went. */
  server: string;
}

/** How it goes with a server. */
interface Beat {
  backAtMs: number;
  /** Since when probes should come back; null while they are not even taken. */
  takenSinceMs: number | null;
  rounds: number;
}

export interface RedisProbeOptions {
  readonly redis: Redis;
  readonly publisher: RedisPublisher;
  /** Of this gateway. */
  readonly uid: string;
  readonly log: ThrottledLog;
}

/** Every second a probe to each server, through one after the other of the partitions that are on it. */
export class RedisProbe {
  readonly #redis: Redis;
  readonly #publisher: RedisPublisher;
  readonly #log: ThrottledLog;
  /** By partition. */
  readonly #pulses: readonly Pulse[];
  /** By server. */
  readonly #beats = new Map<string, Beat>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor({ redis, publisher, uid, log }: RedisProbeOptions) {
    this.#redis = redis;
    this.#publisher = publisher;
    this.#log = log;
    this.#pulses = pulsesOf(redis, uid);
    this.#timer = setInterval(() => this.#probeAll(), PERIOD_MS);
    this.#timer.unref();
    redis.link.onUp(() => this.#probeAll());
    redis.bus.onUp(() => this.#probeAll());
  }

  /** Partitions through which nothing is delivered, as far as is known. */
  get partitionsAway(): number {
    let away = 0;
    for (const share of this.#redis.shares()) {
      if (!this.#isFresh(share)) away += share.partitions.length;
    }
    return away;
  }

  /**
   * Most of what is published is delivered. One master of a Cluster that is away is no reason to be
   * taken out of service: all gateways would be at once, with most channels in good order.
   */
  get isFresh(): boolean {
    return this.partitionsAway * 2 < this.#pulses.length;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #isFresh({ server, partitions }: Share): boolean {
    const beat = this.#beats.get(server);
    const { name } = this.#pulses[partitions[0] ?? 0]!;
    if (beat === undefined || beat.takenSinceMs === null) return false;
    return this.#redis.bus.hears(name) && performance.now() - beat.backAtMs <= FRESH_MS;
  }

  #probeAll(): void {
    const shares = this.#redis.shares().filter(({ server }) => server !== '');
    for (const server of this.#beats.keys()) {
      if (!shares.some((share) => share.server === server)) this.#beats.delete(server);
    }
    for (const share of shares) void this.#probe(share);
  }

  async #probe({ server, partitions }: Share): Promise<void> {
    const { bus } = this.#redis;
    const beat = this.#beatOf(server);
    const pulse = this.#pulses[partitions[beat.rounds % partitions.length] ?? 0]!;
    beat.rounds += 1;
    pulse.server = server;
    try {
      await this.#listen(pulse);
      await this.#publisher.publish(pulse.channel, PROBE, PAST_HISTORY);
    } catch (error) {
      this.#refused(server, error);
      return;
    }
    const now = performance.now();
    beat.takenSinceMs ??= now;
    if (bus.hears(pulse.name) && now - Math.max(beat.backAtMs, beat.takenSinceMs) > STALE_MS) {
      beat.takenSinceMs = now;
      bus.restart(pulse.name);
    }
  }

  #refused(server: string, error: unknown): void {
    const cause = error instanceof Error ? error.cause : null;
    // A slot that is being moved says nothing of the server.
    if (cause instanceof Redirected) return;
    this.#beatOf(server).takenSinceMs = null;
    // That a server cannot be reached is told elsewhere; what it says itself is only heard here.
    if (!(error instanceof RedisAway) || !isAnswer(cause)) return;
    this.#log.warn(`probe ${server}`, { server, error: error.message }, 'Redis does not publish');
  }

  async #listen(pulse: Pulse): Promise<void> {
    if (pulse.isListening) return;
    await this.#redis.bus.listen(pulse.name, () => {
      this.#beatOf(pulse.server).backAtMs = performance.now();
    });
    pulse.isListening = true;
  }

  #beatOf(server: string): Beat {
    const known = this.#beats.get(server);
    if (known !== undefined) return known;
    const beat = { backAtMs: -Infinity, takenSinceMs: null, rounds: 0 };
    this.#beats.set(server, beat);
    return beat;
  }
}

/** No channel is called as these are: names have no control characters. */
function pulsesOf({ names }: Redis, uid: string): Pulse[] {
  const pulses = new Map<number, Pulse>();
  for (let number = 0; pulses.size < names.partitions; number += 1) {
    const channel = `\0probe ${uid} ${number}`;
    const name = names.bus('c', channel);
    const partition = names.partitionOf(channel);
    if (pulses.has(partition)) continue;
    pulses.set(partition, { channel, name, isListening: false, server: '' });
  }
  return Array.from({ length: names.partitions }, (_, partition) => pulses.get(partition)!);
}
