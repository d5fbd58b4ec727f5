/** A token bucket: a rate with a burst. */

/**
 * Allows `perSecond` takes on average and twice that at once. A rate of 0 means no limit. Holds
 * two numbers, and no timer.
 */
export class Bucket {
  #tokens: number;
  #filledAtMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#tokens = perSecond * BURST_SECONDS;
    this.#filledAtMs = nowMs;
  }

  /** False when `count` is more than what is left; nothing is taken then. */
  take(perSecond: number, nowMs: number, count = 1): boolean {
    if (perSecond === 0) return true;
    const elapsed = Math.max(0, nowMs - this.#filledAtMs) / 1000;
    this.#tokens = Math.min(perSecond * BURST_SECONDS, this.#tokens + elapsed * perSecond);
    this.#filledAtMs = nowMs;
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }
}

const BURST_SECONDS = 2;
