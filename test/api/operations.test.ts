/** The operations in process. */
import { describe, expect, test } from 'vitest';
import { applyControl } from '../../src/api/control.ts';
import { CHANNELS_MAX } from '../../src/api/census.ts';
import { Json } from '../../src/kernel/data.ts';
import type { ErrorKind } from '../../src/kernel/errors.ts';
import { ERRORS, Refusal } from '../../src/kernel/errors.ts';
import { Disconnection } from '../../src/protocol/close.ts';
import { infoOf, named, stage } from './stage.ts';

async function refused(act: Promise<unknown>, kind: ErrorKind, words: string): Promise<void> {
  const error = await act.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Refusal);
  expect((error as Refusal).entry).toBe(ERRORS[kind]);
  expect((error as Refusal).message).toContain(words);
}

describe('publish', () => {
  test('gives the place in the stream and reaches subscribers', async () => {
    const { operations, connect, turn } = stage();
    const peer = connect('ann', 'c1');
    await operations.subscribe('ann', 'room');
    expect(await operations.publish('room', { a: 1 })).toEqual({ offset: 1, epoch: 'epoch1' });
    turn.flush();
    expect(peer.received).toMatchObject([{ offset: 1, data: new Json('{"a":1}'), info: null }]);
  });

  test('takes values, raw JSON and bytes, of which it keeps a copy', async () => {
    const { operations } = stage();
    const bytes = new Uint8Array([1, 2]);
    await operations.publish('room', 2n ** 60n);
    await operations.publish('room', new Json('{"n": 1.0}'));
    await operations.publish('room', bytes);
    bytes[0] = 9;
    const { publications } = await operations.history('room', { limit: -1 });
    expect(publications.map(({ data }) => data)).toEqual([
      new Json('1152921504606846976'),
      new Json('{"n": 1.0}'),
      new Uint8Array([1, 2]),
    ]);
  });

  test('keeps tags and the event', async () => {
    const { operations } = stage();
    await operations.publish('room', 1, { tags: { a: 'b' }, event: 'moved' });
    const { publications } = await operations.history('room', { limit: 1 });
    expect(publications).toMatchObject([{ tags: { a: 'b' }, event: 'moved' }]);
  });

  test('wants a delta where the namespace has them, unless told otherwise', async () => {
    const { operations } = stage();
    await operations.publish('room', 1);
    await operations.publish('room', 1, { delta: false });
    const { publications } = await operations.history('room', { limit: -1 });
    expect(publications.map(({ wantsDelta }) => wantsDelta)).toEqual([true, false]);
  });

  test('has no place without history', async () => {
    const { operations } = stage();
    const nowhere = { offset: 0, epoch: '' };
    expect(await operations.publish('plain:a', 1)).toEqual(nowhere);
    expect(await operations.publish('room', 1, { skipHistory: true })).toEqual(nowhere);
  });

  test('twice with one key gives the first result; other data is a conflict', async () => {
    const { operations } = stage();
    const options = { idempotencyKey: 'k' };
    const first = await operations.publish('room', 'x', options);
    expect(await operations.publish('room', 'x', options)).toEqual(first);
    await refused(operations.publish('room', 'y', options), 'conflict', 'idempotency_key');
    expect((await operations.history('room')).offset).toBe(1);
  });

  test('of a version that is not above the last goes nowhere', async () => {
    const { operations } = stage();
    await operations.publish('room', 'new', { version: 2 });
    expect(await operations.publish('room', 'old', { version: 1 })).toMatchObject({ offset: 1 });
    const anew = { version: 1, versionEpoch: 'b' };
    expect(await operations.publish('room', 'other', anew)).toMatchObject({ offset: 2 });
  });

  test('is refused with a version that nothing remembers', async () => {
    const { operations } = stage();
    await refused(operations.publish('plain:a', 1, { version: 1 }), 'badRequest', 'version');
    const skipped = operations.publish('room', 1, { version: 1, skipHistory: true });
    await refused(skipped, 'badRequest', 'version');
  });

  test('is refused without data, a channel, a namespace, or with a key too long', async () => {
    const { operations } = stage();
    await refused(operations.publish('room', undefined), 'badRequest', 'data is missing');
    await refused(operations.publish('', 1), 'badRequest', 'channel');
    await refused(operations.publish('a\nb', 1), 'badRequest', 'channel');
    await refused(operations.publish('nowhere:a', 1), 'unknownChannel', 'unknown channel');
    const idempotencyKey = 'k'.repeat(256);
    const long = operations.publish('room', 1, { idempotencyKey });
    await refused(long, 'badRequest', 'idempotency_key');
  });

  test('is refused for data that the namespace does not let through', async () => {
    const { operations } = stage();
    await operations.publish('checked:a', 'text');
    await refused(operations.publish('checked:a', 1), 'badRequest', 'data must be string');
  });
});

