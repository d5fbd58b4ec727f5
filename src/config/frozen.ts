/** Values that nobody can change any more. */

/** Freezes a value of ours to its leaves. */
export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (value instanceof Map) {
    for (const inner of value.values()) freeze(inner);
    // Object.freeze leaves what is in a Map open to change.
    for (const name of ['set', 'delete', 'clear']) {
      Object.defineProperty(value, name, { value: refuse });
    }
  }
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
  return value;
}

function refuse(): never {
  throw new TypeError('the configuration is frozen');
}
