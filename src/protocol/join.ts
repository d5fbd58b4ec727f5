/** Several encoded messages as one frame. */

/** `separator` is a byte that stands between them. One chunk alone is given back as it is. */
export function joiner(separator: number | null): (chunks: readonly Uint8Array[]) => Uint8Array {
  return (chunks) => {
    const [first] = chunks;
    return first !== undefined && chunks.length === 1 ? first : join(chunks, separator);
  };
}

function join(chunks: readonly Uint8Array[], separator: number | null): Uint8Array {
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
