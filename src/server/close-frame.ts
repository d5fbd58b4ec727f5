/** What a close frame may say, for both edges. */
import { assert } from '../kernel/assert.ts';
import { CLOSE_REASON_BYTES_MAX } from '../protocol/close.ts';

/** The codes of RFC 6455 §7.4.1 that an edge gives by itself. */
export const CLOSE = {
  protocolError: 1002,
  abnormal: 1006,
  notText: 1007,
  policy: 1008,
  tooLarge: 1009,
} as const;

const encoder = new TextEncoder();
const room = new Uint8Array(CLOSE_REASON_BYTES_MAX);

/** Asserts that `code` may be sent, and cuts `reason` to what fits, between two characters. */
export function closeReason(code: number, reason: string): string {
  assert(isSendable(code), `${code} may stand in a close frame`);
  return reason.slice(0, encoder.encodeInto(reason, room).read);
}

/** RFC 6455 §7.4: 1004 to 1006 and 1015 only stand for what was seen. */
function isSendable(code: number): boolean {
  return (
    (code >= 1000 && code <= 1003) ||
    (code >= 1007 && code <= 1014) ||
    (code >= 3000 && code <= 4999)
  );
}
