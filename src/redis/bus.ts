/** What Redis tells us: the names on the bus that are listened to, kept over every break. */
import type { Maybe } from '../kernel/maybe.ts';
import type { Surroundings } from './connection.ts';
import type { Hear } from './ears.ts';
import { Ears } from './ears.ts';
import type { Target } from './target.ts';
import { Wire } from './wire.ts';

export interface Bus {
  /** What is said under the name is heard, or would be if it was listened to. */
  hears(name: string): boolean;
  /**
   * Done when Redis has confirmed it: what is published from then on is heard.
   * @throws {RedisAway}
   */
  listen(name: string, hear: Hear): Maybe<void>;
  /** It is heard for a while yet, so that who comes back soon costs Redis nothing. */
  unlisten(name: string): void;
  /** Calls back now if names are heard, and each time that some come up: for who listens from the beginning. */
  onUp(react: () => void): void;
  /** Calls back each time that names are heard again after they were not. */
  onRestored(react: (names: readonly string[]) => void): void;
  /** For whoever finds that the name is not heard any more, though it should be. */
  restart(name: string): void;
  close(): Promise<void>;
}

/** The names of one server. */
export class SingleBus implements Bus {
  readonly #surroundings: Surroundings;
  readonly #ears: Ears;
  readonly #wire: Wire;
  readonly #reactions: ((names: readonly string[]) => void)[] = [];
  readonly #upReactions: (() => void)[] = [];

  constructor(target: Target, surroundings: Surroundings) {
    this.#surroundings = surroundings;
    // Only a new connection is sure not to listen to what was perhaps asked of this one.
    this.#ears = new Ears((wire) => wire.restart());
    this.#wire = new Wire({
      target,
      surroundings,
      isSharded: false,
      opened: () => void this.#restore(),
      closed: () => this.#ears.detach(),
      heard: (name, message) => this.#ears.hear(name, message),
      dropped() {},
    });
  }

  hears(): boolean {
    return this.#ears.wire !== null;
  }

  listen(name: string, hear: Hear): Maybe<void> {
    return this.#ears.listen(name, hear);
  }

  unlisten(name: string): void {
    this.#ears.unlisten(name);
  }

  onUp(react: () => void): void {
    this.#upReactions.push(react);
    if (this.hears()) react();
  }

  onRestored(react: (names: readonly string[]) => void): void {
    this.#reactions.push(react);
  }

  restart(): void {
    this.#wire.restart();
  }

  close(): Promise<void> {
    this.#ears.close();
    this.#wire.close();
    return Promise.resolve();
  }

  /** A new connection knows nothing: it is told all, and only then is the bus up. */
  async #restore(): Promise<void> {
    let names: readonly string[];
    try {
      names = await this.#ears.attach(this.#wire);
    } catch (error) {
      const { message } = error instanceof Error ? error : new Error(String(error));
      this.#surroundings.log.warn('redis resubscribe', { error: message }, 'could not resubscribe');
      this.#wire.restart();
      return;
    }
    for (const react of this.#upReactions) react();
    if (names.length === 0) return;
    for (const react of this.#reactions) react(names);
  }
}
