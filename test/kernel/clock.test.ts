import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { ManualClock } from '../support/clock.ts';

const DAY_MS = 86_400_000;

describe('the time of this machine', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('calls once, later', () => {
    const fire = vi.fn<() => void>();
    systemClock.after(100, fire);
    vi.advanceTimersByTime(99);
    expect(fire).toHaveBeenCalledTimes(0);
    vi.advanceTimersByTime(1000);
    expect(fire).toHaveBeenCalledTimes(1);
    expect(systemClock.now()).toBe(Date.now());
  });

  test('does not call what was cancelled, as often as one likes', () => {
    const fire = vi.fn<() => void>();
    const alarm = systemClock.after(100, fire);
    alarm.cancel();
    alarm.cancel();
    vi.advanceTimersByTime(1000);
    expect(fire).toHaveBeenCalledTimes(0);
  });

  test('waits longer than a timer can', () => {
    const fire = vi.fn<() => void>();
    const cancelled = vi.fn<() => void>();
    systemClock.after(60 * DAY_MS, fire);
    const alarm = systemClock.after(60 * DAY_MS, cancelled);
    vi.advanceTimersByTime(60 * DAY_MS - 1);
    expect(fire).toHaveBeenCalledTimes(0);
    alarm.cancel();
    vi.advanceTimersByTime(1);
    expect(fire).toHaveBeenCalledTimes(1);
    expect(cancelled).toHaveBeenCalledTimes(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the time of a test', () => {
  test('fires alarms in the order of their times, each at its own', () => {
    const clock = new ManualClock(0);
    const fired: [string, number][] = [];
    const note = (name: string) => () => void fired.push([name, clock.now()]);
    clock.after(20, note('b'));
    clock.after(10, () => {
      note('a')();
      clock.after(5, note('nested'));
    });
    clock.after(20, note('c')).cancel();
    clock.advance(100);
    expect(fired).toEqual([
      ['a', 10],
      ['nested', 15],
      ['b', 20],
    ]);
    expect(clock.now()).toBe(100);
    expect(clock.pending).toBe(0);
  });

  test('stalls, and then fires all at once', () => {
    const clock = new ManualClock(0);
    const fired: number[] = [];
    for (const delayMs of [10, 20]) clock.after(delayMs, () => fired.push(clock.now()));
    clock.stall(100);
    expect(fired).toEqual([100, 100]);
  });

  test('may be set without any alarm being sooner or later', () => {
    const clock = new ManualClock(5000);
    const fired: number[] = [];
    clock.after(10, () => fired.push(clock.now()));
    clock.set(1000);
    expect(clock.now()).toBe(1000);
    clock.advance(10);
    expect(fired).toEqual([1010]);
    expect(clock.now()).toBe(1010);
  });
});
