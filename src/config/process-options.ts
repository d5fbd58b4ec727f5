/** The options of the process: how it ends. */
import { duration } from './measures.ts';
import { option } from './option.ts';

export const PROCESS_OPTIONS = {
  // Together less than the 30 s that Kubernetes gives a container that is to end.
  drainDelay: option('drain.delay', duration(0), {
    default: '5s',
    dev: '0s',
    means:
      'after SIGTERM: how long it serves on while it is not ready, so that load balancers notice',
  }),
  drainTimeout: option('drain.timeout', duration(0), {
    default: '20s',
    dev: '0s',
    means: 'over how long it closes its clients then, evenly, so that others are not stormed',
  }),
} as const;
