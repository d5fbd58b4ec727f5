/** Work on all partitions of the names: in a Cluster they are on several servers, each for itself. */
import { RedisAway } from './errors.ts';
import type { Names } from './names.ts';

export function allPartitions({ partitions }: Names): number[] {
  return Array.from({ length: partitions }, (_, partition) => partition);
}

/**
 * One partition after the other. One that is on a server that is away does not hold up the rest; the
 * first such failure is returned. @throws what else fails.
 */
export async function eachPartition(
  partitions: Iterable<number>,
  work: (partition: number) => Promise<void>,
): Promise<RedisAway | null> {
  let failure: RedisAway | null = null;
  for (const partition of partitions) {
    try {
      await work(partition);
    } catch (error) {
      if (!(error instanceof RedisAway)) throw error;
      failure ??= error;
    }
  }
  return failure;
}
