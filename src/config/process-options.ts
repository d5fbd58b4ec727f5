/** The options of the process: how many there are, and how they end. */
import { kind } from './kinds.ts';
import { duration, integer } from './measures.ts';
import { option } from './option.ts';

const WORKERS_MAX = 256;
const number = integer(1, WORKERS_MAX);

const workers = kind<number | 'auto'>({
  name: 'integer|auto',
  allowed: `a whole number from 1 to ${WORKERS_MAX}, or auto`,
  schema: { anyOf: [number.schema, { const: 'auto' }] },
  parse(value) {
    if (value === 'auto') return value;
    const reading = number.read(value);
    return reading.ok ? reading.value : undefined;
  },
  fromText: (given) => number.fromText(given),
});

export const PROCESS_OPTIONS = {
  workers: option('workers', workers, {
    default: 1,
    means:
      'gateways on one port, each a process with limits of its own; several need Redis, Linux and ' +
      'Node 22.12; auto is one for each core if there is a Redis',
  }),
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
    means:
      'over how long it closes its clients then, evenly, so that others are not stormed; and how long requests under way may take to be answered',
  }),
} as const;
