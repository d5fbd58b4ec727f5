/** Whether delivery works: a publication of ours that takes the way of all others, and comes back. */
import { Json } from '../kernel/data.ts';
import type { Redis } from '../redis/redis.ts';
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
const PAST_HISTORY = { history: null, idempotencyKey: '', version: 0, versionEpoch: '' };

export class RedisProbe {
  readonly #redis: Redis;
  readonly #publisher: RedisPublisher;
  /** No channel is called so: names have no control characters. */
  readonly #channel: string;
  readonly #timer: ReturnType<typeof setInterval>;
  #backAtMs = -Infinity;
  #restartedAtMs = -Infinity;
  #isListening = false;

  constructor(redis: Redis, publisher: RedisPublisher, uid: string) {
    this.#redis = redis;
    this.#publisher = publisher;
    this.#channel = `\0probe ${uid}`;
    this.#timer = setInterval(() => void this.#probe(), PERIOD_MS);
    this.#timer.unref();
    redis.link.onUp(() => void this.#probe());
    redis.bus.onUp(() => void this.#probe());
  }

  get isFresh(): boolean {
    const { link, bus } = this.#redis;
    return link.isUp && bus.isUp && performance.now() - this.#backAtMs <= FRESH_MS;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #probe(): Promise<void> {
    const { link, bus, names } = this.#redis;
    // A failure shows by its absence.
    try {
      if (!this.#isListening) {
        await bus.listen(names.bus('c', this.#channel), () => {
          this.#backAtMs = performance.now();
        });
        this.#isListening = true;
      }
      await this.#publisher.publish(this.#channel, PROBE, PAST_HISTORY);
    } catch {
      return;
    }
    const now = performance.now();
    const since = Math.max(this.#backAtMs, this.#restartedAtMs);
    if (link.isUp && bus.isUp && now - since > STALE_MS && since > -Infinity) {
      this.#restartedAtMs = now;
      bus.restart();
    }
  }
}
