/** Several runs of each system as one table. */
import { Histogram } from '../drivers/histogram.ts';
import type { Measure, Scenario } from './scenario.ts';
import { count } from './count.ts';

/** A system in a run, or a commit in a comparison. */
export interface Contender {
  readonly name: string;
  readonly measures: readonly Measure[];
}

export interface Summary {
  readonly name: string;
  readonly runs: number;
  readonly main: Spread;
  readonly figures: Readonly<Record<string, number>>;
  readonly latencyMs: Latency | null;
  readonly lost: number;
  readonly doubts: readonly string[];
}

interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly all: readonly number[];
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export function summaryOf({ name, measures }: Contender): Summary {
  const names = [...new Set(measures.flatMap(({ figures }) => Object.keys(figures)))];
  const figures = names.map((figure): [string, number] => {
    return [figure, median(measures.map((measure) => measure.figures[figure] ?? 0))];
  });
  return {
    name,
    runs: measures.length,
    main: spread(measures.map(({ main }) => main)),
    figures: Object.fromEntries(figures),
    latencyMs: latencyOf(measures),
    lost: measures.reduce((sum, { lost }) => sum + lost, 0),
    doubts: [...new Set(measures.map(({ doubt }) => doubt).filter((doubt) => doubt !== ''))],
  };
}

/**
 * How many times the figure of `other` ours is: the median of the ratios of neighbouring runs, for
 * what slows the machine down slows both.
 */
function ratio(
  ours: Contender,
  other: Contender,
  figure: (measure: Measure) => number = ({ main }) => main,
): Spread {
  const pairs = Math.min(ours.measures.length, other.measures.length);
  return spread(
    ours.measures.slice(0, pairs).map((measure, i) => {
      const twin = other.measures[i];
      const below = twin === undefined ? 0 : figure(twin);
      return below === 0 ? 0 : figure(measure) / below;
    }),
  );
}

const PER_CPU = 'per cpu-s';

/** The same for a second of processor time; null where that is not measured. */
function perCpu(ours: Contender, other: Contender): number | null {
  if (ours.measures.every(({ figures }) => figures[PER_CPU] === undefined)) return null;
  return ratio(ours, other, ({ figures }) => figures[PER_CPU] ?? 0).median;
}

export function ratioText(ours: Contender, other: Contender): string {
  const { median: times, least, most } = ratio(ours, other);
  const range = `${two(least)} to ${two(most)}`;
  const efficiency = perCpu(ours, other);
  const cpu = efficiency === null ? '' : `; ${two(efficiency)} per cpu-second`;
  return `${ours.name} = ${two(times)} x ${other.name} (${range})${cpu}`;
}

/** Each of ours against each of the others, and against what it is to reach. */
export function verdict(scenario: Scenario, contenders: readonly Contender[]): string[] {
  const ours = contenders.find(({ name }) => name === OURS);
  if (ours === undefined) return [];
  const peers = contenders.filter(({ name }) => name !== OURS);
  const compared = peers.map((peer) => ratioText(ours, peer) + aim(scenario, ours, peer));
  const bounds = scenario.targets.flatMap((target) => ('bound' in target ? [target.bound] : []));
  const { median: main } = spread(ours.measures.map((measure) => measure.main));
  const bounded = bounds.map((bound) => {
    const reached = isReached(scenario, main, bound) ? 'reached' : 'MISSED';
    return `${OURS} = ${count(main)} ${scenario.unit}; target ${count(bound)}: ${reached}`;
  });
  return [...compared, ...bounded];
}

const OURS = 'sluice';

/**
 * By the clock and by the processor: where a driver or a neighbour is the bottleneck, only the
 * second tells.
 */
function aim(scenario: Scenario, ours: Contender, peer: Contender): string {
  const target = scenario.targets.find((one) => 'against' in one && one.against === peer.name);
  if (target === undefined || !('against' in target)) return '';
  const byClock = isReached(scenario, ratio(ours, peer).median, target.ratio);
  const efficiency = scenario.better === 'more' ? perCpu(ours, peer) : null;
  const byCpu = efficiency === null ? byClock : efficiency >= target.ratio;
  const words = byClock
    ? 'by the clock, MISSED per cpu-second'
    : 'per cpu-second, MISSED by the clock';
  const word = byClock === byCpu ? (byClock ? 'reached' : 'MISSED') : `reached ${words}`;
  return `; target ${target.ratio}: ${word}`;
}

function isReached({ better }: Scenario, value: number, bound: number): boolean {
  return better === 'more' ? value >= bound : value <= bound;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
}

function spread(all: readonly number[]): Spread {
  return { median: median(all), least: Math.min(...all), most: Math.max(...all), all };
}

function latencyOf(measures: readonly Measure[]): Latency | null {
  const together = new Histogram();
  for (const { latency } of measures) if (latency !== null) together.add(latency.sparse());
  if (together.total === 0) return null;
  const ms = (us: number): number => Math.round(us / 10) / 100;
  return {
    p50: ms(together.at(50)),
    p99: ms(together.at(99)),
    p999: ms(together.at(99.9)),
    max: ms(together.max),
  };
}

function two(value: number): string {
  return value.toFixed(2);
}
