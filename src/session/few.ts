/**
 * What a connection has in channels, by their names. Mostly that is one, which then stands for
 * itself: a `Map` of one weighs 250 bytes, and there may be a million.
 */
import type { ChannelName } from '../channel/name.ts';

interface InChannel {
  readonly channel: ChannelName;
}

/** Not to be changed but by what is returned here. */
export type Few<T extends InChannel> = T | Map<ChannelName, T> | null;

export function sizeOf<T extends InChannel>(few: Few<T>): number {
  if (few === null) return 0;
  return few instanceof Map ? few.size : 1;
}

export function find<T extends InChannel>(few: Few<T>, channel: ChannelName): T | null {
  if (few instanceof Map) return few.get(channel) ?? null;
  return few?.channel === channel ? few : null;
}

/** Those that are there now may be taken out meanwhile. */
export function all<T extends InChannel>(few: Few<T>): Iterable<T> {
  if (few === null) return [];
  return few instanceof Map ? few.values() : [few];
}

/** With `one` in the place of another of its channel. */
export function including<T extends InChannel>(few: Few<T>, one: T): Few<T> {
  if (few === null || (!(few instanceof Map) && few.channel === one.channel)) return one;
  const several = few instanceof Map ? few : new Map([[few.channel, few]]);
  return several.set(one.channel, one);
}

export function without<T extends InChannel>(few: Few<T>, channel: ChannelName): Few<T> {
  if (!(few instanceof Map)) return few?.channel === channel ? null : few;
  few.delete(channel);
  return few;
}
