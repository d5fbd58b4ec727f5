/** A map for what mostly is one: a `Map` of one weighs 130 bytes more, and there may be a million. */

export class Few<K, V> {
  /** The only one, where there is one alone. */
  #key: K | null = null;
  #value: V | null = null;
  #several: Map<K, V> | null = null;

  get size(): number {
    if (this.#several !== null) return this.#several.size;
    return this.#value === null ? 0 : 1;
  }

  get(key: K): V | undefined {
    if (this.#several !== null) return this.#several.get(key);
    return this.#value !== null && this.#key === key ? this.#value : undefined;
  }

  set(key: K, value: V): void {
    if (this.#several !== null) {
      this.#several.set(key, value);
    } else if (this.#value === null || this.#key === key) {
      this.#key = key;
      this.#value = value;
    } else {
      this.#several = new Map();
      if (this.#key !== null) this.#several.set(this.#key, this.#value);
      this.#several.set(key, value);
      this.#key = null;
      this.#value = null;
    }
  }

  delete(key: K): void {
    if (this.#several !== null) {
      this.#several.delete(key);
    } else if (this.#key === key) {
      this.#key = null;
      this.#value = null;
    }
  }

  /** Those that are there now may be deleted meanwhile. */
  values(): Iterable<V> {
    if (this.#several !== null) return this.#several.values();
    return this.#value === null ? [] : [this.#value];
  }
}
