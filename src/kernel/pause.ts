/** Waiting by the clock that one is given. */
import type { Clock } from './clock.ts';
import { Deferred } from './deferred.ts';

/** Resolves after `ms`, or when `signal` aborts, if that is sooner. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  const { promise, resolve } = new Deferred();
  const alarm = clock.after(ms, done);
  signal?.addEventListener('abort', done);
  return promise;

  function done(): void {
    alarm.cancel();
    signal?.removeEventListener('abort', done);
    resolve();
  }
}
