/** Whom a drain closes when, by a clock of the test's own. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drain } from '../../src/drain.ts';
import type { Peer } from '../../src/hub/roster.ts';
import { Roster } from '../../src/hub/roster.ts';
import { ManualClock } from '../support/clock.ts';

/** What `drain.ts` says of its slices. */
const SLICE_MS = 50;
const SLICE_PEERS_MAX = 500;

class Rig {
  readonly clock = new ManualClock();
  readonly roster = new Roster();
  readonly #startMs = this.clock.now();
  readonly #controller = new AbortController();
  /** When each was closed, from the beginning of the drain on. */
  readonly closedAtMs: number[] = [];
  readonly codes = new Set<number>();
  acceptedUntilMs = Infinity;
  isDone = false;

  constructor(clients: number) {
    for (let index = 0; index < clients; index += 1) this.enter();
  }

  get elapsedMs(): number {
    return this.clock.now() - this.#startMs;
  }

  enter(): Peer {
    const peer: Pick<Peer, 'close'> = {
      close: ({ code }) => {
        this.codes.add(code);
        this.closedAtMs.push(this.elapsedMs);
        this.roster.closed(entered);
      },
    };
    const entered = peer as Peer;
    this.roster.opened(entered);
    return entered;
  }

  drain(times: { readonly delayMs: number; readonly timeoutMs: number }): void {
    const { clock, roster } = this;
    const { signal } = this.#controller;
    const stopAccepting = (): void => {
      this.acceptedUntilMs = this.elapsedMs;
    };
    const lastRequests = (): Promise<void> => Promise.resolve();
    const asked = { ...times, clock, roster, stopAccepting, lastRequests, signal };
    void drain(asked).then(() => {
      this.isDone = true;
    });
  }

  hurry(): void {
    this.#controller.abort();
  }

  /** In steps, after each of which promises are settled. */
  async pass(ms: number, stepMs = 10): Promise<void> {
    this.clock.advance(0);
    await settled();
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(Math.min(stepMs, ms - passed));
      await settled();
    }
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await Promise.resolve();
}

/** The most that were closed at one time. */
function largestSlice(times: readonly number[]): number {
  const slices = new Map<number, number>();
  for (const time of times) slices.set(time, (slices.get(time) ?? 0) + 1);
  return Math.max(0, ...slices.values());
}

describe('a drain', () => {
  test('of few clients closes the first at once, and spreads the others exactly', async () => {
    const rig = new Rig(4);
    rig.drain({ delayMs: 0, timeoutMs: 20_000 });
    await rig.pass(30_000);
    expect(rig.closedAtMs).toEqual([0, 5000, 10_000, 15_000]);
    expect(rig.codes).toEqual(new Set([3001]));
    expect(rig.isDone).toBe(true);
  });

  test('spreads any number of clients over its time', async () => {
    const clients = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 6000 }));
    const timeout = fc.integer({ min: 1, max: 10_000 });
    await fc.assert(
      fc.asyncProperty(clients, timeout, async (count, timeoutMs) => {
        const rig = new Rig(count);
        rig.drain({ delayMs: 0, timeoutMs });
        await rig.pass(timeoutMs + 100, 1);
        const times = rig.closedAtMs;
        expect(times).toHaveLength(count);
        expect(largestSlice(times)).toBeLessThanOrEqual(SLICE_PEERS_MAX);
        // So many in slices of the most that is allowed do not go into the time; else the k-th is
        // closed at its part of the time, but for a slice that had to be whole, and steps of ours.
        if ((count / timeoutMs) * SLICE_MS > SLICE_PEERS_MAX / 2) return;
        for (const [index, time] of times.entries()) {
          const evenMs = (index / count) * timeoutMs;
          expect(Math.abs(time - evenMs)).toBeLessThanOrEqual(2 * SLICE_MS + timeoutMs / 100);
        }
        expect(Math.max(...times)).toBeLessThanOrEqual(timeoutMs);
      }),
      { numRuns: 30 },
    );
  });

  test('closes all in bounded slices when there is no time', async () => {
    const rig = new Rig(1300);
    rig.drain({ delayMs: 0, timeoutMs: 0 });
    await rig.pass(50, 1);
    expect(rig.closedAtMs).toHaveLength(1300);
    expect(largestSlice(rig.closedAtMs)).toBeLessThanOrEqual(SLICE_PEERS_MAX);
    expect(rig.isDone).toBe(true);
  });

  test('keeps everybody until the delay is over, and accepts until then', async () => {
    const rig = new Rig(2);
    rig.drain({ delayMs: 5000, timeoutMs: 1000 });
    await rig.pass(4990);
    expect([rig.acceptedUntilMs, rig.closedAtMs]).toEqual([Infinity, []]);
    rig.enter();
    await rig.pass(20);
    expect([rig.acceptedUntilMs, rig.closedAtMs]).toEqual([5000, [5000]]);
    await rig.pass(1000);
    expect(rig.closedAtMs).toHaveLength(3);
    expect(rig.isDone).toBe(true);
  });

  test('is done as soon as the last is gone by itself', async () => {
    const rig = new Rig(2);
    const leaving = rig.enter();
    rig.drain({ delayMs: 0, timeoutMs: 30_000 });
    await rig.pass(10_010);
    expect(rig.closedAtMs).toEqual([0, 10_000]);
    rig.roster.closed(leaving);
    await rig.pass(10_000);
    expect(rig.isDone).toBe(true);
    expect(rig.clock.pending).toBe(0);
  });

  test('waits for nothing when nobody is there', async () => {
    const rig = new Rig(0);
    rig.drain({ delayMs: 100, timeoutMs: 30_000 });
    await rig.pass(100);
    expect(rig.isDone).toBe(true);
  });

  test.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ])('ends in time though the clock is set %s', async (_, shiftMs) => {
    const rig = new Rig(100);
    rig.drain({ delayMs: 0, timeoutMs: 10_000 });
    await rig.pass(5000);
    rig.clock.set(rig.clock.now() + shiftMs);
    await rig.pass(6000);
    expect(rig.closedAtMs).toHaveLength(100);
    expect(rig.isDone).toBe(true);
  });

  test('makes up for a machine that was held up', async () => {
    const rig = new Rig(1000);
    rig.drain({ delayMs: 0, timeoutMs: 10_000 });
    await rig.pass(1000);
    rig.clock.stall(8000);
    await rig.pass(1000);
    expect(rig.closedAtMs).toHaveLength(1000);
    expect(largestSlice(rig.closedAtMs)).toBeLessThanOrEqual(SLICE_PEERS_MAX);
  });

  test.each([0, 500, 6000])('can be ended early after %i ms', async (afterMs) => {
    const rig = new Rig(100);
    rig.drain({ delayMs: 1000, timeoutMs: 10_000 });
    await rig.pass(afterMs);
    rig.hurry();
    await settled();
    const closed = rig.closedAtMs.length;
    expect(rig.isDone).toBe(true);
    expect(rig.clock.pending).toBe(0);
    await rig.pass(20_000, 1000);
    expect(rig.closedAtMs).toHaveLength(closed);
  });
});
