/** How events are brought to a backend that takes them, does not, or takes its time. */
import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { CourierSettings, Deliver } from '../../src/events/courier.ts';
import { Courier } from '../../src/events/courier.ts';
import type { EventBatch } from '../../src/events/event.ts';
import { batchOf } from '../../src/events/event.ts';
import type { Journal } from '../../src/events/journal.ts';
import { MemoryJournal } from '../../src/events/memory.ts';
import { Undelivered } from '../../src/events/undelivered.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { ThrottledLog } from '../../src/kernel/log.ts';
import { ManualClock } from '../support/clock.ts';
import { KeptLog } from '../support/log.ts';
import { Crowd } from './crowd.ts';
import { View } from './view.ts';

/** Promises that are settled, and what they set off. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
}

/** A backend in the test's hands: takes batches, until it is told to do something else with them. */
class Backend {
  readonly view = new View();
  readonly batches: EventBatch[] = [];
  /** How many events each attempt had. */
  readonly attempts: number[] = [];
  readonly signals: AbortSignal[] = [];
  answer: (batch: EventBatch) => void | Promise<void> = () => {};

  readonly deliver: Deliver = async (written, signal) => {
    const batch = batchOf(written);
    this.attempts.push(batch.events.length);
    this.signals.push(signal);
    await this.answer(batch);
    this.batches.push(batch);
    this.view.take(batch);
  };
}

interface Rig {
  readonly clock: ManualClock;
  readonly crowd: Crowd;
  readonly backend: Backend;
  readonly courier: Courier;
  readonly log: KeptLog;
  readonly delivered: () => number;
  readonly failures: string[];
  readonly faults: unknown[];
  /** Time passes, in steps of a tenth of a second. */
  readonly pass: (ms: number) => Promise<void>;
}

async function rig(
  set: Partial<CourierSettings> & {
    readonly random?: number;
    readonly between?: (journal: Journal) => Journal;
  } = {},
): Promise<Rig> {
  const { random = 1, between = (same: Journal): Journal => same, ...settings } = set;
  const clock = new ManualClock();
  const backend = new Backend();
  const log = new KeptLog();
  let courier: Courier | null = null;
  const crowd = new Crowd((seams) => new MemoryJournal(seams), {
    clock,
    filled: () => courier?.filled(),
  });
  let delivered = 0;
  const failures: string[] = [];
  const faults: unknown[] = [];
  courier = new Courier({
    journal: between(crowd.journal),
    deliver: backend.deliver,
    batchMax: 8,
    batchDelayMs: 100,
    timeoutMs: 5000,
    giveUpMs: 3_600_000,
    ...settings,
    clock,
    random: () => random,
    log: new ThrottledLog(log, () => clock.now()),
    countDelivered: (_, by = 1) => {
      delivered += by;
    },
    countFailed: (kind = '') => void failures.push(kind),
    isAway: (error) => error instanceof Away,
    fault: (_, error) => void faults.push(error),
  });
  const one = courier;
  onTestFinished(async () => {
    const closed = one.close(1);
    clock.advance(1);
    await closed;
  });
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 100) {
      clock.advance(Math.min(left, 100));
      await settle();
    }
  };
  await settle();
  // The reset of the beginning.
  expect(backend.view.resets).toBe(1);
  await pass(100);
  backend.attempts.length = 0;
  backend.signals.length = 0;
  backend.batches.length = 0;
  return {
    clock,
    crowd,
    backend,
    courier,
    log,
    delivered: () => delivered,
    failures,
    faults,
    pass,
  };
}

class Away extends Error {}

function connectAll(crowd: Crowd, count: number): void {
  for (let n = 0; n < count; n += 1) crowd.connect(`c${crowd.size}`);
}

test('an event waits for others to come with it, and no longer than it is told to', async () => {
  const { crowd, backend, pass, delivered } = await rig();
  connectAll(crowd, 2);
  await pass(50);
  connectAll(crowd, 1);
  expect(backend.attempts).toEqual([]);
  await pass(50);
  expect(backend.attempts).toEqual([3]);
  expect(delivered()).toBe(1 + 3);
});

