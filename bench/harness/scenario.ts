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
  /** What ours is to reach. */
  readonly targets: readonly Target[];
  run(stage: Stage): Promise<Measure>;
}

/** Of the main figure: at least so much, or, where less is better, at most. */
export type Target =
  /** So many times the figure of another. */
  | { readonly against: SystemName; readonly ratio: number }
  /** Whatever others do. */
  | { readonly bound: number };

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
