/** Who listens to what. */
import { reportError } from './page.ts';

export type Listener<Event> = (event: Event) => void;

/**
 * Listeners are called at once, in the order they came. One that throws does not stop the others:
 * `report` is told, or the environment where it was a listener of `error`.
 */
export class Emitter<Events> {
  readonly #report: (error: unknown) => void;
  readonly #listeners: { [Name in keyof Events]?: Set<Listener<Events[Name]>> } = {};

  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /** The function it returns takes the listener away again. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = (this.#listeners[name] ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** False: nobody listens. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): boolean {
    const listeners = this.#listeners[name] ?? new Set();
    // A copy: who begins to listen meanwhile hears of what comes next.
    const now = [...listeners];
    for (const listener of now) {
      try {
        if (listeners.has(listener)) listener(event);
      } catch (error) {
        if (name === 'error') reportError(error);
        else this.#report(error);
      }
    }
    return now.length > 0;
  }
}
