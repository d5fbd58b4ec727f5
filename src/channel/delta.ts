/** Deltas between successive publications. */
import type { Data } from '../kernel/data.ts';
import { Json } from '../kernel/data.ts';
import { fossilDelta } from './fossil.ts';

/** The one format that subscribers can ask for. */
export const DELTA_FORMAT = 'fossil';

const encoder = new TextEncoder();
// A byte order mark is a character of the text like any other: a reader's bytes have it, too.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * To a subscriber with deltas all data is opaque: JSON as a string that holds the JSON text, and
 * bytes as they are. So a delta can take the place of either.
 */
export function opaque(data: Data): Data {
  return data instanceof Json ? Json.of(data.text) : data;
}

/**
 * The delta that makes `data` of `previous`, opaque; null where it would not be shorter, or could
 * not travel: a delta between texts that cuts a character in two is no text.
 */
export function deltaOf(previous: Data, data: Data): Data | null {
  if (previous instanceof Json !== data instanceof Json) return null;
  const delta = fossilDelta(bytesOf(previous), bytesOf(data));
  if (delta === null || !(data instanceof Json)) return delta;
  try {
    return Json.of(decoder.decode(delta));
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function bytesOf(data: Data): Uint8Array {
  return data instanceof Json ? encoder.encode(data.text) : data;
}
