/** What a scenario is, and what one run of it on one system gives. */
import type { Histogram } from '../drivers/histogram.ts';
import type { SystemName } from '../systems/systems.ts';
import type { Stage } from './stage.ts';

export interface Scenario {
  readonly name: string;
  readonly about: string;
  /** The main figure: what it counts, and which way is better. */
  readonly unit: string;
  readonly better: 'more' | 'less';
  /** Against whom it runs unless other systems are asked for. */
  readonly systems: readonly SystemName[];
  /** What ours is to reach, as ratios of the main figure. */
  readonly targets: readonly Target[];
  run(stage: Stage): Promise<Measure>;
}

interface Target {
  readonly against: SystemName;
  /** At least (or, where less is better, at most) this many times the other's figure. */
  readonly ratio: number;
}

export interface Measure {
  /** In the scenario's unit. */
  readonly main: number;
  /** More figures, by name with unit. */
  readonly figures: Readonly<Record<string, number>>;
  /** In microseconds; null where no time is measured. */
  readonly latency: Histogram | null;
  readonly lost: number;
  /** What makes this measure doubtful; '' when nothing does. */
  readonly doubt: string;
}
