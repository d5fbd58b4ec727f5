/** The protocol as MessagePack: the same maps and names as in JSON, one message after the other. */
import { check, envelope } from './check.ts';
import type { Codec } from './codec.ts';
import type { Command } from './frames.ts';
import { joiner } from './join.ts';
import { Packer } from './pack.ts';
import { Unpacker } from './unpack.ts';
import { publicationPush, wireOf } from './wire.ts';

export interface MsgpackOptions {
  /** How deep arrays and maps of one message may be nested. */
  readonly depthMax: number;
}

export function msgpackCodec({ depthMax }: MsgpackOptions): Codec {
  const packer = new Packer();
  return {
    name: 'msgpack',
    binary: true,
    decode: (frame) => decode(frame, depthMax),
    encode: (message) => packer.pack([wireOf(message)]),
    publications: (channel, publications) =>
      packer.pack(publications.map((one) => publicationPush(channel, one))),
    join: joiner(null),
  };
}

function decode(frame: Uint8Array, depthMax: number): readonly Command[] {
  const commands: Command[] = [];
  const unpacker = new Unpacker(frame, depthMax);
  do {
    const start = unpacker.position;
    const message = envelope(unpacker.message());
    commands.push(check(message, unpacker.position - start));
  } while (unpacker.position < frame.length);
  return commands;
}
