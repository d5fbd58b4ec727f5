/** What a gateway carries: its channels and its connections, counted. */
import type { ChannelName } from '../channel/name.ts';
import type { Hub } from '../hub/hub.ts';
import type { Roster } from '../hub/roster.ts';
import { fits } from './glob.ts';
import { walk } from './walk.ts';

/** Who and what is on this gateway. */
export interface Residents {
  readonly node: { readonly uid: string; readonly name: string; readonly version: string };
  readonly hub: Pick<Hub, 'channels' | 'subscribersOf' | 'size'>;
  readonly roster: Roster;
}

export interface Channels {
  readonly channels: ReadonlyMap<ChannelName, { readonly numClients: number }>;
  /** There are more than the answer holds. */
  readonly truncated: boolean;
}

export interface NodeInfo {
  readonly uid: string;
  readonly name: string;
  readonly version: string;
  readonly numClients: number;
  readonly numUsers: number;
  readonly numSubs: number;
  readonly numChannels: number;
  readonly uptimeMs: number;
}

/** Channels in one answer: some megabytes with the longest names. */
export const CHANNELS_MAX = 10_000;

/** An empty pattern is that of every channel. */
export async function channelsOf(hub: Residents['hub'], pattern: string): Promise<Channels> {
  const channels = new Map<ChannelName, { readonly numClients: number }>();
  let truncated = false;
  await walk([...hub.channels()], (channel) => {
    const numClients = hub.subscribersOf(channel);
    // A channel that somebody is about to join has no subscribers yet.
    if (numClients === 0 || (pattern !== '' && !fits(channel, pattern))) return true;
    truncated = channels.size === CHANNELS_MAX;
    if (!truncated) channels.set(channel, { numClients });
    return !truncated;
  });
  return { channels, truncated };
}

export async function nodeInfo(
  { node, hub, roster }: Residents,
  uptimeMs: number,
): Promise<NodeInfo> {
  let numSubs = 0;
  await walk([...hub.channels()], (channel) => {
    numSubs += hub.subscribersOf(channel);
    return true;
  });
  const numClients = roster.size;
  const numUsers = roster.users;
  return { ...node, numClients, numUsers, numSubs, numChannels: hub.size, uptimeMs };
}
