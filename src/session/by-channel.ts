/**
 * What a connection has in channels, by their names. Mostly that is one, which then stands for
 * itself: a `Map` of one weighs 250 bytes, and there may be a million.
 */
import type { ChannelName } from '../channel/name.ts';

interface InChannel {
  readonly channel: ChannelName;
}

/** Not to be changed but by what is returned here. */
export type ByChannel<T extends InChannel> = T | Map<ChannelName, T> | null;

export function sizeOf<T extends InChannel>(some: ByChannel<T>): number {
  if (some === null) return 0;
  return some instanceof Map ? some.size : 1;
}

export function find<T extends InChannel>(some: ByChannel<T>, channel: ChannelName): T | null {
  if (some instanceof Map) return some.get(channel) ?? null;
  return some?.channel === channel ? some : null;
}

/** Those that are there now may be taken out meanwhile. */
export function all<T extends InChannel>(some: ByChannel<T>): Iterable<T> {
  if (some === null) return [];
  return some instanceof Map ? some.values() : [some];
}

/** With `one` in the place of another of its channel. */
export function including<T extends InChannel>(some: ByChannel<T>, one: T): ByChannel<T> {
  if (some === null || (!(some instanceof Map) && some.channel === one.channel)) return one;
  const several = some instanceof Map ? some : new Map([[some.channel, some]]);
  return several.set(one.channel, one);
}

export function without<T extends InChannel>(
  some: ByChannel<T>,
  channel: ChannelName,
): ByChannel<T> {
  if (!(some instanceof Map)) return some?.channel === channel ? null : some;
  some.delete(channel);
  return some;
}