describe('broadcast', () => {
  test('tells for each channel where it is, or why it is not', async () => {
    const { operations } = stage();
    const outcomes = await operations.broadcast(['a', 'nowhere:b', 'plain:c', ''], 'x');
    expect(outcomes).toMatchObject([
      { position: { offset: 1, epoch: 'epoch1' } },
      { refusal: { entry: ERRORS.unknownChannel } },
      { position: { offset: 0, epoch: '' } },
      { refusal: { entry: ERRORS.badRequest } },
    ]);
  });

  test('goes on after a fault of ours, which is logged', async () => {
    const failing = new Error('broken');
    const { operations, faults } = stage({
      broker: (broker) =>
        new Proxy(broker, {
          get(target, name) {
            if (name !== 'publish') return Reflect.get(target, name, target);
            return (...[channel, draft, options]: Parameters<typeof broker.publish>) => {
              if (channel === 'bad') throw failing;
              return target.publish(channel, draft, options);
            };
          },
        }),
    });
    const outcomes = await operations.broadcast(['bad', 'good'], 'x');
    expect(outcomes).toMatchObject([
      { refusal: { entry: ERRORS.internal } },
      { position: { offset: 1 } },
    ]);
    expect(faults).toEqual([{ where: 'broadcast', error: failing }]);
  });
});

