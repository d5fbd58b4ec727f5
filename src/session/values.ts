/** Between values as hooks and tokens have them, and data as the wire has it. */
import type { Sent } from '../hooks/hooks.ts';
import type { Data } from '../kernel/data.ts';
import { Json } from '../kernel/data.ts';

/** Undefined is nothing; bytes and JSON texts stay what they are; whatever else becomes its text. */
export function dataOf(value: unknown): Data | null {
  if (value === undefined) return null;
  return value instanceof Uint8Array || value instanceof Json ? value : Json.of(value);
}

export function valueOf(data: Data | null): unknown {
  if (data === null) return undefined;
  return data instanceof Json ? data.value() : data;
}

/** What a client sent along, as a hook is told of it. */
export function sentOf(data: Data | null): Sent {
  return { data: valueOf(data), sent: data };
}
