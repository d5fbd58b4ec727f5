/** Reads every stream of every client, and says what is wrong with it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Centrifuge, Options } from 'centrifuge';
import { expect } from 'vitest';
import type { Running } from '../support/gateway.ts';
import { officialClient } from '../support/gateway.ts';
import { api } from '../support/http.ts';

/** What a load publishes: its own number, and the next of its numbers. */
interface Said {
  readonly by: number;
  readonly n: number;
}

interface Publication extends Said {
  readonly offset: number;
}

/** Where a stream begins for a client; `told`: as it was told that something before may be missing. */
interface Beginning {
  readonly after: number;
  readonly told: boolean;
}

type Seen = Publication | Beginning;

/** A real client that is subscribed to the channels, and comes back by itself. */
export class Watcher {
  readonly client: Centrifuge;
  readonly #seen = new Map<string, Seen[]>();

  constructor(url: string, channels: readonly string[], options: Partial<Options> = {}) {
    const delays = { minReconnectDelay: 20, maxReconnectDelay: 200 };
    this.client = officialClient(url, { ...delays, ...options });
    for (const channel of channels) {
      const seen: Seen[] = [];
      this.#seen.set(channel, seen);
      const subscription = this.client.newSubscription(channel, {
        minResubscribeDelay: 20,
        maxResubscribeDelay: 200,
        recoverable: true,
      });
      subscription.on('subscribed', ({ wasRecovering, recovered, streamPosition }) => {
        if (recovered) return;
        seen.push({ after: streamPosition?.offset ?? 0, told: wasRecovering });
      });
      subscription.on('publication', ({ offset = 0, data }) => {
        seen.push({ offset, ...(data as Said) });
      });
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

  /** The last number of one load, or of the only one. */
  last(channel: string, by?: number): number {
    const seen = this.seen(channel);
    const last = seen.findLast((one) => 'n' in one && (by === undefined || one.by === by));
    return last !== undefined && 'n' in last ? last.n : -1;
  }

  timesTold(channel: string): number {
    return this.seen(channel).filter((one) => 'told' in one && one.told).length;
  }
}

/** Whoever publishes; it rejects what it was not told to have been done. */
export interface Publisher {
  readonly gateway: { publish(channel: string, data: unknown): Promise<unknown> };
}

let loads = 0;

/** Publishes 0, 1, 2, … to a channel until it is stopped; it waits for so many answers at once. */
export class Load {
  readonly channel: string;
  /** Which of the loads it is. */
  readonly by: number;
  readonly acknowledged = new Set<number>();
  refused = 0;
  /** What will be published next. */
  next = 0;
  /** The longest that an answer took. */
  slowestMs = 0;
  readonly #publisher: Publisher;
  readonly #pauseMs: number;
  readonly #done: Promise<void>;
  #isOver = false;

  constructor(publisher: Publisher, channel: string, pauseMs = 2, atOnce = 1) {
    loads += 1;
    this.by = loads;
    this.channel = channel;
    this.#publisher = publisher;
    this.#pauseMs = pauseMs;
    this.#done = this.#run(atOnce);
  }

  /** The last that was acknowledged. */
  get last(): number {
    let last = -1;
    for (const n of this.acknowledged) last = Math.max(last, n);
    return last;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #run(atOnce: number): Promise<void> {
    const underWay = new Set<Promise<void>>();
    while (!this.#isOver) {
      const publishing = this.#publish(this.next).finally(() => underWay.delete(publishing));
      this.next += 1;
      underWay.add(publishing);
      if (underWay.size >= atOnce) await Promise.race(underWay);
      await sleep(this.#pauseMs);
    }
    await Promise.all(underWay);
  }

  async #publish(n: number): Promise<void> {
    const startMs = performance.now();
    try {
      await this.#publisher.gateway.publish(this.channel, { by: this.by, n });
      this.acknowledged.add(n);
    } catch {
      this.refused += 1;
    }
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs);
  }
}

/**
 * What is wrong with what a client saw of a channel: publications come once, in the order of their
 * offsets and of whoever published them, and one that was acknowledged is only missing where the
 * client was told.
 */
export function faultsOf(seen: readonly Seen[], ...published: readonly Load[]): string[] {
  const faults: string[] = [];
  let at: number | null = null;
  const places = new Map(published.map((load) => [load.by, new Place(load)]));
  for (const one of seen) {
    if ('told' in one) {
      if (at !== null && !one.told) faults.push(`it began anew after ${at}, and was not told`);
      at = one.after;
      if (one.told) for (const place of places.values()) place.told = true;
      continue;
    }
    if (at === null) faults.push(`${one.offset} came before the subscription`);
    else if (one.offset !== at + 1) faults.push(`${one.offset} came where ${at + 1} was next`);
    at = one.offset;
    faults.push(...(places.get(one.by)?.move(one.n) ?? []));
  }
  return faults;
}

/** How far a client has come in the numbers of one load. */
class Place {
  /** Something may be missing before the next. */
  told = false;
  readonly #load: Load;
  #last = -1;

  constructor(load: Load) {
    this.#load = load;
  }

  move(n: number): string[] {
    const { by, acknowledged } = this.#load;
    const faults: string[] = [];
    if (n <= this.#last) faults.push(`${by}: ${n} after ${this.#last}`);
    for (let missing = this.#last + 1; missing < n && !this.told; missing += 1) {
      if (acknowledged.has(missing)) faults.push(`${by}: ${missing} is missing, and not told`);
    }
    this.#last = n;
    this.told = false;
    return faults;
  }
}

/** All of them saw what they saw of a channel in the same order. */
export function expectOneOrder(watchers: readonly Watcher[], channel: string): void {
  const orders = watchers.map((watcher) =>
    watcher.seen(channel).flatMap((one) => ('n' in one ? [`${one.by} ${one.n}`] : [])),
  );
  const [first = [], ...others] = orders;
  const places = new Map(first.map((said, place) => [said, place]));
  for (const order of others) {
    const common = order.flatMap((said) => places.get(said) ?? []);
    expect(common).toEqual(common.toSorted((a, b) => a - b));
  }
}

/** Every acknowledged publication stands in the history once, and offsets have no holes. */
export async function expectInHistory(
  { http }: Pick<Running, 'http'>,
  ...published: readonly Load[]
): Promise<void> {
  const [first] = published;
  if (first === undefined) return;
  const times = await timesInHistory(http, first.channel);
  for (const { by, acknowledged } of published) {
    expect([...acknowledged].filter((n) => times.get(`${by} ${n}`) !== 1)).toEqual([]);
  }
}

/** How often each publication stands in the history of a channel. */
async function timesInHistory(http: string, channel: string): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  let since = { offset: 0, epoch: '' };
  for (;;) {
    const { answer } = await api(http, 'history', { channel, limit: 10_000, since });
    const { publications, epoch } = answer['result'] as {
      readonly epoch: string;
      readonly publications: readonly { readonly offset: number; readonly data: Said }[];
    };
    if (publications.length === 0) return times;
    for (const { offset, data } of publications) {
      expect(offset).toBe(since.offset + 1);
      since = { offset, epoch };
      const said = `${data.by} ${data.n}`;
      times.set(said, (times.get(said) ?? 0) + 1);
    }
  }
}
