/** What the system, the driver and others use from one moment to another. */
import { busySeconds, cpuSecondsOf } from '../harness/usage.ts';
import type { Used } from './orders.ts';

export class Usage {
  readonly #pids: readonly number[];
  #began: Moment;
  #sum: Used = { seconds: 0, systemCpuSeconds: 0, driverCpuSeconds: 0, othersCpuSeconds: 0 };

  /** Begins now. */
  constructor(pids: readonly number[]) {
    this.#pids = pids;
    this.#began = this.#now();
  }

  /** Goes on after a pause. */
  resume(): void {
    this.#began = this.#now();
  }

  /** Adds what was used since the beginning or the end of the last pause, and tells the sum. */
  pause(): Used {
    const from = this.#began;
    const to = this.#now();
    const system = to.system - from.system;
    const driver = to.driver - from.driver;
    const sum = this.#sum;
    this.#sum = {
      seconds: sum.seconds + (to.atMs - from.atMs) / 1000,
      systemCpuSeconds: sum.systemCpuSeconds + system,
      driverCpuSeconds: sum.driverCpuSeconds + driver,
      othersCpuSeconds: sum.othersCpuSeconds + Math.max(0, to.busy - from.busy - system - driver),
    };
    return this.#sum;
  }

  #now(): Moment {
    const { user, system } = process.cpuUsage();
    return {
      atMs: performance.now(),
      system: this.#pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
      driver: (user + system) / 1e6,
      busy: busySeconds(),
    };
  }
}

interface Moment {
  readonly atMs: number;
  readonly system: number;
  readonly driver: number;
  readonly busy: number;
}
