/** How the server may close a connection. */
import { Refusal } from '../kernel/errors.ts';
import type { Close } from '../protocol/close.ts';
import { CLOSE_REASON_BYTES_MAX, CLOSES } from '../protocol/close.ts';

export interface CloseOptions {
  /** Default 3503, after which a client does not come back by itself. */
  readonly code?: number | undefined;
  /** Default: what the code means, for a code of the protocol. */
  readonly reason?: string | undefined;
}

/** Below are the codes of WebSocket itself, above there are none. */
const CODE_MIN = 3000;
const CODE_MAX = 4999;

/** @throws {Refusal} `badRequest` for what no close frame of ours can carry. */
export function closeOf({ code = CLOSES.forceDisconnect.code, reason }: CloseOptions): Close {
  if (!Number.isInteger(code) || code < CODE_MIN || code > CODE_MAX) {
    throw new Refusal('badRequest', `disconnect.code must be from ${CODE_MIN} to ${CODE_MAX}`);
  }
  const words = reason ?? reasonOf(code);
  if (Buffer.byteLength(words) > CLOSE_REASON_BYTES_MAX) {
    const most = `disconnect.reason must have at most ${CLOSE_REASON_BYTES_MAX} bytes`;
    throw new Refusal('badRequest', most);
  }
  return { code, reason: words };
}

function reasonOf(code: number): string {
  return Object.values(CLOSES).find((close) => close.code === code)?.reason ?? '';
}
