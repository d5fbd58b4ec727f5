/** Promises of the client that are settled from outside. */
import { Deferred } from '../kernel/deferred.ts';

/** One that nobody has to wait for: that it rejects is told in other ways too. */
export function unawaited<T = void>(): Deferred<T> {
  const deferred = new Deferred<T>();
  deferred.promise.catch(() => undefined);
  return deferred;
}
