/** A crowd of clients in a process of its own, so that neither the test nor the gateways wait for it. */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, vi } from 'vitest';
import type { Order } from './child.ts';
import type { CrowdOptions, CrowdState } from './crowd.ts';

const CHILD = new URL('child.ts', import.meta.url);

export class CrowdProcess {
  readonly #process: ChildProcess;
  readonly #size: number;

  private constructor(size: number) {
    this.#size = size;
    this.#process = fork(CHILD, { execArgv: [] });
    onTestFinished(() => void this.#process.kill('SIGKILL'));
  }

  /** Done when all are there. */
  static async begin(options: CrowdOptions): Promise<CrowdProcess> {
    const crowd = new CrowdProcess(options.size);
    await crowd.#order({ verb: 'begin', options });
    await crowd.untilAllAreThere(60_000);
    return crowd;
  }

  state(): Promise<CrowdState> {
    return this.#order({ verb: 'state' });
  }

  async forget(): Promise<void> {
    await this.#order({ verb: 'forget' });
  }

  async untilAllAreThere(timeout: number): Promise<void> {
    await vi.waitFor(
      async () => {
        const { there, closes, errors, refusals, faults } = await this.state();
        const lately = JSON.stringify({ closes, errors, refusals, faults });
        expect(there, lately).toBe(this.#size);
      },
      { timeout, interval: 200 },
    );
  }

  /** One order at a time. */
  async #order(order: Order): Promise<CrowdState> {
    const answered = once(this.#process, 'message');
    this.#process.send(order);
    const [state] = (await answered) as [CrowdState];
    return state;
  }
}
