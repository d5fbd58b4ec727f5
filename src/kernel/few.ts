/** A set of what mostly is one, which then stands for itself: a `Set` of one weighs 200 bytes. */

/** Not to be changed but by what is returned here. */
export type Few<T extends object> = T | Set<T> | null;

export function sizeOf<T extends object>(few: Few<T>): number {
  if (few === null) return 0;
  return few instanceof Set ? few.size : 1;
}

export function has<T extends object>(few: Few<T>, one: T): boolean {
  return few instanceof Set ? few.has(one) : few === one;
}

/** A copy: they may be changed meanwhile. */
export function all<T extends object>(few: Few<T>): readonly T[] {
  if (few === null) return [];
  return few instanceof Set ? [...few] : [few];
}

export function including<T extends object>(few: Few<T>, one: T): Few<T> {
  if (few === null || few === one) return one;
  return few instanceof Set ? few.add(one) : new Set([few, one]);
}

export function without<T extends object>(few: Few<T>, one: T): Few<T> {
  if (!(few instanceof Set)) return few === one ? null : few;
  few.delete(one);
  return few.size === 0 ? null : few;
}
