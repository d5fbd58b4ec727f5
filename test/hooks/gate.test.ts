/** The gate before an endpoint. */
import { expect, test } from 'vitest';
import { Gate } from '../../src/hooks/gate.ts';

const NEVER = new AbortController().signal;

test('so many are inside, so many wait, and one more is refused', async () => {
  const gate = new Gate({ inside: 2, waiting: 1 });
  expect([gate.enter(NEVER), gate.enter(NEVER)]).toEqual([true, true]);
  const third = gate.enter(NEVER);
  expect(gate.enter(NEVER)).toBe(false);
  expect([gate.inside, gate.waiting]).toEqual([2, 1]);
  gate.leave();
  expect(await third).toBe(true);
  expect([gate.inside, gate.waiting]).toEqual([2, 0]);
  gate.leave();
  gate.leave();
  expect([gate.inside, gate.waiting]).toEqual([0, 0]);
});

test('who came first goes in first', async () => {
  const gate = new Gate({ inside: 1, waiting: 10 });
  void gate.enter(NEVER);
  const order: number[] = [];
  const all = [1, 2, 3].map(async (one) => {
    await gate.enter(NEVER);
    order.push(one);
    gate.leave();
  });
  gate.leave();
  await Promise.all(all);
  expect(order).toEqual([1, 2, 3]);
  expect(gate.inside).toBe(0);
});

test('who gives up makes room, and is never let in', async () => {
  const gate = new Gate({ inside: 1, waiting: 1 });
  void gate.enter(NEVER);
  const patience = new AbortController();
  const impatient = gate.enter(patience.signal);
  const reason = new Error('no patience');
  patience.abort(reason);
  await expect(impatient).rejects.toBe(reason);
  const next = gate.enter(NEVER);
  expect(gate.waiting).toBe(1);
  gate.leave();
  expect(await next).toBe(true);
  expect([gate.inside, gate.waiting]).toEqual([1, 0]);
});

test('who gave up before is not let in at all', () => {
  const gate = new Gate({ inside: 1, waiting: 1 });
  expect(() => gate.enter(AbortSignal.abort(new Error('too late')))).toThrow('too late');
  expect(gate.inside).toBe(0);
});

test('who was let in may give up later without a trace', async () => {
  const gate = new Gate({ inside: 1, waiting: 1 });
  void gate.enter(NEVER);
  const patience = new AbortController();
  const second = gate.enter(patience.signal);
  gate.leave();
  await second;
  patience.abort();
  expect([gate.inside, gate.waiting]).toEqual([1, 0]);
});
