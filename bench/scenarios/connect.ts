/** How fast clients come: the upgrade, the token, and one subscription. */
import type { Measure, Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';
import { costs, doubtOf, histogramOf, WARMUP_SECONDS } from './measure.ts';

const CONNECTIONS = 2000;
/** On their way at once, and so waiting for each other. */
const AT_ONCE = 100;

async function measure(stage: Stage): Promise<Measure> {
  const system = await stage.system();
  const connected = await stage.driver().ask({
    do: 'connect',
    ...system.address(),
    connections: CONNECTIONS,
    hears: { channel: 'room', channels: 1, each: 1 },
    atOnce: AT_ONCE,
    warmupSeconds: WARMUP_SECONDS,
    seconds: stage.options.seconds,
    pids: system.pids,
  });
  return {
    main: Math.round(connected.connections / connected.seconds),
    figures: costs(connected, connected.connections, system),
    latency: histogramOf(connected.latency),
    lost: 0,
    doubt: doubtOf(connected, ''),
  };
}

export const CONNECT: Scenario = {
  name: 'connect',
  about: 'connections with an HS256 token and one subscription; of uws-upgrade upgrades alone',
  unit: 'connections/s',
  better: 'more',
  systems: ['uws-upgrade', 'uws-raw', 'sluice'],
  targets: [{ against: 'uws-upgrade', ratio: 0.6 }],
  run: measure,
};
