/** Reads every stream of every client, and says what is wrong with it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Centrifuge } from 'centrifuge';
import { expect } from 'vitest';
import type { Running } from '../support/gateway.ts';
import { officialClient } from '../support/gateway.ts';
import { api } from '../support/http.ts';

/** What a client saw of a channel: numbers, and where it was told that some may be missing. */
type Seen = number | 'told';

/** A real client that is subscribed to the channels, and comes back by itself. */
export class Watcher {
  readonly client: Centrifuge;
  readonly #seen = new Map<string, Seen[]>();

  constructor(url: string, channels: readonly string[]) {
    this.client = officialClient(url, { minReconnectDelay: 20, maxReconnectDelay: 200 });
    for (const channel of channels) {
      const seen: Seen[] = [];
      this.#seen.set(channel, seen);
      const options = { minResubscribeDelay: 20, maxResubscribeDelay: 200, recoverable: true };
      const subscription = this.client.newSubscription(channel, options);
      subscription.on('subscribed', ({ wasRecovering, recovered }) => {
        if (wasRecovering && !recovered) seen.push('told');
      });
      subscription.on('publication', ({ data }) => seen.push((data as { n: number }).n));
      subscription.subscribe();
    }
    this.client.connect();
  }

  async ready(): Promise<void> {
    const all = Object.values(this.client.subscriptions());
    await Promise.all(all.map((subscription) => subscription.ready(10_000)));
  }

  seen(channel: string): readonly Seen[] {
    return this.#seen.get(channel) ?? [];
  }

  /** How its subscriptions stand, for a test that fails. */
  state(): string {
    const all = Object.values(this.client.subscriptions());
    return `${this.client.state}: ${all.map(({ channel, state }) => `${channel} ${state}`).join(', ')}`;
  }

  last(channel: string): number {
    return this.seen(channel).findLast((one) => one !== 'told') ?? -1;
  }

  timesTold(channel: string): number {
    return this.seen(channel).filter((one) => one === 'told').length;
  }
}

/** Publishes 0, 1, 2, … to a channel, one after the other, until it is stopped. */
export class Load {
  readonly channel: string;
  readonly acknowledged = new Set<number>();
  refused = 0;
  /** What will be published next. */
  next = 0;
  /** The longest that an answer took. */
  slowestMs = 0;
  readonly #running: Running;
  readonly #pauseMs: number;
  readonly #done: Promise<void>;
  #isOver = false;

  constructor(running: Running, channel: string, pauseMs = 2) {
    this.channel = channel;
    this.#running = running;
    this.#pauseMs = pauseMs;
    this.#done = this.#run();
  }

  get last(): number {
    return Math.max(-1, ...this.acknowledged);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const n = this.next;
      this.next += 1;
      const startMs = performance.now();
      try {
        await this.#running.gateway.publish(this.channel, { n });
        this.acknowledged.add(n);
      } catch {
        this.refused += 1;
      }
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs);
      await sleep(this.#pauseMs);
    }
  }
}

/** What is wrong with what was seen; an acknowledged number is only missing where that was told. */
export function faultsOf(seen: readonly Seen[], load: Load): string[] {
  const faults: string[] = [];
  let last: number | null = null;
  let told = false;
  for (const one of seen) {
    if (one === 'told') {
      told = true;
      continue;
    }
    if (last !== null && one <= last) faults.push(`${one} after ${last}`);
    if (last !== null && !told) {
      for (let n = last + 1; n < one; n += 1) {
        if (load.acknowledged.has(n)) faults.push(`${n} is missing, and it was not told`);
      }
    }
    last = one;
    told = false;
  }
  return faults;
}

/** Every acknowledged publication stands in the history once, and offsets have no holes. */
export async function expectInHistory({ http }: Pick<Running, 'http'>, load: Load): Promise<void> {
  const seen = new Map<number, number>();
  let since = { offset: 0, epoch: '' };
  for (;;) {
    const { channel } = load;
    const { answer } = await api(http, 'history', { channel, limit: 300, since });
    const { publications, epoch } = answer['result'] as {
      readonly epoch: string;
      readonly publications: readonly { readonly offset: number; readonly data: { n: number } }[];
    };
    for (const { offset, data } of publications) {
      expect(offset).toBe(since.offset + 1);
      since = { offset, epoch };
      seen.set(data.n, (seen.get(data.n) ?? 0) + 1);
    }
    if (publications.length === 0) break;
  }
  const wrong = [...load.acknowledged].filter((n) => seen.get(n) !== 1);
  expect(wrong).toEqual([]);
}
