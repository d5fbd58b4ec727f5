/** An encoding of the protocol. A codec has no state: one serves all connections. */
import type { Command, Publication, ServerMessage } from './frames.ts';

export interface Codec {
  readonly name: 'json' | 'msgpack';
  /** Whether its frames are binary WebSocket messages. */
  readonly binary: boolean;
  /**
   * The commands of one frame, in order. What can be answered but not carried out is an `invalid`
   * command; nothing of the result points into `frame`.
   * @throws {Disconnection} `badRequest` when the frame is empty or cannot be told apart.
   */
  decode(frame: Uint8Array): readonly Command[];
  encode(message: ServerMessage): Uint8Array;
  /** The pushes of several publications of one channel, joined. */
  publications(channel: string, publications: readonly Publication[]): Uint8Array;
  /** Several encoded messages as one frame. */
  readonly join: (chunks: readonly Uint8Array[]) => Uint8Array;
}
