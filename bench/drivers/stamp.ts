/** What a driver publishes: JSON of an exact size with its number, its stream and its time at fixed places. */

const SEQ_DIGITS = 10;
const STREAM_DIGITS = 5;
const TIME_DIGITS = 16;

/** Begins each message; found again in whatever frame a system puts around it. */
export const MARK = Buffer.from('"n":"');
/** The mark as one number, for a comparison without a call. Its last byte is left out. */
export const MARK_WORD = MARK.readUInt32LE(0);

const STREAM_AT = MARK.length + SEQ_DIGITS + '","s":"'.length;
const TIME_AT = STREAM_AT + STREAM_DIGITS + '","t":"'.length;
/** From the mark to the end of the time. */
export const STAMP_BYTES = TIME_AT + TIME_DIGITS;
const MESSAGE_BYTES_MIN = stamped({ seq: 0, stream: 0, timeUs: 0 }, '').length;

/** The messages of one publisher are a stream: they are numbered from 1. */
export interface Stamp {
  readonly seq: number;
  readonly stream: number;
  readonly timeUs: number;
}

/** Makes messages of exactly `bytes` bytes. */
export function stamper(bytes: number): (stamp: Stamp) => string {
  if (bytes < MESSAGE_BYTES_MIN) {
    throw new Error(`a message has at least ${MESSAGE_BYTES_MIN} bytes`);
  }
  const padding = 'x'.repeat(bytes - MESSAGE_BYTES_MIN);
  return (stamp) => stamped(stamp, padding);
}

function stamped({ seq, stream, timeUs }: Stamp, padding: string): string {
  const n = String(seq).padStart(SEQ_DIGITS, '0');
  const s = String(stream).padStart(STREAM_DIGITS, '0');
  const t = String(Math.floor(timeUs)).padStart(TIME_DIGITS, '0');
  return `{"n":"${n}","s":"${s}","t":"${t}","p":"${padding}"}`;
}

/** `mark` is where the mark begins. */
export function seqAt(bytes: Uint8Array, mark: number): number {
  return digits(bytes, mark + MARK.length, SEQ_DIGITS);
}

export function streamAt(bytes: Uint8Array, mark: number): number {
  return digits(bytes, mark + STREAM_AT, STREAM_DIGITS);
}

export function timeAt(bytes: Uint8Array, mark: number): number {
  return digits(bytes, mark + TIME_AT, TIME_DIGITS);
}

function digits(bytes: Uint8Array, from: number, count: number): number {
  let value = 0;
  for (let at = from; at < from + count; at += 1) value = value * 10 + (bytes[at] ?? 0) - 0x30;
  return value;
}
