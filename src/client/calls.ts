/** What the user asks of the gateway: waits for a connection if it may, and for its answer. */
import type { Context } from './context.ts';
import type { Failure } from './errors.ts';
import { FAILURES, SluiceError } from './errors.ts';
import type { Done, Link } from './link.ts';
import type { CallOptions } from './options.ts';
import type { Body, CommandName, Reply } from './wire.ts';

export class Calls {
  readonly #context: Context;
  /** How those that wait begin, by how they end. */
  readonly #waiting = new Map<Done, (link: Link) => void>();
  /** Those that wait, and those that are under way. */
  #size = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * At once over `link`; without one it waits if `mayWait`. It is sent once at most: what was under
   * way when a link ended is not sent again.
   * @throws {SluiceError} by rejection, and the `reason` of the signal.
   */
  call(
    command: readonly [CommandName, Body],
    { signal, timeoutMs = this.#context.timeoutMs }: CallOptions,
    { link, mayWait }: { readonly link: Link | null; readonly mayWait: boolean },
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (link === null && !mayWait) throw new SluiceError(FAILURES.offline);
      if (this.#size >= this.#context.queueMax) throw new SluiceError(FAILURES.queueFull);
      const [name, body] = command;
      const id = name === 'send' ? undefined : this.#context.nextId();
      // Now, so that it is sent as it is now, and what cannot be encoded is told here.
      const chunk = this.#context.codec.encode({ id, [name]: body });
      let forget: (() => void) | undefined;
      const settle = (): void => {
        this.#size -= 1;
        this.#waiting.delete(done);
        signal?.removeEventListener('abort', abort);
        forget?.();
      };
      const abort = (): void => {
        settle();
        reject(signal?.reason);
      };
      const done: Done = (reply) => {
        settle();
        if (reply.error === undefined) resolve(reply);
        else reject(new SluiceError(reply.error));
      };
      const start = (open: Link): void => {
        if (id !== undefined) {
          forget = open.send(id, chunk, done, timeoutMs);
        } else {
          open.write(chunk);
          done({});
        }
      };
      this.#size += 1;
      signal?.addEventListener('abort', abort);
      if (link === null) this.#waiting.set(done, start);
      else start(link);
    });
  }

  /** Sends what waits. */
  start(link: Link): void {
    for (const start of this.#waiting.values()) start(link);
    this.#waiting.clear();
  }

  /** There will be no link. */
  fail(error: Failure): void {
    for (const done of this.#waiting.keys()) done({ error });
  }
}
