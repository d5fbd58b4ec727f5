/** The masters of a Cluster, and which of them has each slot: its servers tell, and it is kept up to date. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Deferred } from '../kernel/deferred.ts';
import type { Surroundings } from './connection.ts';
import { connectionOf } from './connection.ts';
import { SingleLink } from './link.ts';
import { replyOf } from './reply.ts';
import type { SlotMap } from './slot-map.ts';
import { addressOf, placeOf, slotMapOf } from './slot-map.ts';
import { SLOTS } from './slot.ts';
import type { Target } from './target.ts';

export interface Master {
  /** Host and port: what it is known by. */
  readonly address: string;
  readonly target: Target;
  readonly link: SingleLink;
}

/** While a slot has no master that can be asked, others are asked so often who has it now. */
const LOOK_MS = 500;
/** And so often while nothing seems wrong. */
const REFRESH_MS = 10_000;
/** Between one question and the next, however many want to know. */
const PAUSE_MS = 50;
/** A server that no slot leads to any more is let go after it. */
const IDLE_MS = 10_000;
/** Servers that are asked at once, where no master can be. */
const STRANGERS = 3;

export class Cluster {
  readonly #target: Target;
  readonly #surroundings: Surroundings;
  /** By address: those that have slots, and those that some are being moved to. */
  readonly #masters = new Map<string, Master & { usedAtMs: number }>();
  /** Connections for one question. */
  readonly #strangers = new Set<ReturnType<typeof connectionOf>>();
  readonly #reactions: (() => void)[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  /** The address of the master of each slot; '' where none is known. */
  #owners: string[] = Array.from({ length: SLOTS }, () => '');
  /** Those with slots. */
  #serving: readonly Master[] = [];
  /** Where anybody may be who knows; at first what we were told. */
  #servers: readonly string[];
  /** The address of a master that is asked before the others. */
  #knowing = '';
  #refreshedAtMs = -Infinity;
  #isRefreshing = false;
  #isDue = false;
  #isClosed = false;

  constructor(target: Target, surroundings: Surroundings) {
    this.#target = target;
    this.#surroundings = surroundings;
    this.#servers = target.hosts.map(({ host, port }) => `${host}:${port}`);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
    this.refresh();
  }

  /** Those that have slots. */
  get masters(): readonly Master[] {
    return this.#serving;
  }

  /** Null where no server has the slot, or that is not known yet. */
  masterOf(slot: number): Master | null {
    return this.#masters.get(this.#owners[slot] ?? '') ?? null;
  }

  /** A server as the one at `teller` named it, whether it has slots or not. */
  at(told: string, teller: string): Master {
    return this.#masterAt(addressOf(told, teller));
  }

