/** All scenarios, in the order in which they run. */
import type { Scenario } from '../harness/scenario.ts';
import { CONNECT } from './connect.ts';
import { FLOWS } from './flows.ts';
import { IDLE } from './idle-memory.ts';
import { LATENCIES } from './latency.ts';
import { SHARED } from './redis.ts';
import { REQUESTS } from './requests.ts';
import { SLOW } from './slow.ts';
import { STORM } from './storm.ts';

export const SCENARIOS: readonly Scenario[] = [
  ...FLOWS,
  ...LATENCIES,
  ...SLOW,
  CONNECT,
  STORM,
  ...REQUESTS,
  ...SHARED,
  ...IDLE,
];
