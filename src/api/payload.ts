/** Between what a program hands over and the data that the organs carry. */
import type { Data } from '../kernel/data.ts';
import { Json } from '../kernel/data.ts';

/** A `Json` keeps its text; bytes are copied, for they may change after the call; all else is printed. */
export function payloadOf(value: unknown): Data {
  if (value instanceof Json) return value;
  return value instanceof Uint8Array ? new Uint8Array(value) : Json.of(value);
}

/** The same where there may be none. */
export function optionalPayload(value: unknown): Data | null {
  return value === undefined ? null : payloadOf(value);
}

/** What a hook or a check of data is given. */
export function valueOf(data: Data): unknown {
  return data instanceof Json ? data.value() : data;
}