test('what fills batches is delivered at once, one batch after the other', async () => {
  const { crowd, backend, pass } = await rig();
  let underWay = 0;
  backend.answer = async () => {
    underWay += 1;
    expect(underWay).toBe(1);
    await settle();
    underWay -= 1;
  };
  connectAll(crowd, 20);
  await pass(100);
  await settle();
  await settle();
  await settle();
  expect(backend.attempts).toEqual([8, 8, 4]);
  expect(backend.view.state).toEqual(crowd.state);
});

test('a batch that nobody took comes again, later each time, and nothing is lost', async () => {
  const { crowd, backend, pass, failures } = await rig();
  backend.answer = () => {
    throw new Undelivered('unreachable', 'connection refused');
  };
  connectAll(crowd, 3);
  const times: number[] = [];
  let seen = 0;
  for (let ms = 0; ms < 130_000; ms += 100) {
    await pass(100);
    if (backend.attempts.length > seen) times.push(ms);
    seen = backend.attempts.length;
  }
  const gaps = times.slice(1).map((ms, index) => ms - times[index]!);
  expect(gaps).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  expect(new Set(backend.attempts)).toEqual(new Set([3]));
  expect(new Set(failures)).toEqual(new Set(['unreachable']));
  backend.answer = () => {};
  crowd.disconnect('c0');
  await pass(31_000);
  expect(backend.view.state).toEqual(crowd.state);
  expect(backend.view.faults).toEqual([]);
});

test('half of the time before another attempt is by chance', async () => {
  const { crowd, backend, pass } = await rig({ random: 0 });
  backend.answer = () => {
    throw new Undelivered('unreachable', 'connection refused');
  };
  connectAll(crowd, 1);
  await pass(100);
  for (let times = 0; times < 4; times += 1) await pass(100);
  // After 50, 100, 200, ...
  expect(backend.attempts.length).toBe(4);
});

test('where nobody is reached nothing is given up, however long that is', async () => {
  const { crowd, backend, clock } = await rig({ giveUpMs: 1000 });
  backend.answer = () => {
    throw new Undelivered('unreachable', 'connection refused');
  };
  connectAll(crowd, 1);
  for (let hours = 0; hours < 48; hours += 1) {
    clock.advance(3_600_000);
    await settle();
  }
  expect(crowd.dropped.size).toBe(0);
  backend.answer = () => {};
  clock.advance(60_000);
  await settle();
  expect(backend.view.state).toEqual(crowd.state);
});

test('the one event that is refused is found and dropped, and the others are delivered', async () => {
  const { crowd, backend, pass, log, failures } = await rig({ batchMax: 16 });
  backend.answer = ({ events }) => {
    const poison = events.some((event) => 'client' in event && event.client === 'c5');
    if (poison) throw new Undelivered('refused', 'status 422');
  };
  connectAll(crowd, 12);
  await pass(5000);
  expect(backend.view.dropped).toBe(1);
  expect(crowd.dropped).toEqual(new Map([['refused', 1]]));
  expect(Object.keys(backend.view.state)).toEqual(
    Object.keys(crowd.state).filter((client) => client !== 'c5'),
  );
  // Alone it was believed the fifth time.
  expect(backend.attempts.filter((events) => events === 1).length).toBeGreaterThanOrEqual(5);
  expect(failures.length).toBeLessThan(12);
  const [told] = log.of('warn').filter(({ message }) => message === 'an event was given up');
  expect(told?.fields['event']).toContain('"client":"c5"');
});

test('an event that fails for too long is dropped alone', async () => {
  const { crowd, backend, pass } = await rig({ giveUpMs: 60_000 });
  backend.answer = ({ events }) => {
    const poison = events.some((event) => 'client' in event && event.client === 'c1');
    if (poison) throw new Undelivered('failed', 'status 500');
  };
  connectAll(crowd, 6);
  await pass(50_000);
  expect(backend.view.state).toEqual({ c0: [] });
  await pass(60_000);
  expect(Object.keys(backend.view.state)).toEqual(['c0', 'c2', 'c3', 'c4', 'c5']);
  expect(backend.view.dropped).toBe(1);
});

