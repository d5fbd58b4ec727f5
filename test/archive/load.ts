/** Publishes without a pause, and says what of it is not in the archive as it should be. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import { Refusal } from '../../src/gateway.ts';
import type { Running } from '../support/gateway.ts';
import type { ArchivedWire } from './gateways.ts';
import { archived } from './gateways.ts';

/** Publishes 0, 1, 2, … to a channel, some at once, until it is stopped. */
export class ArchiveLoad {
  readonly channel: string;
  readonly acknowledged: number[] = [];
  /** What was said to those that were not. */
  readonly refusals = new Set<string>();
  refused = 0;
  slowestMs = 0;
  readonly #running: Pick<Running, 'gateway'>;
  readonly #perTurn: number;
  readonly #done: Promise<void>;
  #next = 0;
  #isOver = false;

  constructor(running: Pick<Running, 'gateway'>, channel: string, perTurn = 5) {
    this.channel = channel;
    this.#running = running;
    this.#perTurn = perTurn;
    this.#done = this.#run();
  }

  /** Resolves when so many are acknowledged. */
  async reached(count: number): Promise<void> {
    await vi.waitFor(() => expect(this.acknowledged.length).toBeGreaterThanOrEqual(count), {
      timeout: 15_000,
      interval: 5,
    });
  }

  stop(): Promise<void> {
    this.#isOver = true;
    return this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const numbers = Array.from({ length: this.#perTurn }, (_, index) => this.#next + index);
      this.#next += this.#perTurn;
      await Promise.all(numbers.map((n) => this.#publish(n)));
      await sleep(2);
    }
  }

  async #publish(n: number): Promise<void> {
    const beganMs = performance.now();
    try {
      await this.#running.gateway.publish(this.channel, n);
      this.acknowledged.push(n);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.refusals.add(error.message);
      this.refused += 1;
    }
    this.slowestMs = Math.max(this.slowestMs, performance.now() - beganMs);
  }
}

/** Every acknowledged publication is there once, in order, and nothing else. */
export async function expectAll(
  reader: Pick<Running, 'http'>,
  { channel, acknowledged }: ArchiveLoad,
  patienceMs = 15_000,
): Promise<void> {
  const read = (): Promise<ArchivedWire[]> => archived(reader, channel, { epoch: undefined });
  const all = await vi.waitFor(
    async () => {
      const found = await read();
      if (found.length < acknowledged.length) {
        throw new Error(`${found.length} of ${acknowledged.length} are archived`);
      }
      return found;
    },
    { timeout: patienceMs, interval: 50 },
  );
  expect(all.map(({ data }) => data)).toEqual(acknowledged);
  expect(all.map(({ offset }) => offset)).toEqual(all.map((_, index) => index + 1));
}
