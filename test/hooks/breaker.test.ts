/** The circuit breaker, with a clock of the test. */
import { describe, expect, test } from 'vitest';
import type { Outcome, Pass } from '../../src/hooks/breaker.ts';
import { Breaker, BREAKER } from '../../src/hooks/breaker.ts';
import { ManualClock } from '../support/clock.ts';

interface Rig {
  readonly breaker: Breaker;
  readonly clock: ManualClock;
  /** The pauses that were told, and `closed`. */
  readonly told: (number | 'closed')[];
  /** Lets calls through, which end like this. */
  readonly calls: (count: number, outcome: Outcome) => void;
}

const SETTINGS = { failures: 3, pauseMs: 1000, pauseMsMax: 5000 };

/** With `random` 1 the whole pause is waited for, and half of it with 0. */
function rig(random = 1): Rig {
  const clock = new ManualClock();
  const told: Rig['told'] = [];
  const breaker = new Breaker({
    settings: SETTINGS,
    now: () => clock.now(),
    random: () => random,
    opened: (pauseMs) => void told.push(pauseMs),
    closed: () => void told.push('closed'),
  });
  const calls: Rig['calls'] = (count, outcome) => {
    for (let call = 0; call < count; call += 1) admitted(breaker).end(outcome);
  };
  return { breaker, clock, told, calls };
}

function admitted(breaker: Breaker): Pass {
  const pass = breaker.admit();
  if (pass === null) throw new Error('the call was refused');
  return pass;
}

describe('a breaker that is closed', () => {
  test('opens after so many failures in a row', () => {
    const { breaker, calls, told } = rig();
    calls(2, 'failed');
    expect(breaker.state).toBe('closed');
    calls(1, 'failed');
    expect(breaker.state).toBe('open');
    expect(breaker.admit()).toBeNull();
    expect(told).toEqual([1000]);
  });

  test('begins to count anew with each answer', () => {
    const { breaker, calls } = rig();
    for (let round = 0; round < 10; round += 1) {
      calls(2, 'failed');
      calls(1, 'answered');
    }
    expect(breaker.state).toBe('closed');
  });

  test('learns nothing from a call that was given up', () => {
    const { breaker, calls } = rig();
    calls(2, 'failed');
    calls(100, 'abandoned');
    expect(breaker.state).toBe('closed');
    calls(1, 'failed');
    expect(breaker.state).toBe('open');
  });
});

describe('a breaker that is open', () => {
  test('lets one call through after the pause, and no other until that ended', () => {
    const { breaker, calls, clock } = rig();
    calls(3, 'failed');
    clock.advance(999);
    expect(breaker.refuses).toBe(true);
    expect(breaker.admit()).toBeNull();
    clock.advance(1);
    expect(breaker.refuses).toBe(false);
    const probe = admitted(breaker);
    expect(breaker.state).toBe('half-open');
    expect(breaker.admit()).toBeNull();
    probe.end('answered');
    expect(breaker.state).toBe('closed');
    expect(breaker.admit()).not.toBeNull();
  });

  test('pauses twice as long after each probe that failed, up to a bound', () => {
    const { breaker, calls, clock, told } = rig();
    calls(3, 'failed');
    for (const pauseMs of [1000, 2000, 4000, 5000, 5000]) {
      clock.advance(pauseMs - 1);
      expect(breaker.admit()).toBeNull();
      clock.advance(1);
      calls(1, 'failed');
      expect(breaker.state).toBe('open');
    }
    expect(told).toEqual([1000, 2000, 4000, 5000, 5000, 5000]);
  });

  test('begins with the short pause again after it was closed', () => {
    const { calls, clock, told } = rig();
    calls(3, 'failed');
    clock.advance(1000);
    calls(1, 'failed');
    clock.advance(2000);
    calls(1, 'answered');
    calls(3, 'failed');
    expect(told).toEqual([1000, 2000, 'closed', 1000]);
  });

  test('pauses by chance, but never less than half', () => {
    const { breaker, calls, clock } = rig(0);
    calls(3, 'failed');
    clock.advance(499);
    expect(breaker.admit()).toBeNull();
    clock.advance(1);
    expect(breaker.admit()).not.toBeNull();
  });

  test('makes the next call the probe when one was given up', () => {
    const { breaker, calls, clock, told } = rig();
    calls(3, 'failed');
    clock.advance(1000);
    calls(1, 'abandoned');
    expect(breaker.state).toBe('open');
    calls(1, 'answered');
    expect(breaker.state).toBe('closed');
    expect(told).toEqual([1000, 'closed']);
  });

  test('hears nothing from calls that began before', () => {
    const { breaker, calls, clock } = rig();
    const [one, two, three] = [admitted(breaker), admitted(breaker), admitted(breaker)];
    calls(3, 'failed');
    one.end('answered');
    expect(breaker.state).toBe('open');
    clock.advance(1000);
    const probe = admitted(breaker);
    two.end('failed');
    expect(breaker.state).toBe('half-open');
    probe.end('answered');
    three.end('failed');
    calls(2, 'failed');
    expect(breaker.state).toBe('closed');
  });

  test('does not stay open because the clock was set back', () => {
    const { breaker, calls, clock } = rig();
    calls(3, 'failed');
    clock.set(clock.now() - 3_600_000);
    expect(breaker.refuses).toBe(false);
  });
});

test('the defaults are those of the documentation', () => {
  expect(BREAKER).toEqual({ failures: 5, pauseMs: 1000, pauseMsMax: 30_000 });
});
