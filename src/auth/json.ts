/** JSON objects that others wrote, read without trust in their names. */
import { isUtf8 } from 'node:buffer';

/** The members of a JSON object. A map: `__proto__` and `constructor` are names like any other. */
export type Members = ReadonlyMap<string, unknown>;

/** Null for bytes that are not UTF-8, not JSON or not an object. */
export function parseMembers(bytes: Buffer): Members | null {
  return isUtf8(bytes) ? membersOf(parseJson(bytes.toString())) : null;
}

/** Null for a value that is not an object. */
export function membersOf(value: unknown): Members | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return new Map(Object.entries(value));
}

/** Whether arrays and objects are nested in each other at most `levels` deep. */
export function isNestedWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  return Object.values(value).every((inner) => isNestedWithin(inner, levels - 1));
}

/** Undefined for what is not JSON: no JSON text has that value. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
