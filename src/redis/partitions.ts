/** Work on all partitions of the names: in a Cluster they are on several servers, each for itself. */
import type { Names } from './names.ts';

export function allPartitions({ partitions }: Names): number[] {
  return Array.from({ length: partitions }, (_, partition) => partition);
}
