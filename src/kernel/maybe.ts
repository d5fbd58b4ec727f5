/** A result that is often there at once: what need not wait costs no promise. */

export type Maybe<T> = T | Promise<T>;

/** Goes on with the value now if it is here, later if it is not. */
export function chain<T, U>(value: Maybe<T>, next: (value: T) => Maybe<U>): Maybe<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
