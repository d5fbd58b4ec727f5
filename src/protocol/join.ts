/** Several encoded messages as one frame. */

/**
 * `separator` is a byte that stands between them. One chunk alone is given back as it is; and the
 * chunks of the frame before give that frame again, for in a turn all who hear the same channels
 * are sent the same. So nobody may change a frame.
 */
export function joiner(separator: number | null): (chunks: readonly Uint8Array[]) => Uint8Array {
  let before: readonly Uint8Array[] = [];
  let frame = new Uint8Array();
  return (chunks) => {
    const [first] = chunks;
    if (first !== undefined && chunks.length === 1) return first;
    if (!isSame(chunks, before)) {
      before = chunks;
      frame = join(chunks, separator);
    }
    return frame;
  };
}

function join(chunks: readonly Uint8Array[], separator: number | null): Uint8Array<ArrayBuffer> {
  const gap = separator === null ? 0 : 1;
  let length = gap * Math.max(0, chunks.length - 1);
  for (const chunk of chunks) length += chunk.length;
  const joined = new Uint8Array(length).fill(separator ?? 0);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length + gap;
  }
  return joined;
}

/** The same objects, not only the same bytes: different ones differ at the first. */
function isSame(chunks: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return chunks.length === others.length && chunks.every((chunk, at) => chunk === others[at]);
}
