/** The protocol as MessagePack, an entry of its own: for data with bytes, which JSON does not have. */
import { Packer } from '../protocol/pack.ts';
import type { Chunk, Codec, Frame } from './codec.ts';
import { Unpacker } from './unpack.ts';
import type { Reply } from './wire.ts';

const packer = new Packer();

/**
 * Data are JSON values in which a `Uint8Array` may stand anywhere. Only data that is bytes as a
 * whole comes as such to everyone; to readers of JSON it is a base64 string.
 */
export const msgpack: Codec = {
  protocol: 'sluice-msgpack',
  encode: (message) => packer.pack([message]),
  join,
  decode(frame) {
    if (!(frame instanceof ArrayBuffer)) throw new TypeError('text where bytes were expected');
    const unpacker = new Unpacker(frame);
    const replies: Reply[] = [];
    while (!unpacker.isDone) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a codec vouches for it
      replies.push(unpacker.value() as Reply);
    }
    return replies;
  },
};

function join(chunks: readonly Chunk[]): Frame {
  const frame = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    if (typeof chunk !== 'string') frame.set(chunk, at);
    at += chunk.length;
  }
  return frame;
}
