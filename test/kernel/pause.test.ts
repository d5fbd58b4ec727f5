import { expect, test } from 'vitest';
import { pause } from '../../src/kernel/pause.ts';
import { ManualClock } from '../support/clock.ts';

async function isOver(paused: Promise<void>): Promise<boolean> {
  return Promise.race([paused.then(() => true), Promise.resolve().then(() => false)]);
}

test('a pause is as long as the clock says', async () => {
  const clock = new ManualClock(0);
  const paused = pause(clock, 100);
  clock.advance(99);
  expect(await isOver(paused)).toBe(false);
  clock.advance(1);
  await paused;
});

test('a pause that is ended early leaves nothing behind', async () => {
  const clock = new ManualClock(0);
  const early = new AbortController();
  const paused = pause(clock, 100, early.signal);
  early.abort();
  await paused;
  expect(clock.pending).toBe(0);
  await pause(clock, 100, early.signal);
  expect(clock.pending).toBe(0);
});