test('batches grow back to their size when the backend is well again', async () => {
  const { crowd, backend, pass } = await rig();
  backend.answer = () => {
    throw new Undelivered('failed', 'status 500');
  };
  connectAll(crowd, 30);
  await pass(5000);
  expect(backend.attempts.at(-1)).toBe(1);
  backend.attempts.length = 0;
  backend.answer = () => {};
  await pass(31_000);
  expect(backend.attempts).toEqual([1, 2, 4, 8, 8, 7]);
});

test('the backend may say how long it wants to be left alone, within reason', async () => {
  const { crowd, backend, pass } = await rig();
  let retryAfterMs = 20_000;
  backend.answer = () => {
    throw new Undelivered('unreachable', 'status 503', { retryAfterMs });
  };
  connectAll(crowd, 1);
  await pass(20_000);
  expect(backend.attempts).toHaveLength(1);
  retryAfterMs = 86_400_000;
  await pass(200);
  expect(backend.attempts).toHaveLength(2);
  await pass(301_000);
  expect(backend.attempts).toHaveLength(3);
});

test('a function that throws is asked again, and one that refuses for good is believed', async () => {
  const { crowd, backend, pass, failures } = await rig();
  backend.answer = () => {
    throw new TypeError('a mistake');
  };
  connectAll(crowd, 1);
  await pass(1000);
  backend.answer = () => {
    throw new Refusal('internal', 'not now');
  };
  await pass(5000);
  expect(new Set(failures)).toEqual(new Set(['failed']));
  expect(crowd.dropped.size).toBe(0);
  backend.answer = () => {
    throw new Refusal('badRequest', 'never');
  };
  await pass(120_000);
  expect(crowd.dropped).toEqual(new Map([['refused', 1]]));
});

test('who takes too long is told so, and left behind', async () => {
  const { crowd, backend, pass, failures } = await rig({ timeoutMs: 2000 });
  const forever = Promise.withResolvers<void>();
  backend.answer = () => forever.promise;
  connectAll(crowd, 1);
  await pass(2000);
  expect(failures).toEqual([]);
  await pass(200);
  expect(failures).toEqual(['failed']);
  expect(backend.signals[0]?.aborted).toBe(true);
  backend.answer = () => {};
  await pass(3000);
  expect(backend.view.state).toEqual(crowd.state);
  // What the slow ones do in the end are doubles.
  forever.resolve();
  await settle();
  expect(backend.view.doubles).toBe(2);
  expect(backend.view.faults).toEqual([]);
});

test('a courier that closes delivers what waits, without waiting for more', async () => {
  const { crowd, backend, courier, pass } = await rig();
  connectAll(crowd, 20);
  await courier.close(5000);
  expect(backend.view.state).toEqual(crowd.state);
  await pass(1000);
  expect(backend.attempts).toEqual([8, 8, 4]);
});

test('a courier that closes while nobody takes anything gives up when its time is over', async () => {
  const { crowd, backend, courier, clock, pass } = await rig();
  backend.answer = () => new Promise(() => {});
  connectAll(crowd, 3);
  await pass(200);
  let closed = false;
  const closing = courier.close(3000).then(() => {
    closed = true;
  });
  await pass(2900);
  expect(closed).toBe(false);
  await pass(100);
  await closing;
  expect(backend.signals.at(-1)?.aborted).toBe(true);
  await crowd.journal.close();
  expect(crowd.dropped).toEqual(new Map([['closed', 3]]));
  expect(clock.pending).toBe(0);
});

test('while the store is away it is looked at every second, and our own faults are told', async () => {
  let error: Error | null = null;
  let looks = 0;
  const { crowd, backend, pass, faults } = await rig({
    between: (journal) => ({
      enter: (happening) => journal.enter(happening),
      take(eventsMax) {
        looks += 1;
        if (error !== null) throw error;
        return journal.take(eventsMax);
      },
      done: (page, outcome) => journal.done(page, outcome),
      size: 0,
      oldestMs: null,
      flush: () => journal.flush(),
      close: () => journal.close(),
    }),
  });
  error = new Away();
  looks = 0;
  connectAll(crowd, 1);
  await pass(10_100);
  expect(looks).toBe(11);
  expect(faults).toEqual([]);
  error = new Error('a mistake');
  await pass(1000);
  expect(faults).toEqual([error]);
  error = null;
  await pass(1000);
  expect(backend.view.state).toEqual(crowd.state);
});
