/** What a driver publishes: JSON of an exact size with its number and its time at fixed places. */

const SEQ_DIGITS = 10;
const TIME_DIGITS = 16;

/** Begins each message; found again in whatever frame a system puts around it. */
export const MARK = Buffer.from('"n":"');
/** The mark as one number, for a comparison without a call. Its last byte is left out. */
export const MARK_WORD = MARK.readUInt32LE(0);

const TIME_AT = MARK.length + SEQ_DIGITS + '","t":"'.length;
const FRAME_BYTES = stamped(0, 0, '').length;

/** `stamp` makes messages of exactly `bytes` bytes. */
export function stamper(bytes: number): (seq: number, timeUs: number) => string {
  if (bytes < FRAME_BYTES) throw new Error(`a message has at least ${FRAME_BYTES} bytes`);
  const padding = 'x'.repeat(bytes - FRAME_BYTES);
  return (seq, timeUs) => stamped(seq, timeUs, padding);
}

function stamped(seq: number, timeUs: number, padding: string): string {
  const n = String(seq).padStart(SEQ_DIGITS, '0');
  const t = String(Math.floor(timeUs)).padStart(TIME_DIGITS, '0');
  return `{"n":"${n}","t":"${t}","p":"${padding}"}`;
}

/** `mark` is where the mark begins. */
export function seqAt(bytes: Uint8Array, mark: number): number {
  return digits(bytes, mark + MARK.length, SEQ_DIGITS);
}

export function timeAt(bytes: Uint8Array, mark: number): number {
  return digits(bytes, mark + TIME_AT, TIME_DIGITS);
}

function digits(bytes: Uint8Array, from: number, count: number): number {
  let value = 0;
  for (let at = from; at < from + count; at += 1) value = value * 10 + (bytes[at] ?? 0) - 0x30;
  return value;
}
