/** All connections of a crowd break at once, and come back. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Crowd } from './crowd.ts';
import { publisherOf } from './crowd.ts';
import { Flow } from './flow.ts';
import { Histogram } from './histogram.ts';
import type { Stormed, StormOrder } from './orders.ts';
import { Usage } from './usage.ts';

/** Before and after, everyone only listens. */
const CALM_SECONDS = 1;

export async function storm(order: StormOrder, crowd: Crowd): Promise<Stormed> {
  const { hears, connections } = crowd.order;
  if (hears === null) throw new Error('a crowd that hears nothing misses nothing');
  const { tally } = crowd;
  const publisher = await publisherOf(order, { hears, tally }, { i: 0, of: 1 });
  const pace = { kind: 'rate', perSecond: order.perSecond } as const;
  const flow = new Flow({ pace, payloadBytes: order.payloadBytes }, crowd, [publisher]);
  const latency = new Histogram();
  flow.begin();
  await sleep(CALM_SECONDS * 1000);
  crowd.close();
  await sleep(order.awaySeconds * 1000);
  const usage = new Usage(order.pids);
  await crowd.reopen((ms) => latency.record(ms * 1000));
  const used = usage.pause();
  await sleep(CALM_SECONDS * 1000);
  await flow.end();
  publisher.end();
  return {
    ...used,
    returned: connections,
    latency: latency.sparse(),
    published: tally.sent,
    ...flow.outcome(),
  };
}
