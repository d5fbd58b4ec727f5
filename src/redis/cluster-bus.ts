/** What a Cluster tells us: the names of each slot are heard from the master that has it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Maybe } from '../kernel/maybe.ts';
import type { Bus } from './bus.ts';
import type { Cluster, Master } from './cluster.ts';
import type { Surroundings } from './connection.ts';
import type { Hear } from './ears.ts';
import { Ears } from './ears.ts';
import { awayOr, isAnswer, Redirected } from './errors.ts';
import { slotOf } from './slot.ts';
import { Wire } from './wire.ts';

/** Before what a server refused, or sent elsewhere, is tried again. */
const RETRY_MS = 50;

/** The names of one slot. */
interface Place {
  readonly slot: number;
  readonly ears: Ears;
  isSettling: boolean;
  /** Something changed while it was settling. */
  isDue: boolean;
}

/**
 * One connection to each master. A slot that moves, or whose master is away, is deaf until all its
 * names are heard from the master it has then; slots elsewhere do not notice.
 */
export class ClusterBus implements Bus {
  readonly #cluster: Cluster;
  readonly #surroundings: Surroundings;
  readonly #places = new Map<number, Place>();
  /** By the address of the master. */
  readonly #wires = new Map<string, Wire>();
  readonly #reactions: ((names: readonly string[]) => void)[] = [];
  readonly #upReactions: (() => void)[] = [];
  /** Names that are heard again, which is told at the end of the turn; null: nothing is to be told. */
  #restored: (readonly string[])[] | null = null;
  #isClosed = false;

  constructor(cluster: Cluster, surroundings: Surroundings) {
    this.#cluster = cluster;
    this.#surroundings = surroundings;
    cluster.onChange(() => this.#settleAll());
  }

  hears(name: string): boolean {
    return this.#placeOf(slotOf(name)).ears.wire !== null;
  }

  listen(name: string, hear: Hear): Maybe<void> {
    return this.#placeOf(slotOf(name)).ears.listen(name, hear);
  }

  unlisten(name: string): void {
    this.#placeOf(slotOf(name)).ears.unlisten(name);
  }

  onUp(react: () => void): void {
    this.#upReactions.push(react);
    if ([...this.#wires.values()].some(({ isUp }) => isUp)) react();
  }

  onRestored(react: (names: readonly string[]) => void): void {
    this.#reactions.push(react);
  }

  restart(name: string): void {
    this.#placeOf(slotOf(name)).ears.wire?.restart();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const { ears } of this.#places.values()) ears.close();
    for (const wire of this.#wires.values()) wire.close();
    return Promise.resolve();
  }

  #placeOf(slot: number): Place {
    const known = this.#places.get(slot);
    if (known !== undefined) return known;
    const ears = new Ears((wire, error) => this.#failed(place, wire, error));
    const place: Place = { slot, ears, isSettling: false, isDue: false };
    this.#places.set(slot, place);
    void this.#settle(place);
    return place;
  }

  #settleAll(): void {
    if (this.#isClosed) return;
    for (const master of this.#cluster.masters) this.#wireTo(master);
    for (const place of this.#places.values()) void this.#settle(place);
    this.#hangUp();
  }

  /** Brings a place to the master of its slot. It waits for nothing where nothing is listened to. */
  async #settle(place: Place): Promise<void> {
    place.isDue = true;
    if (place.isSettling) return;
    place.isSettling = true;
    while (place.isDue && !this.#isClosed) {
      place.isDue = false;
      await this.#move(place);
    }
    place.isSettling = false;
  }

  async #move(place: Place): Promise<void> {
    const { slot, ears } = place;
    const master = this.#cluster.masterOf(slot);
    const wire = master === null ? null : this.#wireTo(master);
    // What is heard from another is kept until this one can be told; it calls when it is up.
    if (wire === null || wire === ears.wire || !wire.isUp) return;
    try {
      this.#tell(await ears.attach(wire));
      this.#hangUp();
    } catch (error) {
      this.#failed(place, wire, error);
      await sleep(RETRY_MS, undefined, { ref: false });
    }
  }

  #failed(place: Place, wire: Wire, error: unknown): void {
    if (this.#isClosed) return;
    const reason = awayOr(error);
    if (reason instanceof Redirected && reason.redirection === 'MOVED') {
      place.ears.detach();
      const [teller = ''] = [...this.#wires].find(([, one]) => one === wire) ?? [];
      this.#cluster.moved(place.slot, reason.address, teller);
    } else {
      const { message } = reason instanceof Error ? reason : new Error(String(reason));
      this.#surroundings.log.warn('redis subscribe', { error: message }, 'could not subscribe');
      // Only a new connection is sure not to listen to what was perhaps asked of this one.
      if (!isAnswer(error)) wire.restart();
    }
    void this.#settle(place);
  }

  #wireTo({ address, target }: Master): Wire {
    const known = this.#wires.get(address);
    if (known !== undefined) return known;
    const wire = new Wire({
      target,
      surroundings: this.#surroundings,
      isSharded: true,
      opened: () => {
        this.#settleAll();
        this.#tell([]);
      },
      closed: () => {
        for (const { ears } of this.#at(wire)) ears.detach();
        this.#cluster.refresh();
      },
      heard: (name, message) => this.#places.get(slotOf(name))?.ears.hear(name, message),
      dropped: () => this.#dropped(wire),
    });
    this.#wires.set(address, wire);
    return wire;
  }

  /** A server lets go of all names of a slot that it gives away. */
  #dropped(wire: Wire): void {
    this.#cluster.refresh();
    const { names } = wire;
    for (const place of this.#at(wire)) {
      if (place.ears.heard.every((name) => names.has(name))) continue;
      place.ears.detach();
      void this.#settle(place);
    }
  }

  #at(wire: Wire): Place[] {
    return [...this.#places.values()].filter(({ ears }) => ears.wire === wire);
  }

  /** Servers that have no slots any more, and from which nothing is heard. */
  #hangUp(): void {
    const addresses = new Set(this.#cluster.masters.map(({ address }) => address));
    for (const [address, wire] of this.#wires) {
      if (addresses.has(address) || this.#at(wire).length > 0) continue;
      this.#wires.delete(address);
      wire.close();
    }
  }

  #tell(names: readonly string[]): void {
    if (this.#restored !== null) {
      this.#restored.push(names);
      return;
    }
    this.#restored = [names];
    setImmediate(() => {
      const restored = (this.#restored ?? []).flat();
      this.#restored = null;
      if (this.#isClosed) return;
      for (const react of this.#upReactions) react();
      if (restored.length === 0) return;
      for (const react of this.#reactions) react(restored);
    });
  }
}
