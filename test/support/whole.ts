/** When Redis is there with all that it has: each server of a Cluster comes up by itself. */
import { expect, vi } from 'vitest';
import { allPartitions } from '../../src/redis/partitions.ts';
import type { Redis } from '../../src/redis/redis.ts';

const PATIENTLY = { timeout: 15_000, interval: 10 };

/** Done when every partition can be asked, and is heard. */
export async function whole({ link, bus, names }: Redis): Promise<void> {
  await vi.waitFor(async () => {
    for (const partition of allPartitions(names)) {
      const name = names.prefixOf(partition);
      await link.call('EXISTS', name);
      expect(bus.hears(name)).toBe(true);
    }
  }, PATIENTLY);
}