describe('the connections of a user', () => {
  test('are subscribed, all of them, with what was ordered', async () => {
    const { operations, connect, hub } = stage();
    const peers = [connect('ann', 'c1'), connect('ann', 'c2')];
    const other = connect('bob', 'c3');
    await operations.subscribe('ann', 'room', {
      info: { name: 'Ann' },
      data: new Uint8Array([1]),
      override: { presence: false },
      recoverSince: { offset: 3, epoch: 'e' },
      expireAtMs: 1000,
    });
    for (const peer of peers) {
      const order = {
        info: Json.of({ name: 'Ann' }),
        data: new Uint8Array([1]),
        override: { presence: false },
        since: { offset: 3, epoch: 'e' },
        expireAtMs: 1000,
      };
      expect(peer.orders).toEqual([{ channel: 'room', order }]);
    }
    expect(other.orders).toEqual([]);
    expect(hub.subscribersOf(named('room'))).toBe(2);
  });

  test('can be told apart by client', async () => {
    const { operations, connect } = stage();
    const [one, two] = [connect('ann', 'c1'), connect('ann', 'c2')];
    const anonymous = connect('', 'c3');
    await operations.subscribe('ann', 'room', { client: 'c2' });
    await operations.subscribe('bob', 'room', { client: 'c1' });
    await operations.subscribe('', 'room', { client: 'c3' });
    await operations.subscribe('', 'room', { client: 'nobody' });
    expect([one, two, anonymous].map(({ orders }) => orders.length)).toEqual([0, 1, 1]);
    await refused(operations.subscribe('', 'room'), 'badRequest', 'user is missing');
  });

  test('that cannot be subscribed are told of, after the others were', async () => {
    const { operations, connect } = stage();
    const [one, two] = [connect('ann', 'c1'), connect('ann', 'c2')];
    one.failure = new Refusal('limitExceeded', 'channels of one connection');
    two.gate = new Promise((resolve) => setImmediate(resolve));
    await refused(operations.subscribe('ann', 'room'), 'limitExceeded', 'channels');
    expect(two.channels()).toEqual(['room']);
  });

  test('that subscribe already, or left, are no failure', async () => {
    const { operations, connect, roster } = stage();
    const [one, two] = [connect('ann', 'c1'), connect('ann', 'c2')];
    one.failure = new Refusal('alreadySubscribed');
    two.failure = new Refusal('notAvailable');
    const subscribed = operations.subscribe('ann', 'room');
    roster.closed(two);
    await subscribed;
  });

  test('are unsubscribed with code 2000', async () => {
    const { operations, connect, hub } = stage();
    const peer = connect('ann', 'c1');
    await operations.subscribe('ann', 'room');
    await operations.unsubscribe('ann', 'room');
    const reason = { code: 2000, reason: 'server unsubscribe' };
    expect(peer.unsubscribes).toEqual([{ channel: 'room', reason }]);
    expect(hub.subscribersOf(named('room'))).toBe(0);
    await refused(operations.unsubscribe('ann', 'nowhere:x'), 'unknownChannel', '');
  });

  test('are disconnected with 3503, but for those on the white list', async () => {
    const { operations, connect } = stage();
    const [one, two] = [connect('ann', 'c1'), connect('ann', 'c2')];
    await operations.disconnect('ann', { whitelist: ['c2'] });
    expect(one.closes).toEqual([{ code: 3503, reason: 'force disconnect' }]);
    expect(two.closes).toEqual([]);
  });

  test.each([
    [
      { code: 4001, reason: 'bye' },
      { code: 4001, reason: 'bye' },
    ],
    [{ code: 4001 }, { code: 4001, reason: '' }],
    [{ code: 3001 }, { code: 3001, reason: 'shutdown' }],
    [{ reason: 'é'.repeat(61) }, { code: 3503, reason: 'é'.repeat(61) }],
  ])('are disconnected with %j as %j', async (options, close) => {
    const { operations, connect } = stage();
    const peer = connect('ann', 'c1');
    await operations.disconnect('ann', options);
    expect(peer.closes).toEqual([close]);
  });

  test.each([
    [{ code: 1000 }, 'disconnect.code'],
    [{ code: 2999 }, 'disconnect.code'],
    [{ code: 5000 }, 'disconnect.code'],
    [{ code: 3000.5 }, 'disconnect.code'],
    [{ reason: 'é'.repeat(62) }, 'disconnect.reason'],
  ])('are not disconnected with %j', async (options, words) => {
    const { operations, connect } = stage();
    const peer = connect('ann', 'c1');
    await refused(operations.disconnect('ann', options), 'badRequest', words);
    expect(peer.closes).toEqual([]);
  });

  test('are refreshed, or end as expired', async () => {
    const { operations, connect } = stage();
    const peer = connect('ann', 'c1');
    await operations.refresh('ann', { expireAtMs: 5000 });
    await operations.refresh('ann');
    expect(peer.refreshes).toEqual([5000, null]);
    await operations.refresh('ann', { expired: true });
    expect(peer.closes).toEqual([{ code: 3005, reason: 'connection expired' }]);
  });

  test('that are not here are no failure', async () => {
    const { operations, roster } = stage();
    await operations.disconnect('nobody');
    await operations.refresh('nobody');
    await operations.subscribe('nobody', 'room');
    const to = { user: 'nobody', client: '' };
    await applyControl(roster, { type: 'refresh', to, expired: false, expireAtMs: null });
  });
});

describe('presence', () => {
  test('tells who is there, and how many', async () => {
    const { operations, presence } = stage();
    presence.add(named('room'), infoOf('c1', 'ann'));
    presence.add(named('room'), infoOf('c2', 'ann'));
    expect(await operations.presence('room')).toEqual([infoOf('c1', 'ann'), infoOf('c2', 'ann')]);
    expect(await operations.presenceStats('room')).toEqual({ numClients: 2, numUsers: 1 });
  });

  test('is refused where it is not kept, and over its limit', async () => {
    const { operations, presence } = stage({ limits: { presenceMembers: 1 } });
    await refused(operations.presence('plain:a'), 'notAvailable', 'presence');
    await refused(operations.presenceStats('plain:a'), 'notAvailable', 'presence');
    presence.add(named('room'), infoOf('c1', 'ann'));
    presence.add(named('room'), infoOf('c2', 'ann'));
    await refused(operations.presence('room'), 'limitExceeded', 'members');
  });
});

