/** How much is delivered: one load after the other, as data. */
import type { Scenario } from '../harness/scenario.ts';
import type { Load } from './load.ts';
import { ONE_ROOM, throughput } from './load.ts';

type Described = Pick<Scenario, 'name' | 'about'> & Partial<Pick<Scenario, 'systems' | 'targets'>>;

const PEERS = ['uws-raw', 'uws-joined', 'uws-joined-push', 'sluice'] as const;

function delivering(described: Described, load: Partial<Load>): Scenario {
  return {
    systems: PEERS,
    targets: [],
    ...described,
    unit: 'deliveries/s',
    better: 'more',
    run: (stage) => throughput(stage, { ...ONE_ROOM, ...load }),
  };
}

const FULL_SPEED = 'one publisher at full speed';
const ONE_AT_A_TIME = 'the next message when all have the last';

function busyChannels(name: string, subscribers: number, targets: Scenario['targets']): Scenario {
  const sockets = subscribers.toLocaleString('en-US');
  return delivering(
    {
      name,
      about: `${sockets} sockets in the same 100 busy channels, 100 B, ${FULL_SPEED}`,
      systems: ['uws-raw', 'uws-joined', 'sluice'],
      targets,
    },
    { subscribers, channels: 100, each: 100 },
  );
}

export const FLOWS: readonly Scenario[] = [
  delivering(
    {
      name: 'fanout',
      about: `1,000 subscribers of one channel, 100 B, ${FULL_SPEED}`,
      targets: [
        { against: 'uws-raw', ratio: 5 },
        { against: 'uws-joined', ratio: 0.9 },
        { against: 'nats', ratio: 3 },
        { against: 'socketio', ratio: 40 },
      ],
    },
    {},
  ),
  delivering(
    { name: 'fanout-1k', about: `1,000 subscribers of one channel, 1 KB, ${FULL_SPEED}` },
    { payloadBytes: 1024 },
  ),
  delivering(
    { name: 'fanout-16k', about: `1,000 subscribers of one channel, 16 KB, ${FULL_SPEED}` },
    { payloadBytes: 16 * 1024 },
  ),
  delivering(
    { name: 'fanout-10000', about: `10,000 subscribers of one channel, 100 B, ${FULL_SPEED}` },
    { subscribers: 10_000 },
  ),
  delivering(
    { name: 'fanout-history', about: `fanout with a history of 100 and recovery` },
    { history: 100 },
  ),
  delivering(
    {
      name: 'fanout-msgpack',
      about: `fanout to readers of JSON, and to readers of MessagePack`,
      systems: ['sluice', 'sluice-msgpack'],
    },
    {},
  ),
  delivering(
    {
      name: 'one',
      about: `1,000 subscribers of one channel, 100 B; ${ONE_AT_A_TIME}`,
      targets: [{ against: 'uws-raw', ratio: 0.95 }],
    },
    { speed: 'one at a time' },
  ),
  delivering(
    {
      name: 'one-10000',
      about: `10,000 subscribers of one channel, 100 B; ${ONE_AT_A_TIME}`,
      targets: [{ against: 'uws-raw', ratio: 0.95 }],
    },
    { subscribers: 10_000, speed: 'one at a time' },
  ),
  delivering(
    {
      name: 'rooms',
      about: '1,000 rooms of 10, 100 B; a member of each publishes, at full speed',
      systems: ['uws-raw', 'uws-joined', 'sluice'],
    },
    { subscribers: 10_000, channels: 1000, publishers: 'members' },
  ),
  busyChannels('channels', 1000, [{ against: 'uws-raw', ratio: 3 }]),
  // Few deliveries for each publication: half of the work is to take publications in.
  busyChannels('channels-100', 100, []),
];
