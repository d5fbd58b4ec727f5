/** All clients are cut at once, come back, and want what they missed. */
import type { Measure, Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';
import { costs, doubtOf, histogramOf } from './measure.ts';

const CLIENTS = 5000;
const PER_SECOND = 10;
const AWAY_SECONDS = 2;
/** As many as a gateway gives back to one client: enough for half a minute away. */
const HISTORY = 300;
const AT_ONCE = 200;

async function measure(stage: Stage): Promise<Measure> {
  const system = await stage.system({ history: HISTORY });
  const driver = stage.driver();
  const address = system.address();
  await driver.ask({
    do: 'open',
    ...address,
    crowd: 'fast',
    connections: CLIENTS,
    firstIndex: 0,
    hears: { channel: 'room', channels: 1, each: 1 },
    speakers: 0,
    atOnce: AT_ONCE,
  });
  const stormed = await driver.ask({
    do: 'storm',
    ...address,
    perSecond: PER_SECOND,
    payloadBytes: 100,
    awaySeconds: AWAY_SECONDS,
    atOnce: AT_ONCE,
    pids: system.pids,
  });
  const { returned, seconds, published, lost, disordered } = stormed;
  return {
    main: Math.round(returned / seconds),
    figures: { 'lost/client': lost / CLIENTS, published, ...costs(stormed, returned, system) },
    latency: histogramOf(stormed.latency),
    lost: lost + disordered,
    doubt: doubtOf(stormed, stormed.problem),
  };
}

export const STORM: Scenario = {
  name: 'storm',
  about:
    '5,000 clients of one channel are cut at once and come back 2 s later, 10 messages a second',
  unit: 'clients back/s',
  better: 'more',
  systems: ['uws-raw', 'sluice'],
  targets: [],
  run: measure,
};
