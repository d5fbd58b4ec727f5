/** Text from peers. */
import { Disconnection } from './close.ts';

// A byte order mark is kept: neither encoding has one, so it is refused as what it is, or data.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws {Disconnection} `badRequest` when the bytes are no UTF-8. */
export function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new Disconnection('badRequest', { cause: error });
  }
}
