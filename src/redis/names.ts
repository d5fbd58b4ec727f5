/** What things are called in Redis: keys, and channels of the bus. */
import { SLOTS, slotOfTag } from './slot.ts';

/**
 * In a Cluster all that belongs to one channel lies in one slot, and channels share slots by
 * partition, so that those of one slot can be subscribed to in one command. The number can never
 * change: names are made with it.
 */
const PARTITIONS = 128;

export interface Names {
  readonly partitions: number;
  /** What a name in the partition begins with. */
  prefixOf(partition: number): string;
  /** The same for names on the bus. */
  busPrefixOf(partition: number): string;
  partitionOf(channel: string): number;
  /** A key of the channel; `kind` tells its keys apart. */
  key(kind: string, channel: string): string;
  /** The bus does not know databases, so their numbers are part of its names. */
  bus(kind: string, channel: string): string;
}

export function namesOf(prefix: string, { cluster, db }: { cluster: boolean; db: number }): Names {
  const bus = db === 0 ? prefix : `${prefix}@${db}`;
  const tags = cluster ? tagsOf(PARTITIONS) : [''];
  const tag = (partition: number): string => tags[partition] ?? '';
  const partitionOf = (channel: string): number => (cluster ? hashOf(channel) % PARTITIONS : 0);
  return {
    partitions: cluster ? PARTITIONS : 1,
    prefixOf: (partition) => `${prefix}:${tag(partition)}`,
    busPrefixOf: (partition) => `${bus}:${tag(partition)}`,
    partitionOf,
    key: (kind, channel) => `${prefix}:${tag(partitionOf(channel))}${kind}:${channel}`,
    bus: (kind, channel) => `${bus}:${tag(partitionOf(channel))}${kind}:${channel}`,
  };
}

/**
 * For each partition the least number whose slot is in the partition's part of the slots: so they
 * lie evenly over all masters, however many there are. Of 12 masters each has 10 or 11 of 128; with
 * the numbers 0 to 127 it would be 5 to 17.
 */
function tagsOf(partitions: number): string[] {
  const tags = new Map<number, string>();
  for (let number = 0; tags.size < partitions; number += 1) {
    const partition = Math.floor(slotOfTag(String(number)) / (SLOTS / partitions));
    if (!tags.has(partition)) tags.set(partition, `{${number}}`);
  }
  return Array.from({ length: partitions }, (_, partition) => tags.get(partition) ?? '');
}

/** FNV-1a over UTF-16 units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
