import { expect, test } from 'vitest';
import { Pulse } from '../../src/tasks/pulse.ts';
import { ManualClock } from '../support/clock.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a pulse lets the newest through, every so often, and the first waits too', async () => {
  const clock = new ManualClock();
  const through: number[] = [];
  const pulse = new Pulse<number>(clock, 100, async (value) => void through.push(value));
  pulse.push(1);
  clock.advance(50);
  pulse.push(2);
  expect(through).toEqual([]);
  clock.advance(50);
  expect(through).toEqual([2]);
  await settle();
  expect(clock.pending).toBe(0);
  pulse.push(3);
  clock.advance(99);
  expect(through).toEqual([2]);
  clock.advance(1);
  expect(through).toEqual([2, 3]);
});

test('a pulse lets nothing else through while it is busy, and then what is newest', async () => {
  const clock = new ManualClock();
  const through: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const pulse = new Pulse<number>(clock, 100, (value) => {
    through.push(value);
    return promise;
  });
  pulse.push(1);
  clock.advance(100);
  pulse.push(2);
  pulse.push(3);
  clock.advance(1000);
  expect(through).toEqual([1]);
  resolve();
  await settle();
  clock.advance(100);
  expect(through).toEqual([1, 3]);
});

test('a pulse that is closed lets nothing through', () => {
  const clock = new ManualClock();
  const through: number[] = [];
  const pulse = new Pulse<number>(clock, 100, async (value) => void through.push(value));
  pulse.push(1);
  pulse.close();
  pulse.push(2);
  clock.advance(1000);
  expect(through).toEqual([]);
  expect(clock.pending).toBe(0);
});
