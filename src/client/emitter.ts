/** Who listens to what. */

export type Listener<Event> = (event: Event) => void;

/**
 * Listeners are called at once, in the order they came. One that throws does not stop the others:
 * `report` is told.
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
    const listeners = this.#listeners[name];
    // A copy: who begins to listen meanwhile hears of what comes next.
    const now = [...(listeners ?? [])];
    for (const listener of now) {
      if (listeners?.has(listener) !== true) continue;
      try {
        listener(event);
      } catch (error) {
        this.#report(error);
      }
    }
    return now.length > 0;
  }
}
