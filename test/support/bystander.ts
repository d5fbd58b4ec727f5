/** A client that has nothing to do with what goes on around it, and must not notice it. */
import { expect, onTestFinished, vi } from 'vitest';
import type { Gateway } from '../../src/gateway.ts';
import type { KeptLog } from './log.ts';
import { Peer } from './peer.ts';
import type { Running } from './gateway.ts';

const CHANNEL = 'bystander';

/** Looks every few milliseconds: what is waited for takes no longer. */
const QUICKLY = { timeout: 10_000, interval: 5 };

/** More than what a history of `--dev` holds would be cut. */
const PUBLICATIONS_MAX = 100;

export class Bystander {
  readonly peer: Peer;
  readonly #gateway: Gateway;
  readonly #log: KeptLog | null;
  readonly #faults: unknown[] = [];
  #published = 0;

  private constructor(peer: Peer, gateway: Gateway, log: KeptLog | null) {
    this.peer = peer;
    this.#gateway = gateway;
    this.#log = log;
    const keep = (fault: unknown): void => void this.#faults.push(fault);
    process.on('uncaughtException', keep);
    process.on('unhandledRejection', keep);
    onTestFinished(() => {
      process.off('uncaughtException', keep);
      process.off('unhandledRejection', keep);
    });
  }

  static async watch({ url, gateway }: Running, log: KeptLog | null = null): Promise<Bystander> {
    const peer = await Peer.connected(url);
    await peer.subscribe(CHANNEL);
    return new Bystander(peer, gateway, log);
  }

  /**
   * It still gets what is published, and got all of it before; whoever else was there is gone and
   * left nothing behind in `channels`; nothing was thrown that nobody caught, nor logged as ours.
   */
  async isUndisturbed(...channels: readonly string[]): Promise<void> {
    await this.isServed();
    await vi.waitFor(() => expect(this.#gateway.connections).toBe(1), QUICKLY);
    await this.#isAloneIn(channels);
    expect(this.#faults).toEqual([]);
    expect(this.#log?.of('error') ?? []).toEqual([]);
  }

  /** It still gets what is published, and got all of it before. */
  async isServed(): Promise<void> {
    const { peer } = this;
    this.#published += 1;
    expect(this.#published).toBeLessThanOrEqual(PUBLICATIONS_MAX);
    await peer.publish(CHANNEL, this.#published);
    const all = Array.from({ length: this.#published }, (_, index) => index + 1);
    const got = (): unknown[] => peer.data(CHANNEL);
    await peer.until(() => got().length >= this.#published, 'the own publication');
    expect(got()).toEqual(all);
    const { history } = await peer.ask({ history: { channel: CHANNEL, limit: -1 } });
    const { publications } = history as { readonly publications: { readonly data: unknown }[] };
    expect(publications.map(({ data }) => data)).toEqual(all);
  }

  async #isAloneIn(channels: readonly string[]): Promise<void> {
    const { peer } = this;
    for (const channel of [CHANNEL, ...channels]) {
      const { presence_stats: stats } = await peer.ask({ presence_stats: { channel } });
      const clients = channel === CHANNEL ? 1 : 0;
      expect([channel, stats]).toEqual([channel, { num_clients: clients, num_users: clients }]);
    }
    expect(peer.ending).toBe(null);
  }
}
