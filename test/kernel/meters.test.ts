import { expect, test } from 'vitest';
import { Meters } from '../../src/kernel/meters.ts';

test('a counter counts apart by label', () => {
  const meters = new Meters();
  const count = meters.counter('commands', 'Commands.', 'type');
  count('publish');
  count('publish', 2);
  count('subscribe');
  expect(meters.count('commands', 'publish')).toBe(3);
  expect(meters.count('commands', 'subscribe')).toBe(1);
  expect(meters.count('commands', 'rpc')).toBe(0);
  expect(meters.count('unknown')).toBe(0);
});

test('a counter without a label is one number', () => {
  const meters = new Meters();
  const count = meters.counter('faults', 'Faults.');
  count();
  count(undefined, 4);
  expect(meters.count('faults')).toBe(5);
  const [counter] = meters.counters();
  expect(counter).toMatchObject({ name: 'faults', help: 'Faults.', label: null });
});

test('a gauge is read when it is asked', () => {
  const meters = new Meters();
  let size = 1;
  meters.gauge('connections', 'Connections.', () => size);
  const [gauge] = meters.gauges();
  size = 7;
  expect(gauge).toMatchObject({ name: 'connections', label: null });
  expect([...(gauge?.read() ?? [])]).toEqual([['', 7]]);
});

test('a gauge may be several numbers, apart by label', () => {
  const meters = new Meters();
  meters.gaugeBy('queue', 'waiting', 'What waits.', () => [
    ['a', 1],
    ['b', 2],
  ]);
  const [gauge] = meters.gauges();
  expect(gauge).toMatchObject({ name: 'waiting', label: 'queue' });
  expect(new Map(gauge?.read())).toEqual(
    new Map([
      ['a', 1],
      ['b', 2],
    ]),
  );
  expect(() => meters.gauge('waiting', 'What waits.', () => 0)).toThrow('registered once');
});

test('a second one of the same name would lose counts, so there is none', () => {
  const meters = new Meters();
  meters.counter('faults', 'Faults.');
  meters.gauge('connections', 'Connections.', () => 0);
  expect(() => meters.counter('faults', 'Faults.')).toThrow('registered once');
  expect(() => meters.gauge('connections', 'Connections.', () => 0)).toThrow('registered once');
});
