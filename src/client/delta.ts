/** Publications as differences to the one before, in the format of Fossil; an entry of its own. */
import type { Delta } from './options.ts';
import type { Opaque, WirePublication } from './wire.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** For `ChannelOptions.delta`. Where the channel has no deltas it changes nothing. */
export const fossil: Delta = {
  name: 'fossil',
  undo() {
    let previous: Uint8Array = new Uint8Array();
    return ({ data, delta }: WirePublication): Opaque => {
      // With deltas on, JSON comes as the text of its text, and bytes as they are.
      const given: string | Uint8Array = data;
      const isText = typeof given === 'string';
      const bytes = isText ? encoder.encode(given) : given;
      previous = delta === true ? applyDelta(previous, bytes) : bytes;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a codec vouches for it
      return (isText ? JSON.parse(decoder.decode(previous)) : previous) as Opaque;
    };
  },
};

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~';

/**
 * What `delta` makes of `source`.
 * @throws {RangeError} when it does not fit it, or is none.
 */
export function applyDelta(source: Uint8Array, delta: Uint8Array): Uint8Array {
  let at = 0;
  /** A number, and the character after it. */
  const number = (): readonly [number, string] => {
    for (let value = 0; at < delta.length;) {
      const character = String.fromCharCode(delta[at++] ?? 0);
      const digit = DIGITS.indexOf(character);
      if (digit === -1) return [value, character];
      value = value * 64 + digit;
    }
    throw new RangeError('the delta ends too soon');
  };
  const target = new Uint8Array(number()[0]);
  for (let end = 0; ;) {
    const [count, command] = number();
    if (command === ';') {
      if (end !== target.length || count !== checksum(target))
        throw new RangeError('another source');
      return target;
    }
    const from = command === '@' ? number()[0] : at;
    const part = (command === '@' ? source : delta).subarray(from, from + count);
    if (part.length !== count || !'@:'.includes(command)) throw new RangeError('no delta of this');
    target.set(part, end);
    end += count;
    if (command === ':') at += count;
  }
}

/** The sum of the 32-bit numbers that the bytes are, with zeros behind the last. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (const [index, byte] of bytes.entries()) sum = (sum + (byte << (24 - (index % 4) * 8))) >>> 0;
  return sum;
}
