import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Fields, Log } from '../../src/kernel/log.ts';
import { silentLog } from '../../src/kernel/log.ts';
import type { Part } from '../../src/kernel/part.ts';
import { closeAll } from '../../src/kernel/part.ts';
import { ManualClock } from '../support/clock.ts';

let told: string[];
let errors: { fields: Fields; message: string }[];
let clock: ManualClock;
let log: Log;

beforeEach(() => {
  told = [];
  errors = [];
  clock = new ManualClock();
  log = { ...silentLog, error: (fields, message) => void errors.push({ fields, message }) };
});

function part(name: string, end: () => Promise<void> = async () => {}): Part {
  return {
    name,
    close: () => {
      told.push(name);
      return end();
    },
  };
}

function close(...parts: readonly Part[]): Promise<void> {
  return closeAll(parts, { clock, log, deadlineMs: 1000 });
}

describe('parts', () => {
  test('are closed in the reverse order of their birth, one after the other', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const closing = close(
      part('first'),
      part('second', () => promise),
      part('third'),
    );
    await setImmediate();
    expect(told).toEqual(['third', 'second']);
    resolve();
    await closing;
    expect(told).toEqual(['third', 'second', 'first']);
    expect(errors).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test('need not be there', async () => {
    await close();
    expect(clock.pending).toBe(0);
  });

  test('that reject are logged and left', async () => {
    const error = new Error('mine');
    await close(
      part('first'),
      part('bad', () => Promise.reject(error)),
    );
    expect(told).toEqual(['bad', 'first']);
    expect(errors).toEqual([{ fields: { part: 'bad', err: error }, message: 'failed to close' }]);
    expect(clock.pending).toBe(0);
  });

  test('that throw are logged and left', async () => {
    const error = new Error('mine');
    const bad = (): Promise<void> => {
      throw error;
    };
    await close(part('first'), part('bad', bad));
    expect(told).toEqual(['bad', 'first']);
    expect(errors).toEqual([{ fields: { part: 'bad', err: error }, message: 'failed to close' }]);
    expect(clock.pending).toBe(0);
  });

  test('that hang are left at the deadline, each with its own', async () => {
    const hang = (): Promise<void> => new Promise(() => {});
    const closing = close(part('first'), part('one', hang), part('two', hang));
    clock.advance(999);
    await setImmediate();
    expect(told).toEqual(['two']);
    clock.advance(1);
    await setImmediate();
    expect(told).toEqual(['two', 'one']);
    clock.advance(1000);
    await closing;
    expect(told).toEqual(['two', 'one', 'first']);
    expect(errors.map(({ fields, message }) => [fields['part'], message])).toEqual([
      ['two', 'did not close in time'],
      ['one', 'did not close in time'],
    ]);
    expect(clock.pending).toBe(0);
  });

  test('that fail after the deadline disturb nobody', async () => {
    const { promise, reject } = Promise.withResolvers<void>();
    const closing = close(part('late', () => promise));
    clock.advance(1000);
    await closing;
    reject(new Error('mine'));
    await setImmediate();
    expect(errors).toHaveLength(1);
  });
});
