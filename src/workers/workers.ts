/**
 * The primary: it runs one gateway per worker, each in a process of its own, and all on one port,
 * over which the kernel spreads the connections. It starts again whoever ends, and drains all.
 */
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config, Source } from '../config/config.ts';
import { systemClock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { Address } from '../listening.ts';
import { holdPorts, refuseOtherSystems } from './held-ports.ts';
import { WorkerProcess } from './worker-process.ts';

/** A worker that lived so long was well. */
const STEADY_MS = 10_000;
/** What waits between its end and its next start grows with the ends in a row. */
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 10_000;
/** Starts in a row that may fail. */
const STARTS_MAX = 5;
/** Besides its drain, what a worker may need for its end. */
const CLOSE_MS = 20_000;

export interface WorkersOptions {
  readonly count: number;
  readonly config: Config;
  /** What each worker reads the configuration from: a file may have changed when one starts again. */
  readonly source: Source;
  readonly log: Log;
  /** All have ended, because one could not be started again. */
  readonly failed: (reason: string) => void;
}

/** How many gateways the configuration asks for. Without Redis each would be alone. */
export function workersOf({ workers, redis }: Config): number {
  if (workers !== 'auto') return workers;
  return redis === null || process.platform !== 'linux' ? 1 : availableParallelism();
}

export class Workers {
  readonly #options: WorkersOptions;
  /** Those that have not ended. */
  readonly #workers = new Set<WorkerProcess>();
  /** Aborts when they are to end. */
  readonly #ending = new AbortController();
  #drained: Promise<void> | null = null;

  constructor(options: WorkersOptions) {
    this.#options = options;
    // Whatever ends this process ends those: a second signal, or a fault.
    process.once('exit', () => this.#killAll('the primary ended'));
  }

  /** Done when all listen. @throws why they cannot; none is left then. */
  async start(): Promise<Address> {
    refuseOtherSystems();
    const { config, count } = this.#options;
    const held = await holdPorts(config);
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    try {
      await Promise.all(numbers.map((number) => this.#begin(number, held.address)));
    } catch (error) {
      this.#ending.abort();
      this.#killAll('another could not start');
      throw error;
    } finally {
      held.release();
    }
    return held.address;
  }

  /** Each drains as a gateway does, all at the same time. Idempotent. */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    this.#ending.abort();
    const { delayMs, timeoutMs } = this.#options.config.drain;
    const workers = [...this.#workers];
    for (const worker of workers) worker.say({ type: 'drain' });
    const dueMs = delayMs + timeoutMs + CLOSE_MS;
    const late = systemClock.after(dueMs, () => this.#killAll('it did not end in time'));
    for (const { number, ended } of workers) {
      const { reason, isClean } = await ended;
      if (!isClean) this.#options.log.warn({ worker: number, reason }, 'a worker ended');
    }
    late.cancel();
  }

  async #begin(number: number, address: Address): Promise<void> {
    const worker = this.#spawn(number, address);
    if (!(await worker.listening)) {
      const { reason } = await worker.ended;
      throw new Error(`worker ${number}: ${reason}`);
    }
    void this.#keep(worker, address);
  }

  /** Starts it again whenever it ends, until all are to end. */
  async #keep(first: WorkerProcess, address: Address): Promise<void> {
    const { signal } = this.#ending;
    const { log } = this.#options;
    const { number } = first;
    let worker = first;
    let failures = 0;
    for (;;) {
      const { reason, livedMs, hasListened } = await worker.ended;
      if (signal.aborted) return;
      failures = livedMs < STEADY_MS ? failures + 1 : 1;
      if (!hasListened && failures >= STARTS_MAX) {
        await this.#giveUp(`worker ${number} does not start any more: ${reason}`);
        return;
      }
      const againInMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (failures - 1));
      log.warn({ worker: number, reason, livedMs, againInMs }, 'a worker ended');
      if (!(await isOver(againInMs, signal))) return;
      worker = this.#spawn(number, address);
    }
  }

  #spawn(number: number, address: Address): WorkerProcess {
    const { source, log } = this.#options;
    const begin = { type: 'begin', worker: number, source, address } as const;
    const worker = new WorkerProcess(begin, (asking) => void this.#gather(asking));
    this.#workers.add(worker);
    void worker.ended.then(() => this.#workers.delete(worker));
    void worker.listening.then((listens) => {
      if (listens) log.info({ worker: number, pid: worker.pid }, 'a worker listens');
    });
    return worker;
  }

  async #gather(asking: WorkerProcess): Promise<void> {
    const readings = await Promise.all([...this.#workers].map((worker) => worker.read()));
    asking.say({ type: 'gathered', all: readings.filter((one) => one !== null) });
  }

  async #giveUp(reason: string): Promise<void> {
    this.#options.log.error({ reason }, 'draining: a worker does not start any more');
    await this.drain();
    this.#options.failed(reason);
  }

  #killAll(reason: string): void {
    for (const worker of this.#workers) worker.kill(reason);
  }
}

/** False when it was cut short. A process that waits for it lives on. */
function isOver(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}
