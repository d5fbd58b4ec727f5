/** The ids of clients: not to be guessed, and short, for whatever a client publishes carries its own. */
import { randomFillSync } from 'node:crypto';

/** 95 bits, in 16 characters: of ten million ids two are the same once in 10^14 times. */
const BYTES = 12;

/** Random bytes are cheaper by the thousand. */
const pool = Buffer.alloc(BYTES * 1024);
let used = pool.length;

export function newClientId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const from = used;
  used += BYTES;
  // Without a dash: where one comes first, a command line takes the id for an option.
  return pool.toString('base64url', from, used).replaceAll('-', 'x').replaceAll('_', 'y');
}