describe('history', () => {
  test('is the position, and as many publications as are asked for', async () => {
    const { operations } = stage({ limits: { historyPublications: 3 } });
    for (let n = 1; n <= 5; n += 1) await operations.publish('room', n);
    const offsets = async (options: object): Promise<readonly number[]> => {
      const page = await operations.history('room', options);
      expect(page).toMatchObject({ offset: 5, epoch: 'epoch1' });
      return page.publications.map(({ offset }) => offset);
    };
    expect(await offsets({})).toEqual([]);
    expect(await offsets({ limit: 0 })).toEqual([]);
    expect(await offsets({ limit: 2 })).toEqual([1, 2]);
    expect(await offsets({ limit: -1 })).toEqual([1, 2, 3]);
    expect(await offsets({ limit: 99 })).toEqual([1, 2, 3]);
    expect(await offsets({ limit: 9, reverse: true })).toEqual([5, 4, 3]);
    const since = { offset: 3, epoch: 'epoch1' };
    expect(await offsets({ limit: 9, since })).toEqual([4, 5]);
    expect(await offsets({ limit: 9, since, reverse: true })).toEqual([2, 1]);
  });

  test('of another epoch cannot be had', async () => {
    const { operations } = stage();
    await operations.publish('room', 1);
    const since = { offset: 0, epoch: 'other' };
    await refused(operations.history('room', { since }), 'unrecoverablePosition', 'epoch');
  });

  test('can be removed; offsets go on', async () => {
    const { operations } = stage();
    await operations.publish('room', 1);
    await operations.removeHistory('room');
    expect((await operations.history('room', { limit: -1 })).publications).toEqual([]);
    expect(await operations.publish('room', 2)).toMatchObject({ offset: 2 });
  });

  test('is refused where it is not kept', async () => {
    const { operations } = stage();
    await refused(operations.history('plain:a'), 'notAvailable', 'history');
    await refused(operations.removeHistory('plain:a'), 'notAvailable', 'history');
  });
});

describe('channels', () => {
  test('are those with subscribers here, by pattern', async () => {
    const { operations, connect, hub } = stage();
    connect('ann', 'c1');
    connect('bob', 'c2');
    await operations.subscribe('ann', 'plain:a');
    await operations.subscribe('bob', 'plain:a');
    await operations.subscribe('bob', 'room');
    const all = await operations.channels();
    expect(all.truncated).toBe(false);
    expect([...all.channels]).toEqual([
      ['plain:a', { numClients: 2 }],
      ['room', { numClients: 1 }],
    ]);
    const some = await operations.channels({ pattern: 'plain:*' });
    expect([...some.channels.keys()]).toEqual(['plain:a']);
    // Somebody who is about to join is no subscriber yet.
    await hub.open(named('plain:later'), false);
    expect((await operations.channels()).channels.size).toBe(2);
    const pattern = '*'.repeat(256);
    await refused(operations.channels({ pattern }), 'badRequest', 'pattern');
  });

  test('are so many at the most, and the answer says so', async () => {
    const { operations, connect } = stage();
    connect('ann', 'c1');
    for (let n = 0; n < CHANNELS_MAX; n += 1) await operations.subscribe('ann', `plain:${n}`);
    expect(await operations.channels()).toMatchObject({ truncated: false });
    await operations.subscribe('ann', 'plain:more');
    const { channels, truncated } = await operations.channels();
    expect({ size: channels.size, truncated }).toEqual({ size: CHANNELS_MAX, truncated: true });
  });
});

test('info tells what this gateway carries', async () => {
  const { operations, connect, clock } = stage();
  connect('ann', 'c1');
  connect('ann', 'c2');
  await operations.subscribe('ann', 'plain:a');
  await operations.subscribe('ann', 'plain:b', { client: 'c1' });
  clock.advance(5000);
  const node = {
    uid: 'node-1',
    name: 'here',
    version: '1.2.3',
    numClients: 2,
    numUsers: 1,
    numSubs: 3,
    numChannels: 2,
    uptimeMs: 5000,
  };
  expect(await operations.info()).toEqual({ nodes: [node] });
});

describe('rpc', () => {
  test('asks the hook, as nobody', async () => {
    const { operations } = stage({
      hooks: { rpc: ({ method, data }, { client, user }) => ({ method, data, client, user }) },
    });
    const answer = await operations.rpc('sum', new Json('[1,2]'));
    expect(answer).toEqual({ method: 'sum', data: [1, 2], client: '', user: '' });
  });

  test('is refused without a hook, or by it', async () => {
    await refused(stage().operations.rpc('x'), 'notAvailable', 'rpc hook');
    const refusing = stage({
      hooks: {
        rpc: () => {
          throw new Refusal('permissionDenied');
        },
      },
    });
    await refused(refusing.operations.rpc('x'), 'permissionDenied', '');
    const closing = stage({
      hooks: {
        rpc: () => {
          throw new Disconnection('tooManyErrors');
        },
      },
    });
    await refused(closing.operations.rpc('x'), 'permissionDenied', 'too many errors');
  });
});
