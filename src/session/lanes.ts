/** Which commands of a connection wait for each other. */
import type { Lane } from '../kernel/mailbox.ts';
import { BARRIER, URGENT } from '../kernel/mailbox.ts';
import type { Command, CommandType } from '../protocol/frames.ts';

/** The lane of a channel: what is done there is done in the order it was asked for. */
export function channelLane(channel: string): Lane {
  return { name: channel, width: 1 };
}

/** No channel is called like these: a name has no control character. */
const SEND: Lane = { name: '\0send', width: 1 };
const REFRESH: Lane = { name: '\0refresh', width: 1 };
const RPC_LANE = '\0rpc';

export function laneOf(command: Command, rpcConcurrency: number): Lane {
  if (command.type === 'rpc') return { name: RPC_LANE, width: rpcConcurrency };
  const lane = LANES[command.type];
  return lane ?? channelLane('channel' in command ? command.channel : '');
}

/** Null: the lane of the command's channel. */
const LANES: { readonly [T in CommandType]: Lane | null } = {
  connect: BARRIER,
  subscribe: null,
  publish: null,
  presence: null,
  presence_stats: null,
  history: null,
  sub_refresh: null,
  rpc: null,
  send: SEND,
  refresh: REFRESH,
  // Takes back what it overtakes, so it need not wait for that.
  unsubscribe: URGENT,
  ping: URGENT,
  pong: URGENT,
  invalid: URGENT,
};
