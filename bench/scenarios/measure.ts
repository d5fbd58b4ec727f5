/** From what a driver tells to what a scenario reports. */
import { Histogram } from '../drivers/histogram.ts';
import type { Sparse } from '../drivers/histogram.ts';
import type { Used } from '../drivers/orders.ts';
import type { RunningSystem } from '../harness/stage.ts';

export const WARMUP_SECONDS = 2;
/** Of a core: above it a process has no time to spare. */
const FULL = 0.95;
const BUSY_OTHERS = 0.25;

/** What every scenario tells of its cost, `done` being what its main figure counts. */
export function costs(used: Used, done: number, system: RunningSystem): Record<string, number> {
  const { seconds, systemCpuSeconds, driverCpuSeconds, othersCpuSeconds } = used;
  const share = (cpu: number): number => Math.round((cpu / seconds) * 100) / 100;
  return {
    // Of all figures the least disturbed by others on the machine.
    'per cpu-s': Math.round(done / systemCpuSeconds),
    'system cpu-s': Math.round(systemCpuSeconds * 100) / 100,
    'system cpu': share(systemCpuSeconds),
    'driver cpu': share(driverCpuSeconds),
    'others cpu': share(othersCpuSeconds),
    'rss MB': megabytes(system.resident.total),
  };
}

export function megabytes(bytes: number): number {
  return Math.round(bytes / 1e5) / 10;
}

/** `others` may use so much of a core without a doubt: Redis, where it is a part of the scenario. */
export function doubtOf(used: Used, problem: string, others = 0): string {
  const { seconds, systemCpuSeconds, driverCpuSeconds, othersCpuSeconds } = used;
  const doubts = [problem];
  if (driverCpuSeconds / seconds > FULL && systemCpuSeconds / seconds < FULL) {
    doubts.push('the driver was the bottleneck');
  }
  if (othersCpuSeconds / seconds > BUSY_OTHERS + others) doubts.push('the machine was busy');
  return doubts.filter((doubt) => doubt !== '').join('; ');
}

export function histogramOf(sparse: Sparse): Histogram {
  const histogram = new Histogram();
  histogram.add(sparse);
  return histogram;
}
