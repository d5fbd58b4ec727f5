/** Where in a Cluster a name belongs: of 16,384 slots the one that what stands in its braces gives. */

export const SLOTS = 16_384;

/** Slots by tag. There is one tag for each partition of our names, so it stays small. */
const known = new Map<string, number>();

/** `name` has a tag, as all names of ours have in a Cluster. */
export function slotOf(name: string): number {
  const from = name.indexOf('{') + 1;
  const tag = name.slice(from, name.indexOf('}', from));
  let slot = known.get(tag);
  if (slot === undefined) {
    slot = slotOfTag(tag);
    known.set(tag, slot);
  }
  return slot;
}

/** CRC-16/XMODEM, as the specification of Redis Cluster has it. */
export function slotOfTag(tag: string): number {
  let crc = 0;
  for (const byte of new TextEncoder().encode(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    }
    crc &= 0xffff;
  }
  return crc % SLOTS;
}
