/** Chunks in a row, as several outboxes were given them. */

/**
 * In a turn all who hear the same channels are sent the same: they go along one chain, and share its
 * frame. One who is sent something else branches off.
 */
export class Chain {
  readonly #chunk: Uint8Array;
  readonly #before: Chain | null;
  /** The last that went on from here. */
  #after: Chain | null = null;
  #frame: Uint8Array | null = null;

  constructor(chunk: Uint8Array, before: Chain | null) {
    this.#chunk = chunk;
    this.#before = before;
  }

  /** The chain with a chunk more. */
  and(chunk: Uint8Array): Chain {
    const known = this.#after;
    if (known !== null && known.#chunk === chunk) return known;
    const after = new Chain(chunk, this);
    this.#after = after;
    return after;
  }

  endsWith(chunk: Uint8Array): boolean {
    return this.#chunk === chunk;
  }

  chunks(): readonly Uint8Array[] {
    const chunks = [this.#chunk];
    for (let link = this.#before; link !== null; link = link.#before) chunks.push(link.#chunk);
    return chunks.toReversed();
  }

  /** Joined once, for all who came along here; nobody may change it. */
  frame(join: (chunks: readonly Uint8Array[]) => Uint8Array): Uint8Array {
    this.#frame ??= join(this.chunks());
    return this.#frame;
  }
}

/**
 * Where chains began: the one that many go along, and the last other. An author has a reply before
 * what all others have, and may stand anywhere among them.
 */
let main: Chain | null = null;
let other: Chain | null = null;

export function chainOf(first: Uint8Array, second: Uint8Array): Chain {
  if (main?.endsWith(first) === true) return main.and(second);
  const begun = other?.endsWith(first) === true ? other : new Chain(first, null);
  // Who is met a second time has followers.
  if (begun === other) [main, other] = [begun, main];
  else other = begun;
  return begun.and(second);
}
