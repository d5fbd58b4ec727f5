import { describe, expect, test } from 'vitest';
import type { BrokerListener, PublishOptions } from '../../src/broker/broker.ts';
import { IDEMPOTENCY_TTL_MS, STREAM_OUTLIVES_MS } from '../../src/broker/broker.ts';
import { MemoryBroker } from '../../src/broker/memory.ts';
import { channelNameOf } from '../../src/channel/name.ts';
import type { ChannelName } from '../../src/channel/name.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { Wheel } from '../../src/kernel/wheel.ts';
import { ManualClock } from '../support/clock.ts';
import { brokerSuite, draft } from './broker-suite.ts';

const KEPT = { size: 5, ttlMs: 60_000 };
const PLAIN: PublishOptions = { history: KEPT, idempotencyKey: '', version: 0, versionEpoch: '' };
const DEAF: BrokerListener = { published() {}, noticed() {} };

function rig({ streamsMax = 1000, keysMax = 1000, listener = DEAF } = {}): {
  broker: MemoryBroker;
  clock: ManualClock;
  wheel: Wheel;
  forgotten: () => number;
} {
  const clock = new ManualClock();
  const wheel = new Wheel(clock);
  let epochs = 0;
  let forgotten = 0;
  const broker = new MemoryBroker({
    listener,
    clock,
    wheel,
    streamsMax,
    idempotencyKeysMax: keysMax,
    newEpoch: () => `epoch${(epochs += 1)}`,
    countForgottenKey: () => {
      forgotten += 1;
    },
  });
  return { broker, clock, wheel, forgotten: () => forgotten };
}

function named(name: string): ChannelName {
  return channelNameOf(name, 255);
}

brokerSuite('in memory', (listener) => {
  const { broker, clock } = rig({ listener });
  return Promise.resolve({ broker, pass: (ms) => clock.advance(ms) });
});

describe('in memory: bounds', () => {
  test('one stream more than may be held is refused, until another is forgotten', () => {
    const { broker, clock } = rig({ streamsMax: 2 });
    broker.publish(named('a'), draft(1), PLAIN);
    broker.read(named('b'), { kind: 'top' }, KEPT);
    const third = (): unknown => broker.publish(named('c'), draft(1), PLAIN);
    expect(third).toThrow(Refusal);
    expect(() => broker.read(named('c'), { kind: 'top' }, KEPT)).toThrow('limit exceeded');
    // What needs no stream of its own goes on.
    broker.publish(named('c'), draft(1), { ...PLAIN, history: null });
    broker.publish(named('a'), draft(2), PLAIN);
    clock.advance(KEPT.ttlMs + 1000);
    expect(third).not.toThrow();
  });

  test('a refused publication is not remembered by its key', () => {
    const { broker } = rig({ streamsMax: 0 });
    const keyed = { ...PLAIN, idempotencyKey: 'k' };
    expect(() => broker.publish(named('a'), draft(1), keyed)).toThrow('limit exceeded');
    expect(() => broker.publish(named('a'), draft(2), keyed)).toThrow('limit exceeded');
  });

  test('of too many keys the oldest is forgotten early, and that is counted', () => {
    const { broker, clock, forgotten } = rig({ keysMax: 3 });
    const publish = (key: string): string =>
      broker.publish(named('a'), draft(key), { ...PLAIN, idempotencyKey: key }).outcome;
    for (const key of ['1', '2', '3']) {
      publish(key);
      clock.advance(1000);
    }
    expect(forgotten()).toBe(0);
    expect(publish('4')).toBe('published');
    expect(forgotten()).toBe(1);
    expect(['2', '3', '4'].map(publish)).toEqual(['repeated', 'repeated', 'repeated']);
    expect(publish('1')).toBe('published');
    expect(forgotten()).toBe(2);
    clock.advance(IDEMPOTENCY_TTL_MS + 1000);
    // What expired makes room by itself.
    expect(['5', '6', '7'].map(publish)).toEqual(['published', 'published', 'published']);
    expect(forgotten()).toBe(2);
  });
});

describe('in memory: nothing is left behind', () => {
  test('when all publications, streams and keys have expired', () => {
    const { broker, clock, wheel } = rig();
    for (let n = 0; n < 100; n += 1) {
      const options = { ...PLAIN, idempotencyKey: `key ${n}` };
      broker.publish(named(`channel ${n}`), draft(n), options);
      broker.read(named(`read ${n}`), { kind: 'top' }, KEPT);
      broker.history(named(`asked ${n}`), { limit: 1, since: null, reverse: true }, KEPT);
      clock.advance(100);
    }
    expect(wheel.size).toBe(301);
    clock.advance(KEPT.ttlMs + IDEMPOTENCY_TTL_MS + 1000);
    expect(wheel.size).toBe(100);
    clock.advance(STREAM_OUTLIVES_MS);
    expect(wheel.size).toBe(0);
    expect(broker.size).toEqual({ streams: 0, keys: 0 });
  });

  test('when it is closed', async () => {
    const { broker, wheel } = rig();
    broker.publish(named('a'), draft(1), { ...PLAIN, idempotencyKey: 'k' });
    await broker.close();
    expect(wheel.size).toBe(0);
    expect(broker.size).toEqual({ streams: 0, keys: 0 });
  });

  test('and what is listened to is kept, and for a while after', () => {
    const { broker, clock, wheel } = rig();
    const channel = named('a');
    const { epoch } = broker.read(channel, { kind: 'top' }, KEPT).top;
    broker.listen(channel);
    clock.advance(10 * STREAM_OUTLIVES_MS);
    broker.unlisten(channel);
    clock.advance(KEPT.ttlMs - 1000);
    expect(broker.read(channel, { kind: 'top' }, KEPT).top).toEqual({ offset: 0, epoch });
    clock.advance(KEPT.ttlMs + 1000);
    expect(wheel.size).toBe(0);
    expect(broker.read(channel, { kind: 'top' }, KEPT).top.epoch).not.toBe(epoch);
  });

  test('and publications are freed on time, though their stream lives on', () => {
    const { broker, clock, wheel } = rig();
    broker.publish(named('a'), draft(1), PLAIN);
    clock.advance(KEPT.ttlMs / 2);
    broker.publish(named('a'), draft(2), PLAIN);
    clock.advance(KEPT.ttlMs - 1000);
    const all = { limit: 10, since: null, reverse: false };
    expect(broker.history(named('a'), all, KEPT).publications).toHaveLength(2);
    clock.advance(2000);
    expect(broker.history(named('a'), all, KEPT).publications).toHaveLength(0);
    expect(wheel.size).toBe(1);
  });
});
