/** Gateways with clients on each and a load on each, and what must hold after something broke. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, vi } from 'vitest';
import type { Publisher } from './checker.ts';
import { expectInHistory, expectOneOrder, faultsOf, Load, Watcher } from './checker.ts';
import { isReady, SOON } from './gateways.ts';
import { Proxy } from '../support/proxy.ts';

/** A gateway of this process, or one of its own. */
export interface Node extends Publisher {
  readonly url: string;
  readonly http: string;
  /** What it logged last, for a test that fails. */
  readonly lately?: string;
}

const CHANNELS: readonly string[] = ['red', 'green', 'blue'];
const WATCHERS_EACH = 2;
const PAUSE_MS = 5;
/** How long all is well before something breaks. */
const WARM_UP_MS = 200;
/** How often those who roam are cut off, and come back to another gateway. */
const ROAM_MS = 350;

export interface SceneOptions {
  readonly channels?: readonly string[];
  /** Clients that stay with no gateway for long. */
  readonly roamers?: number;
  /** Publishers wait for so many answers at once. */
  readonly atOnce?: number;
  /** The gateways that they come to, one after the other, dead or alive; unless it is set, all. */
  readonly roads?: readonly Node[];
}

interface Cast {
  readonly channels: readonly string[];
  readonly nodes: readonly Node[];
  readonly watchers: readonly Watcher[];
  readonly roamers: readonly Watcher[];
  readonly loads: readonly Load[];
}

export class Scene implements Cast {
  readonly channels: readonly string[];
  readonly nodes: readonly Node[];
  readonly watchers: readonly Watcher[];
  readonly roamers: readonly Watcher[];
  readonly loads: readonly Load[];
  #roaming: ReturnType<typeof setInterval> | null = null;
  /** Those who roam come to a gateway that is there. */
  #settleDown: () => void = () => {};

  private constructor({ channels, nodes, watchers, roamers, loads }: Cast) {
    this.channels = channels;
    this.nodes = nodes;
    this.watchers = watchers;
    this.roamers = roamers;
    this.loads = loads;
  }

  static async begin(
    nodes: readonly Node[],
    { channels = CHANNELS, roamers: roaming = 0, roads = nodes, atOnce = 1 }: SceneOptions = {},
  ): Promise<Scene> {
    const urls = nodes.flatMap(({ url }) => Array.from({ length: WATCHERS_EACH }, () => url));
    const watchers = urls.map((url) => new Watcher(url, channels));
    const road = await Proxy.start(portOf(roads[0]!));
    const url = `ws://127.0.0.1:${road.port}/connection/websocket`;
    const roamers = Array.from({ length: roaming }, () => new Watcher(url, channels));
    for (const watcher of [...watchers, ...roamers]) await watcher.ready();
    // Two publishers to each channel, so that there is an order to agree on.
    const loads = channels.flatMap((channel, at) =>
      [at, at + 1].map(
        (which) => new Load(nodes[which % nodes.length]!, channel, PAUSE_MS, atOnce),
      ),
    );
    const scene = new Scene({ channels, nodes, watchers, roamers, loads });
    await sleep(WARM_UP_MS);
    scene.#roam(road, roads);
    return scene;
  }

  get #all(): readonly Watcher[] {
    return [...this.watchers, ...this.roamers];
  }

  #roam(road: Proxy, roads: readonly Node[]): void {
    let at = 0;
    this.#settleDown = () => {
      road.target = portOf(this.nodes[0]!);
      road.cut();
    };
    this.#roaming = setInterval(() => {
      at += 1;
      road.target = portOf(roads[at % roads.length]!);
      road.cut();
    }, ROAM_MS);
    onTestFinished(() => this.#stopRoaming());
  }

  #stopRoaming(): void {
    if (this.#roaming !== null) clearInterval(this.#roaming);
  }

  /** Everyone is there again, and what was lost, doubled or turned around was told. */
  async settle(): Promise<void> {
    this.#stopRoaming();
    this.#settleDown();
    await vi.waitFor(async () => {
      for (const node of this.nodes) expect(await isReady(node), node.lately).toBe(true);
    }, SOON);
    // Who was told that it lost its place begins at the top.
    await this.follow();
    await Promise.all(this.loads.map((load) => load.stop()));
    const ends = this.loads.map(({ last }) => last);
    await vi.waitFor(() => this.#expectSeen(ends), SOON);
    for (const watcher of this.#all) {
      for (const channel of this.channels) {
        const faults = faultsOf(watcher.seen(channel), ...this.#loadsOf(channel));
        expect(faults.slice(0, 3)).toEqual([]);
      }
    }
    for (const channel of this.channels) expectOneOrder(this.#all, channel);
  }

  /** After `settle`: nothing was lost at all. */
  async expectWhole(): Promise<void> {
    expect(this.timesTold()).toEqual(this.watchers.map(() => 0));
    for (const channel of this.channels) {
      await expectInHistory(this.nodes[0]!, ...this.#loadsOf(channel));
    }
  }

  /** After `settle`: every client was told in the channels that something may be missing. */
  expectTold(channels = this.channels): void {
    for (const watcher of this.watchers) {
      for (const channel of channels) expect(watcher.timesTold(channel)).toBeGreaterThan(0);
    }
  }

  /** How often each client was told, in all of its channels. */
  timesTold(watchers = this.watchers): number[] {
    return watchers.map((watcher) =>
      this.channels.reduce((sum, channel) => sum + watcher.timesTold(channel), 0),
    );
  }

  #loadsOf(channel: string): Load[] {
    return this.loads.filter((load) => load.channel === channel);
  }

  /** Every client has seen what is published from now on. */
  async follow(): Promise<void> {
    const next = this.loads.map((load) => load.next);
    await vi.waitFor(() => this.#expectSeen(next), SOON);
  }

  #expectSeen(numbers: readonly number[]): void {
    for (const watcher of this.#all) {
      for (const [index, { channel, by }] of this.loads.entries()) {
        expect(watcher.last(channel, by), watcher.state()).toBeGreaterThanOrEqual(numbers[index]!);
      }
    }
  }
}

function portOf({ url }: Node): number {
  return Number(new URL(url).port);
}
