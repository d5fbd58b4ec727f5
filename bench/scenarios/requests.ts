/** Requests at full speed: each connection asks again when it is answered. */
import type { ExchangeOrder } from '../drivers/orders.ts';
import type { Measure, Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';
import { costs, doubtOf, histogramOf, WARMUP_SECONDS } from './measure.ts';

const PAYLOAD_BYTES = 100;

async function measure(
  stage: Stage,
  by: ExchangeOrder['by'],
  connections: number,
): Promise<Measure> {
  const system = await stage.system();
  const driver = stage.driver();
  const address = system.address();
  // One hears all that is published: what is answered and does not come is lost.
  if (by === 'http') {
    await driver.ask({
      do: 'open',
      ...address,
      crowd: 'fast',
      connections: 1,
      firstIndex: 0,
      hears: { channel: 'room', channels: 1, each: 1 },
      speakers: 0,
      atOnce: 1,
    });
  }
  const exchanged = await driver.ask({
    do: 'exchange',
    ...address,
    by,
    connections,
    payloadBytes: PAYLOAD_BYTES,
    apiKey: stage.apiKey,
    warmupSeconds: WARMUP_SECONDS,
    seconds: stage.options.seconds,
    pids: system.pids,
  });
  return {
    main: Math.round(exchanged.answers / exchanged.seconds),
    figures: costs(exchanged, exchanged.answers, system),
    latency: histogramOf(exchanged.latency),
    lost: exchanged.lost,
    doubt: doubtOf(exchanged, exchanged.problem),
  };
}

const common = {
  unit: 'answers/s',
  better: 'more',
  systems: ['uws-echo', 'sluice'],
} as const;

export const REQUESTS: readonly Scenario[] = [
  {
    ...common,
    name: 'rpc',
    about: 'rpc of 100 connections, 100 B there and back; uws-echo parses and prints JSON',
    targets: [{ against: 'uws-echo', ratio: 0.7 }],
    run: (stage) => measure(stage, 'rpc', 100),
  },
  {
    ...common,
    name: 'api',
    about: 'publish over HTTP on 50 kept connections, 100 B; uws-echo parses and prints JSON',
    targets: [{ against: 'uws-echo', ratio: 0.5 }],
    run: (stage) => measure(stage, 'http', 50),
  },
];
