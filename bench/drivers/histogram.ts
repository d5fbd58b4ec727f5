/** A histogram of times with three digits at every magnitude, in a fixed amount of memory. */

/** Below this every value has a bucket of its own; above it one in 1,024 of its magnitude. */
const EXACT = 2048;
const HALF = EXACT / 2;
const MAGNITUDES = 21;

/** What goes over a process boundary: pairs of bucket and count. */
export type Sparse = readonly (readonly [bucket: number, count: number])[];

/** Whole microseconds, up to 2^31 (36 minutes). */
export class Histogram {
  readonly #counts = new Float64Array(EXACT + MAGNITUDES * HALF);
  #total = 0;
  #max = 0;

  get total(): number {
    return this.#total;
  }

  record(us: number): void {
    const value = us < 0 ? 0 : us > 0x7fffffff ? 0x7fffffff : Math.round(us);
    const bucket = bucketOf(value);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total += 1;
    if (value > this.#max) this.#max = value;
  }

  /** The value that `percent` of all are at or below. */
  at(percent: number): number {
    let left = Math.ceil((this.#total * percent) / 100);
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0) return this.#total === 0 ? 0 : Math.min(valueOf(bucket), this.#max);
    }
    return this.#max;
  }

  get max(): number {
    return this.#max;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#max = 0;
  }

  sparse(): Sparse {
    return [...this.#counts.entries()].filter(([, count]) => count > 0);
  }

  add(sparse: Sparse): void {
    for (const [bucket, count] of sparse) {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#total += count;
      this.#max = Math.max(this.#max, valueOf(bucket));
    }
  }
}

function bucketOf(value: number): number {
  if (value < EXACT) return value;
  const shift = 31 - Math.clz32(value) - 10;
  return EXACT + (shift - 1) * HALF + ((value >>> shift) - HALF);
}

function valueOf(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const shift = Math.floor((bucket - EXACT) / HALF) + 1;
  const within = ((bucket - EXACT) % HALF) + HALF;
  // The upper end of the bucket: a latency is never told shorter than it was.
  return (within + 1) * 2 ** shift - 1;
}
