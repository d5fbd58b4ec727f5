/** Parts with a life: started in order, closed in reverse, each within a deadline. */
import type { Clock } from './clock.ts';
import { Deferred } from './deferred.ts';
import type { Log } from './log.ts';

export interface Part {
  readonly name: string;
  /** Where it may take longer than others. */
  readonly deadlineMs?: number;
  /** Idempotent; resolves when nothing of the part is left running. */
  close(): Promise<void>;
}

/** Closes the parts in the reverse order of their birth. One that fails or hangs is logged and left. */
export async function closeAll(
  parts: readonly Part[],
  context: { clock: Clock; log: Log; deadlineMs: number },
): Promise<void> {
  for (const part of parts.toReversed()) {
    const late = new Deferred<'late'>();
    const alarm = context.clock.after(part.deadlineMs ?? context.deadlineMs, () =>
      late.resolve('late'),
    );
    try {
      const outcome = await Promise.race([part.close(), late.promise]);
      if (outcome === 'late') context.log.error({ part: part.name }, 'did not close in time');
    } catch (error) {
      context.log.error({ part: part.name, err: error }, 'failed to close');
    } finally {
      alarm.cancel();
    }
  }
}
