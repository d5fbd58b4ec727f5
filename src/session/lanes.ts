/** Which commands of a connection wait for each other. */
import type { Lane } from '../kernel/mailbox.ts';
import { BARRIER, URGENT } from '../kernel/mailbox.ts';
import type { Command, CommandType } from '../protocol/frames.ts';
import type { Services } from './services.ts';

/** The lane of a channel: what is done there is done in the order it was asked for. */
export function channelLane(channel: string): Lane {
  return { name: channel, width: 1 };
}

/** No channel is called like these: a name has no control character. */
const SEND: Lane = { name: '\0send', width: 1 };
const REFRESH: Lane = { name: '\0refresh', width: 1 };
const RPC_LANE = '\0rpc';

export function laneOf(command: Command, services: Pick<Services, 'limits' | 'rulesOf'>): Lane {
  if (command.type === 'rpc') return { name: RPC_LANE, width: services.limits.rpcConcurrency };
  if (command.type === 'publish') return publishLane(command.channel, services);
  const lane = LANES[command.type];
  return lane ?? channelLane('channel' in command ? command.channel : '');
}

/**
 * What is published reaches the broker in its order, and so need not wait for the answer to what was
 * published before; unless the application is asked in between.
 */
function publishLane(channel: string, { rulesOf }: Pick<Services, 'rulesOf'>): Lane {
  const hook = rulesOf(channel)?.hookPublish ?? null;
  return hook === null ? { name: channel, width: Infinity } : channelLane(channel);
}

/** Null: the lane of the command's channel. */
const LANES: { readonly [T in Exclude<CommandType, 'rpc' | 'publish'>]: Lane | null } = {
  connect: BARRIER,
  subscribe: null,
  presence: null,
  presence_stats: null,
  history: null,
  sub_refresh: null,
  send: SEND,
  refresh: REFRESH,
  // Takes back what it overtakes, so it need not wait for that.
  unsubscribe: URGENT,
  ping: URGENT,
  pong: URGENT,
  invalid: URGENT,
};
