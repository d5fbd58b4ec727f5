/** Assertions: what only a mistake of ours can break. */

/** Throws when `condition` does not hold. A wrong process is worse than a dead one. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** For the branch the compiler proves cannot be reached. */
export function unreachable(value: never): never {
  throw new Error(`assertion failed: unexpected ${String(value)}`);
}
