/** Names on the bus that are heard over the same wire, kept when it breaks and when there is another. */
import { Deferred } from '../kernel/deferred.ts';
import type { Maybe } from '../kernel/maybe.ts';
import { awayOr, RedisAway } from './errors.ts';
import type { Wire } from './wire.ts';

/** Called with each message of a name. Must not throw. */
export type Hear = (message: Buffer) => void;

/** A name that nobody listens to any more is kept for so long. */
const UNLISTEN_AFTER_MS = 1000;

interface Ear {
  readonly name: string;
  hear: Hear;
  /** Null: it is heard. */
  confirmed: Promise<void> | null;
  /** When it was left, where it was. */
  leftAtMs: number;
}

export class Ears {
  readonly #ears = new Map<string, Ear>();
  /** Those nobody listens to any more, in the order of their leaving. */
  readonly #left = new Set<Ear>();
  readonly #failed: (wire: Wire, error: unknown) => void;
  #wire: Wire | null = null;
  #asking: { readonly ears: Ear[]; readonly confirmed: Promise<void> } | null = null;
  #sweep: ReturnType<typeof setTimeout> | null = null;

  /** `failed`: what was asked of the wire was refused, or it is not known whether it was done. */
  constructor(failed: (wire: Wire, error: unknown) => void) {
    this.#failed = failed;
  }

  /** Over which all is heard; null while it is not. */
  get wire(): Wire | null {
    return this.#wire;
  }

  /** The names that Redis has confirmed. */
  get heard(): readonly string[] {
    return [...this.#ears.values()]
      .filter(({ confirmed }) => confirmed === null)
      .map(({ name }) => name);
  }

  /** Done when Redis has confirmed it. @throws {RedisAway} */
  listen(name: string, hear: Hear): Maybe<void> {
    if (this.#wire === null) throw new RedisAway('not connected to Redis');
    const known = this.#ears.get(name);
    if (known !== undefined) {
      this.#left.delete(known);
      known.hear = hear;
      return known.confirmed ?? undefined;
    }
    const ear: Ear = { name, hear, confirmed: null, leftAtMs: 0 };
    this.#ears.set(name, ear);
    ear.confirmed = this.#ask(ear);
    return ear.confirmed;
  }

  unlisten(name: string): void {
    const ear = this.#ears.get(name);
    if (ear === undefined || this.#left.has(ear)) return;
    ear.leftAtMs = Date.now();
    this.#left.add(ear);
    this.#plan();
  }

  hear(name: string, message: Buffer): void {
    this.#ears.get(name)?.hear(message);
  }

  /** Nothing is heard any more, until there is a wire again. */
  detach(): void {
    this.#wire = null;
  }

  /**
   * Tells a wire that knows nothing of them all names; only when all are confirmed is anything heard
   * again. Returns the names. @throws what the wire throws, and {RedisAway} if it broke.
   */
  async attach(wire: Wire): Promise<readonly string[]> {
    this.#wire = null;
    for (const ear of this.#ears.values()) {
      if (this.#left.has(ear) || ear.confirmed !== null) this.#forget(ear);
    }
    const names = [...this.#ears.keys()];
    // Without any it is heard within this turn.
    if (names.length > 0) await wire.subscribe(names);
    if (!wire.isUp) throw new RedisAway('the connection broke again');
    this.#wire = wire;
    return names;
  }

  close(): void {
    this.#wire = null;
    this.#ears.clear();
    this.#left.clear();
    if (this.#sweep !== null) clearTimeout(this.#sweep);
  }

  /** All that is asked for within a turn travels together. */
  #ask(ear: Ear): Promise<void> {
    if (this.#asking === null) {
      const ears: Ear[] = [];
      const { promise, resolve, reject } = new Deferred();
      this.#asking = { ears, confirmed: promise };
      setImmediate(() => {
        this.#asking = null;
        this.#subscribe(ears).then(resolve, reject);
      });
    }
    this.#asking.ears.push(ear);
    return this.#asking.confirmed;
  }

  async #subscribe(ears: readonly Ear[]): Promise<void> {
    const wire = this.#wire;
    try {
      if (wire === null) throw new RedisAway('not connected to Redis');
      await wire.subscribe(ears.map(({ name }) => name));
    } catch (error) {
      for (const ear of ears) this.#forget(ear);
      if (wire !== null) this.#failed(wire, error);
      throw awayOr(error);
    }
    if (!ears.every((ear) => this.#ears.get(ear.name) === ear)) {
      // A wire was told all names meanwhile, without those that were not confirmed.
      for (const ear of ears) this.#forget(ear);
      throw new RedisAway('the connection is another now');
    }
    for (const ear of ears) ear.confirmed = null;
  }

  #forget(ear: Ear): void {
    if (this.#ears.get(ear.name) !== ear) return;
    this.#ears.delete(ear.name);
    this.#left.delete(ear);
  }

  #plan(): void {
    if (this.#sweep !== null || this.#left.size === 0) return;
    this.#sweep = setTimeout(() => {
      this.#sweep = null;
      this.#leave();
      this.#plan();
    }, UNLISTEN_AFTER_MS);
    this.#sweep.unref();
  }

  #leave(): void {
    const wire = this.#wire;
    // The next wire is not told of them.
    if (wire === null) return;
    const due = Date.now() - UNLISTEN_AFTER_MS;
    const names: string[] = [];
    for (const ear of this.#left) {
      if (ear.leftAtMs > due) break;
      if (ear.confirmed !== null) continue;
      names.push(ear.name);
      this.#forget(ear);
    }
    wire.unsubscribe(names).catch((error: unknown) => this.#failed(wire, error));
  }
}
