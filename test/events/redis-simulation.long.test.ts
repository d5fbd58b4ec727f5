/** Gateways come, go, die and stand still, and Redis forgets: in the end the backend knows what is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { batchOf } from '../../src/events/event.ts';
import { RedisServer } from '../support/redis.ts';
import { readAll } from './crowd.ts';
import type { Station } from './redis-rig.ts';
import { expire, station } from './redis-rig.ts';
import { View } from './view.ts';

const SETTLING = { timeout: 40_000, interval: 50 };
const CHANNELS = ['red', 'green', 'blue', 'grey'];
const STATIONS = 3;

/** From 0 to below 1; the same numbers for the same seed. Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

class World {
  readonly redis: RedisServer;
  readonly view = new View();
  readonly stations: Station[] = [];
  /** What happened, for a seed that fails. */
  readonly story: string[] = [];
  readonly #random: () => number;
  readonly #eventsMax: number;
  #born = 0;
  #people = 0;

  constructor(redis: RedisServer, random: () => number, eventsMax: number) {
    this.redis = redis;
    this.#random = random;
    this.#eventsMax = eventsMax;
  }

  async begin(): Promise<void> {
    while (this.stations.length < STATIONS) await this.#bear();
  }

  async act(): Promise<void> {
    if (this.#chance(0.03)) return this.#trouble();
    const at = this.#pick(this.stations);
    if (this.#chance(0.25)) return this.#read(at);
    for (let steps = this.#below(6); steps >= 0; steps -= 1) this.#live(at);
    if (this.#chance(0.3)) await sleep(this.#below(20));
  }

  /** What the backend should know. */
  get state(): Record<string, string[]> {
    const entries = this.stations.flatMap((each) => Object.entries(each.state));
    return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  async settle(): Promise<void> {
    await vi.waitFor(async () => {
      for (const { journal } of this.stations) await readAll(journal, this.view, 50);
      expect(this.view.state).toEqual(this.state);
    }, SETTLING);
  }

  #live(at: Station): void {
    const { clients } = at;
    if (clients.length === 0 || this.#chance(0.2)) {
      this.#people += 1;
      at.connect(`c${this.#people}`, `u${this.#below(5)}`);
      return;
    }
    const client = this.#pick(clients);
    const way = this.#random();
    if (way < 0.2) at.disconnect(client);
    else if (way < 0.7) at.subscribe(client, this.#pick(CHANNELS));
    else at.unsubscribe(client, this.#pick(CHANNELS));
  }

  async #read({ journal }: Station): Promise<void> {
    try {
      const page = await journal.take(1 + this.#below(30));
      if ('restMs' in page) return;
      const isHeard = this.#chance(0.9);
      const batch = batchOf(page.batch);
      this.view.take(isHeard ? batch : { ...batch, dropped: 0 });
      if (isHeard) await journal.done(page, 'delivered');
    } catch {
      // Redis is away.
    }
  }

  async #trouble(): Promise<void> {
    const trouble = this.#pick(Object.keys(this.#troubles));
    const at = this.#pick(this.stations);
    this.story.push(`${trouble} ${this.stations.indexOf(at)}`);
    await this.#troubles[trouble]!(at);
  }

  readonly #troubles: Readonly<Record<string, (at: Station) => Promise<unknown>>> = {
    flush: () => this.redis.command('FLUSHALL'),
    cut: () => this.redis.command('CLIENT', 'KILL', 'TYPE', 'normal'),
    expire: (at) => expire(this.redis, at),
    die: async (at) => {
      this.#bury(at);
      await at.kill();
      await this.#bear();
    },
    close: async (at) => {
      for (const client of at.clients) at.disconnect(client);
      this.#bury(at);
      await at.journal.flush();
      await at.journal.close();
      await at.lease.close();
      await this.#bear();
    },
    forget: async (at) => {
      await this.redis.command('SAVE');
      this.#liveOn();
      await this.#read(at);
      await sleep(this.#below(100));
      await this.redis.kill();
      await this.redis.start();
    },
    restart: async () => {
      await this.redis.shutdown();
      this.#liveOn();
      await this.redis.start();
    },
    pause: async () => {
      this.redis.pause();
      this.#liveOn();
      await sleep(this.#below(2000));
      this.redis.resume();
    },
  };

  #liveOn(): void {
    for (let steps = 0; steps < 20; steps += 1) this.#live(this.#pick(this.stations));
  }

  #bury(at: Station): void {
    this.stations.splice(this.stations.indexOf(at), 1);
  }

  async #bear(): Promise<void> {
    this.#born += 1;
    const eventsMax = this.#eventsMax;
    const options = { gateway: `g${this.#born}`, eventsMax, pendingMax: 60, vacateDelayMs: 200 };
    this.stations.push(await station(this.redis.url, 'test', options));
  }

  #chance(part: number): boolean {
    return this.#random() < part;
  }

  #below(end: number): number {
    return Math.floor(this.#random() * end);
  }

  #pick<T>(all: readonly T[]): T {
    return all[this.#below(all.length)]!;
  }
}

const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const SEEDS = Array.from({ length: Number(process.env['SEEDS'] ?? 5) }, (_, n) => FIRST_SEED + n);

test.each(SEEDS)('seed %i', { timeout: 120_000 }, async (seed) => {
  const random = randomOf(seed);
  const redis = await RedisServer.start({ args: ['--save', '3600', '1000000'] });
  const world = new World(redis, random, seed % 2 === 0 ? 10_000 : 150);
  await world.begin();
  for (let acts = 0; acts < 400; acts += 1) await world.act();
  try {
    await world.settle();
    expect(world.view.faults).toEqual([]);
    await sleep(500);
    await world.settle();
    expect([...world.view.occupied].toSorted()).toEqual(
      [...new Set(Object.values(world.state).flat())].toSorted(),
    );
  } catch (error) {
    throw new Error(`seed ${seed}: ${world.story.join(', ')}`, { cause: error });
  }
});