  /** The server at `teller` said that the slot is no longer its own. */
  moved(slot: number, told: string, teller: string): void {
    const { address } = this.at(told, teller);
    // It may not be the only one. Who has it now knows best: the others learn it in a second or two.
    this.#knowing = address;
    this.refresh();
    if (this.#owners[slot] === address) return;
    this.#owners[slot] = address;
    this.#changed();
  }

  /** Asks who has which slots. For whoever finds that it is not as it seemed. */
  refresh(): void {
    this.#isDue = true;
    if (this.#isRefreshing || this.#isClosed) return;
    this.#isRefreshing = true;
    void this.#refreshWhileDue();
  }

  /** Calls back each time that slots have another master, or a master can be asked again. */
  onChange(react: () => void): void {
    this.#reactions.push(react);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const redis of this.#strangers) redis.disconnect();
    for (const { link } of this.#masters.values()) await link.close();
  }

  #look(): void {
    const now = performance.now();
    const isWhole = !this.#owners.includes('') && this.#serving.every(({ link }) => link.isUp);
    if (!isWhole || now - this.#refreshedAtMs > REFRESH_MS) this.refresh();
    for (const master of this.#serving) this.#masterAt(master.address);
    for (const { address, link, usedAtMs } of this.#masters.values()) {
      if (now - usedAtMs <= IDLE_MS) continue;
      this.#masters.delete(address);
      void link.close();
    }
  }

  async #refreshWhileDue(): Promise<void> {
    while (this.#isDue && !this.#isClosed) {
      this.#isDue = false;
      const map = (await this.#askMasters()) ?? (await this.#askStrangers());
      if (map !== null && !this.#isClosed) this.#take(map);
      await sleep(PAUSE_MS, undefined, { ref: false });
    }
    this.#isRefreshing = false;
  }

  /** Null where none of them answers. */
  async #askMasters(): Promise<SlotMap | null> {
    const { random } = this.#surroundings;
    const first = this.#serving.filter(({ address }) => address === this.#knowing);
    this.#knowing = '';
    for (const { address, link } of [...first, ...shuffled(this.#serving, random)]) {
      if (!link.isUp) continue;
      const map = await this.#heard(address, () => link.call('CLUSTER', 'SLOTS'));
      if (map !== null) return map;
    }
    return null;
  }

  /** Over connections that are there for this question only; the first that knows is heard. */
  async #askStrangers(): Promise<SlotMap | null> {
    const some = shuffled(this.#servers, this.#surroundings.random).slice(0, STRANGERS);
    const first = new Deferred<SlotMap | null>();
    const asked = some.map(async (address) => {
      const map = await this.#askStranger(address);
      if (map !== null) first.resolve(map);
    });
    void Promise.all(asked).then(() => first.resolve(null));
    return first.promise;
  }

  async #askStranger(address: string): Promise<SlotMap | null> {
    const redis = connectionOf(this.#targetAt(address), 'sluice-cluster', this.#surroundings);
    this.#strangers.add(redis);
    try {
      return await this.#heard(address, async () => {
        await redis.connect();
        return replyOf(await redis.callBuffer('CLUSTER', 'SLOTS'));
      });
    } finally {
      this.#strangers.delete(redis);
      redis.disconnect();
    }
  }

  /** What a server answers, if it knows anything. */
  async #heard(
    address: string,
    ask: () => ReturnType<SingleLink['call']>,
  ): Promise<SlotMap | null> {
    try {
      const map = slotMapOf(await ask(), address);
      // One that was reset, or that has just begun, knows only itself.
      return map.servers.length > 0 ? map : null;
    } catch (error) {
      const { message } = error instanceof Error ? error : new Error(String(error));
      const fields = { server: address, error: message };
      this.#surroundings.log.warn(`redis slots ${address}`, fields, 'it is not told who has slots');
      return null;
    }
  }

  #take({ masters, servers }: SlotMap): void {
    this.#refreshedAtMs = performance.now();
    const known = this.#target.hosts.map(({ host, port }) => `${host}:${port}`);
    this.#servers = [...new Set([...servers, ...known])];
    if (masters.every((address, slot) => address === this.#owners[slot])) return;
    this.#owners = [...masters];
    this.#changed();
  }

  #changed(): void {
    const addresses = new Set(this.#owners);
    addresses.delete('');
    this.#serving = [...addresses].map((address) => this.#masterAt(address));
    this.#tell();
  }

  #masterAt(address: string): Master {
    const usedAtMs = performance.now();
    const known = this.#masters.get(address);
    if (known !== undefined) {
      known.usedAtMs = usedAtMs;
      return known;
    }
    const target = this.#targetAt(address);
    const link = new SingleLink(target, this.#surroundings);
    const master = { address, target, link, usedAtMs };
    this.#masters.set(address, master);
    link.onUp(() => this.#tell());
    return master;
  }

  #targetAt(address: string): Target {
    return { ...this.#target, kind: 'standalone', hosts: [placeOf(address)] };
  }

  #tell(): void {
    if (this.#isClosed) return;
    for (const react of this.#reactions) react();
  }
}

function shuffled<T>(all: readonly T[], random: () => number): T[] {
  return all
    .map((one) => ({ one, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one);
}
