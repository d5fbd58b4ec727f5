/** Publications to subscribers without sockets: what is left is our loop. */
import { Audience } from '../../src/hub/audience.ts';
import type { Encoder, Subscriber } from '../../src/hub/subscriber.ts';
import { Turn } from '../../src/kernel/turn.ts';
import { jsonCodec } from '../../src/protocol/json.ts';
import type { Micro } from './micro.ts';
import { publications } from './samples.ts';

class Deaf implements Subscriber {
  readonly encoder: Encoder;
  readonly delta = false;
  readonly deltaReady = false;
  readonly joinLeave = false;
  bytes = 0;

  constructor(encoder: Encoder) {
    this.encoder = encoder;
  }

  deliver(bytes: Uint8Array): void {
    this.bytes += bytes.length;
  }

  notify(): void {}

  lost(): void {}
}

const fanOut = (subscribers: number, batch: number): Micro => ({
  name: `fan-out: a turn of ${batch} to ${subscribers}`,
  prepare() {
    const turn = new Turn(() => undefined);
    const audience = new Audience('room', { turn, flushBytes: Infinity });
    const encoder = jsonCodec({ depthMax: 64 });
    for (let left = subscribers; left > 0; left -= 1) {
      audience.add(new Deaf(encoder));
    }
    const turnful = publications(batch);
    return (times) => {
      for (let left = times; left > 0; left -= 1) {
        for (const one of turnful) audience.publish(one);
        turn.flush();
      }
    };
  },
});

export const FAN_OUT: readonly Micro[] = [fanOut(10, 1), fanOut(1000, 1), fanOut(1000, 100)];
