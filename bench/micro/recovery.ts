/** What somebody missed who comes back: found, and written. */
import { missedSince } from '../../src/channel/recovery.ts';
import { jsonCodec } from '../../src/protocol/json.ts';
import type { Micro } from './micro.ts';
import { publications } from './samples.ts';

const MISSED = 100;
const since = { offset: 900, epoch: 'epoch' };
const top = { offset: since.offset + MISSED, epoch: since.epoch };

export const RECOVERY: readonly Micro[] = [
  {
    name: `recovery: find ${MISSED} that were missed`,
    prepare() {
      const page = { publications: publications(MISSED, since.offset + 1), top };
      return (times) => {
        for (let left = times; left > 0; left -= 1) missedSince(since, page, [], top);
      };
    },
  },
  {
    name: `recovery: write a reply with ${MISSED}`,
    prepare() {
      const codec = jsonCodec({ depthMax: 64 });
      const missed = publications(MISSED, since.offset + 1);
      const result = {
        expires: false,
        ttl: 0,
        recoverable: true,
        positioned: false,
        ...top,
        recovered: true,
        publications: missed,
        wasRecovering: true,
        data: null,
        delta: false,
      };
      return (times) => {
        for (let left = times; left > 0; left -= 1) {
          codec.encode({ type: 'subscribe', id: left, result });
        }
      };
    },
  },
];
