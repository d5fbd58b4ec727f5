import { expect, test } from 'vitest';
import { Gate } from '../../src/archive/gate.ts';
import { ManualClock } from '../support/clock.ts';

function gateOf(insideMax: number, allMax: number): { gate: Gate; clock: ManualClock } {
  const clock = new ManualClock();
  return { gate: new Gate({ insideMax, allMax, waitMs: 1000, clock }), clock };
}

/** What has become of it by now: undefined as long as it waits. */
async function stateOf(entered: Promise<boolean>): Promise<boolean | undefined> {
  await Promise.resolve();
  await Promise.resolve();
  return Promise.race([entered, Promise.resolve(undefined)]);
}

test('so many are inside, some wait, and the rest is turned away', async () => {
  const { gate } = gateOf(2, 4);
  const entered = Array.from({ length: 6 }, () => gate.enter());
  expect(await Promise.all(entered.map(stateOf))).toEqual([
    true,
    true,
    undefined,
    undefined,
    false,
    false,
  ]);
  gate.leave();
  expect(await Promise.all(entered.slice(2, 4).map(stateOf))).toEqual([true, undefined]);
  gate.leave();
  expect(await stateOf(entered[3]!)).toBe(true);
  gate.leave();
  gate.leave();
  expect(await Promise.all([gate.enter(), gate.enter()].map(stateOf))).toEqual([true, true]);
});

test('who waits for too long is turned away, and holds up nobody', async () => {
  const { gate, clock } = gateOf(1, 3);
  const [first, second] = [gate.enter(), gate.enter()];
  clock.advance(999);
  const third = gate.enter();
  expect(await Promise.all([first, second, third].map(stateOf))).toEqual([
    true,
    undefined,
    undefined,
  ]);
  clock.advance(1);
  expect(await Promise.all([second, third].map(stateOf))).toEqual([false, undefined]);
  gate.leave();
  expect(await stateOf(third)).toBe(true);
  expect(clock.pending).toBe(0);
  gate.leave();
  expect(await stateOf(gate.enter())).toBe(true);
});
