/** `npm run bench -- micro [name…]`: what the parts of the hot path take by themselves. */
import { aligned } from '../harness/table.ts';
import { CODEC } from './codec.ts';
import { FAN_OUT } from './fan-out.ts';
import { MAILBOX } from './mailbox.ts';
import type { Micro } from './micro.ts';
import { RECOVERY } from './recovery.ts';

const MICROS: readonly Micro[] = [...CODEC, ...MAILBOX, ...FAN_OUT, ...RECOVERY];

const WARMUP_MS = 500;
const SAMPLES = 50;
const SAMPLE_MS = 10;

/** Those whose names begin so, or all. */
export function micro(names: readonly string[]): void {
  const wanted = MICROS.filter(
    ({ name }) => names.length === 0 || names.some((begin) => name.startsWith(begin)),
  );
  const rows = wanted.map((one) => {
    const samples = sample(one.prepare()).toSorted((a, b) => a - b);
    const [least = 0] = samples;
    const median = samples[Math.floor(samples.length / 2)] ?? 0;
    return [one.name, text(median), text(least), text(samples.at(-1) ?? 0)];
  });
  console.log(aligned([['', 'ns', 'least', 'most'], ...rows]));
}

/** Nanoseconds of one, in each of the samples. */
function sample(act: (times: number) => void): number[] {
  const timed = (times: number): number => {
    const began = performance.now();
    act(times);
    return performance.now() - began;
  };
  let times = 1;
  for (const end = performance.now() + WARMUP_MS; performance.now() < end;) {
    if (timed(times) < SAMPLE_MS) times *= 2;
  }
  return Array.from({ length: SAMPLES }, () => (timed(times) / times) * 1e6);
}

function text(ns: number): string {
  return ns.toLocaleString('en-US', { maximumFractionDigits: ns < 100 ? 1 : 0 });
}
