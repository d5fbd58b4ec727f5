/** An encoding of the protocol, and the one that is always there: JSON. */
import type { Reply } from './wire.ts';

/** One message, encoded. */
export type Chunk = string | Uint8Array;

/** What a WebSocket sends. */
export type Frame = string | Uint8Array<ArrayBuffer>;

/** Has no state: one serves any number of clients. */
export interface Codec {
  /** The WebSocket subprotocol to ask for; '' is none. */
  readonly protocol: string;
  /** Fields that are undefined are left out. @throws when there is a value it cannot carry. */
  encode(message: Readonly<Record<string, unknown>>): Chunk;
  /** Several messages as one frame. */
  join(chunks: readonly Chunk[]): Frame;
  /** What a WebSocket gave: text or an ArrayBuffer. @throws when it cannot be read. */
  decode(frame: unknown): readonly Reply[];
}

/** One message per line. Bytes in data are not for it: `msgpack` of `sluice/client/msgpack` is. */
export const json: Codec = {
  protocol: '',
  encode: (message) => JSON.stringify(message),
  join: (chunks) => chunks.join('\n'),
  decode: (frame) =>
    String(frame)
      .trimEnd()
      .split('\n')
      .map((line): Reply => JSON.parse(line)),
};
