/** The workers that are one on a port, as one of them sees the others. */
import type { Readings } from './metrics.ts';

export interface Crew {
  /** Which of them this one is: 1, 2, 3, … */
  readonly worker: number;
  /** `read` gives what this one counted, whenever another is asked for all. To be called once. */
  tell(read: () => Promise<Readings>): void;
  /** What all of them counted; without those that do not answer within a second. */
  readings(): Promise<readonly Readings[]>;
}
