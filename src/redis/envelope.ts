/**
 * What travels on the bus, and what is not ours there. A message begins with the version and its
 * kind; what scripts put before the payload is text, so that Lua can write it:
 *
 *     1p<offset>:<epoch>:   then publications, each after its length in four bytes
 *     1j  1l                then who came or left
 *     1c                    then a control
 */
import type { Data } from '../kernel/data.ts';
import type { Reader } from './bytes.ts';
import { Malformed, Writer } from './bytes.ts';

const VERSION = '1';

const KINDS = { publications: 'p', join: 'j', leave: 'l', control: 'c' } as const;
export type EnvelopeKind = keyof typeof KINDS;

/** What a message of the kind begins with. */
export function headOf(kind: EnvelopeKind): string {
  return VERSION + KINDS[kind];
}

export const HEAD_BYTES = 2;

/** @throws {Malformed} for what is not ours, or of another version. */
export function kindOf(message: Buffer): EnvelopeKind {
  const head = message.toString('latin1', 0, HEAD_BYTES);
  switch (head) {
    case '1p':
      return 'publications';
    case '1j':
      return 'join';
    case '1l':
      return 'leave';
    case '1c':
      return 'control';
    default:
      throw new Malformed('a message that no gateway of this version writes');
  }
}

/** Who a client is: the form of `ClientInfo`, which this folder cannot see. */
export interface Who {
  readonly client: string;
  readonly user: string;
  readonly connInfo: Data | null;
  readonly chanInfo: Data | null;
}

export function writeWho(writer: Writer, who: Who): void {
  writer.text(who.client);
  writer.text(who.user);
  writer.data(who.connInfo);
  writer.data(who.chanInfo);
}

/** @throws {Malformed} */
export function readWho(reader: Reader): Who {
  return {
    client: reader.text(),
    user: reader.text(),
    connInfo: reader.data(),
    chanInfo: reader.data(),
  };
}

export function whoBytes(who: Who): Buffer {
  const writer = new Writer();
  writeWho(writer, who);
  return writer.take();
}
