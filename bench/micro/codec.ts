/** Encodings: one command in, one reply and a hundred publications out. */
import { pack } from 'msgpackr';
import { jsonCodec } from '../../src/protocol/json.ts';
import { msgpackCodec } from '../../src/protocol/msgpack.ts';
import type { Micro } from './micro.ts';
import { dataOf, publications } from './samples.ts';

const json = jsonCodec({ depthMax: 64 });
const msgpack = msgpackCodec({ depthMax: 64 });
const command = { id: 1, publish: { channel: 'room', data: JSON.parse(dataOf(1)) as unknown } };
const frames = { json: Buffer.from(JSON.stringify(command)), msgpack: pack(command) };

export const CODEC: readonly Micro[] = [json, msgpack].flatMap((codec) => [
  {
    name: `codec ${codec.name}: decode a publish`,
    prepare: () => (times) => {
      const frame = frames[codec.name];
      for (let left = times; left > 0; left -= 1) codec.decode(frame);
    },
  },
  {
    name: `codec ${codec.name}: encode a reply`,
    prepare: () => (times) => {
      for (let left = times; left > 0; left -= 1) codec.encode({ type: 'publish', id: left });
    },
  },
  {
    name: `codec ${codec.name}: encode 100 publications`,
    prepare() {
      const batch = publications(100);
      return (times) => {
        for (let left = times; left > 0; left -= 1) codec.publications('room', batch);
      };
    },
  },
  {
    name: `codec ${codec.name}: join 100 messages`,
    prepare() {
      const chunks = publications(100).map((one) => codec.publications('room', [one]));
      const [first, second] = chunks;
      return (times) => {
        for (let left = times; left > 0; left -= 1) {
          // Never the same twice in a row, as the same would not be joined again.
          chunks[0] = (left % 2 === 0 ? first : second) ?? chunks[1] ?? new Uint8Array();
          codec.join([...chunks]);
        }
      };
    },
  },
]);
