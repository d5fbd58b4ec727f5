/** All scenarios, in the order in which they run. */
import type { Scenario } from '../harness/scenario.ts';
import { fanout, fanoutHistory, fanoutOne } from './fanout.ts';
import { idleMemory, idleMemoryEach } from './idle-memory.ts';

export const SCENARIOS: readonly Scenario[] = [
  fanout,
  fanoutOne,
  fanoutHistory,
  idleMemory,
  idleMemoryEach,
];
