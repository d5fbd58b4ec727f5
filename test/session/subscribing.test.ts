import { describe, expect, test } from 'vitest';
import { channelNameOf } from '../../src/channel/name.ts';
import { ACCESS } from '../../src/channel/rules.ts';
import type { NamespaceInput } from '../../src/config/input.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { UNSUBSCRIBES } from '../../src/protocol/close.ts';
import type { Message } from './rig.ts';
import { Gate, gateway, KEPT, numbers, OPEN, settle, token, until, heldBack } from './rig.ts';

const ROOM = channelNameOf('room', 255);

describe('a subscription', () => {
  test('begins where the channel is, and hears all that follows once', async () => {
    const { connected, publish } = gateway();
    const peer = await connected();
    for (const n of numbers(1, 3)) await publish(n);
    const { subscribe } = await peer.subscribe('room', { recoverable: true });
    expect(subscribe).toEqual({ recoverable: true, epoch: expect.any(String), offset: 3 });
    for (const n of numbers(4, 6)) await publish(n);
    await settle();
    expect(peer.heard()).toEqual([4, 5, 6]);
  });

  test('tells no place to who did not ask for one', async () => {
    const { connected, publish } = gateway();
    const peer = await connected();
    await publish(1);
    expect((await peer.subscribe())['subscribe']).toEqual({});
    expect((await peer.subscribe('other', { positioned: true }))['subscribe']).toMatchObject({
      positioned: true,
      epoch: expect.any(String),
    });
  });

  test('a second one is refused with 105, and the first goes on', async () => {
    const { connected, publish } = gateway();
    const peer = await connected();
    await peer.subscribe();
    expect(await peer.subscribe()).toMatchObject({ error: { code: 105 } });
    await publish(1);
    await settle();
    expect(peer.heard()).toEqual([1]);
  });

  test('ends with unsubscribe, which is always answered', async () => {
    const { connected, publish, hub } = gateway();
    const peer = await connected();
    expect(await peer.ask({ unsubscribe: { channel: 'room' } })).toMatchObject({ unsubscribe: {} });
    await peer.subscribe();
    await peer.ask({ unsubscribe: { channel: 'room' } });
    await publish(1);
    await settle();
    expect(peer.heard()).toEqual([]);
    expect(hub.size).toBe(0);
  });

  test.each([
    ['of a namespace that is not there', 'nowhere:a', 102],
    ['with a control character', 'a\nb', 107],
    ['that is too long', 'x'.repeat(256), 107],
    ['that wants a token', '$room', 103],
    ['of other users', 'room#1,2', 103],
  ])('to a name %s is refused', async (_name, channel, code) => {
    const { connected } = gateway();
    const peer = await connected();
    expect(await peer.subscribe(channel)).toMatchObject({ error: { code } });
  });

  test('with a delta that is none of ours is refused', async () => {
    const { connected } = gateway();
    const peer = await connected();
    expect(await peer.subscribe('room', { delta: 'xdelta' })).toMatchObject({
      error: { code: 107 },
    });
  });

  test('over the channels of a connection is refused with 106, until one is left', async () => {
    const { connected } = gateway({ limits: { channelsPerConnection: 2 } });
    const peer = await connected();
    await peer.subscribe('a');
    await peer.subscribe('b');
    expect(await peer.subscribe('c')).toMatchObject({ error: { code: 106 } });
    await peer.ask({ unsubscribe: { channel: 'a' } });
    expect(await peer.subscribe('c')).toHaveProperty('subscribe');
  });

  test('over the subscribers of a channel is refused with 106, also where all come at once', async () => {
    const { connected, hub, leftovers } = gateway({
      namespaces: { default: { ...KEPT, maxSubscribers: 2 } },
    });
    const peers = [];
    for (let n = 0; n < 5; n += 1) peers.push(await connected());
    for (const peer of peers) peer.send({ subscribe: { channel: 'room' } });
    await settle();
    const replies = peers.map((peer) => peer.replyTo(2));
    expect(replies.filter((reply) => reply?.['error']?.code === 106)).toHaveLength(3);
    expect(hub.subscribersOf(ROOM)).toBe(2);
    peers.find((peer) => peer.replyTo(2)?.['subscribe'] !== undefined)?.cut();
    const next = await connected();
    expect(await next.subscribe()).toHaveProperty('subscribe');
    for (const peer of [...peers, next]) peer.cut();
    expect(await leftovers()).toEqual({});
  });
});

describe('subscribe and unsubscribe in one frame', () => {
  const on = { subscribe: { channel: 'room' } };
  const off = { unsubscribe: { channel: 'room' } };

  async function outcome(hook: boolean, commands: Message[]): Promise<Message> {
    const gate = new Gate();
    const rig = gateway({
      namespaces: { default: { ...KEPT, hooks: { subscribe: hook } } },
      hooks: { subscribe: async (_question, { signal }) => gate.pass(signal) },
    });
    const peer = rig.open();
    peer.send({ connect: {} }, ...commands);
    for (let turn = 0; turn < 10; turn += 1) {
      await settle();
      gate.open();
    }
    const codes = commands.map((_command, at) => peer.replyTo(at + 2)?.['error']?.code ?? 0);
    const subscribers = rig.hub.subscribersOf(ROOM);
    peer.cut();
    return { codes, subscribers, left: await rig.leftovers(), faults: rig.faults() };
  }

  for (const hook of [false, true]) {
    const how = hook ? 'with a backend that is asked' : 'without a backend';
    test(`${how}: what was asked for last is what is`, async () => {
      const none = { left: {}, faults: [] };
      expect(await outcome(hook, [on, off])).toEqual({ codes: [108, 0], subscribers: 0, ...none });
      expect(await outcome(hook, [on, off, on])).toEqual({
        codes: [108, 0, 0],
        subscribers: 1,
        ...none,
      });
      expect(await outcome(hook, [on, off, on, off])).toEqual({
        codes: [108, 0, 108, 0],
        subscribers: 0,
        ...none,
      });
      expect(await outcome(hook, [on, on, off, on])).toEqual({
        codes: [108, 108, 0, 0],
        subscribers: 1,
        ...none,
      });
    });
  }

  test('when connected: neither is taken for the other, and 105 is never met', async () => {
    const { connected, hub, publish } = gateway();
    const peer = await connected();
    peer.send(on, off, on, off, on);
    await settle();
    const codes = numbers(2, 6).map((id) => peer.replyTo(id)?.['error']?.code ?? 0);
    expect(codes).toEqual([108, 0, 108, 0, 0]);
    expect(hub.subscribersOf(ROOM)).toBe(1);
    await publish(1);
    await settle();
    expect(peer.heard()).toEqual([1]);
  });

  test('an unsubscribe aborts what the subscribe waits for', async () => {
    const gate = new Gate();
    const { connected, leftovers } = gateway({
      namespaces: { default: { ...KEPT, hooks: { subscribe: true } } },
      hooks: { subscribe: async (_question, { signal }) => gate.pass(signal) },
    });
    const peer = await connected();
    peer.send(on);
    await settle();
    peer.send(off);
    expect(gate.signals[0]?.aborted).toBe(true);
    await settle();
    expect(peer.replyTo(3)).toEqual({ id: 3, unsubscribe: {} });
    gate.open();
    await settle();
    expect(peer.replyTo(2)).toMatchObject({ error: { code: 108 } });
    peer.cut();
    expect(await leftovers()).toEqual({});
  });
});

describe('recovery', () => {
  test('brings what was missed, then what follows, and goes on from where the client was', async () => {
    const { connected, publish } = gateway();
    const peer = await connected();
    const { subscribe: first } = await peer.subscribe('room', { recoverable: true });
    peer.cut();
    for (const n of numbers(1, 5)) await publish(n);
    const again = await connected();
    const { subscribe } = await again.subscribe('room', {
      recoverable: true,
      recover: true,
      offset: 2,
      epoch: first.epoch,
    });
    expect(subscribe).toMatchObject({ recovered: true, was_recovering: true, offset: 2 });
    expect(subscribe.publications.map(({ offset }: Message) => offset)).toEqual([3, 4, 5]);
    await publish(6);
    await settle();
    expect(again.heard()).toEqual([6]);
  });

  test('that cannot be complete is told: the place now, and nothing of what was missed', async () => {
    const { connected, publish } = gateway({
      namespaces: { default: { ...KEPT, history: { size: 3, ttl: '5m' } } },
      limits: { historyPublications: 2 },
    });
    for (const n of numbers(1, 5)) await publish(n);
    const peer = await connected();
    const { history } = await peer.ask({ history: { channel: 'room' } });
    const ask = async (recover: Message): Promise<Message> => {
      const reply = await peer.subscribe('room', { recoverable: true, recover: true, ...recover });
      await peer.ask({ unsubscribe: { channel: 'room' } });
      return reply;
    };
    const { epoch } = history;
    const told = { recoverable: true, was_recovering: true, epoch, offset: 5 };
    expect((await ask({ offset: 1, epoch }))['subscribe']).toEqual(told);
    expect((await ask({ offset: 4, epoch: 'other' }))['subscribe']).toEqual(told);
    expect((await ask({ offset: 9, epoch }))['subscribe']).toEqual(told);
    // Kept, but more than may be brought at once.
    expect((await ask({ offset: 2, epoch }))['subscribe']).toEqual(told);
    expect((await ask({ offset: 3, epoch }))['subscribe']).toMatchObject({ recovered: true });
    // One who would rather not subscribe then gets an error, and is not subscribed.
    expect(await ask({ offset: 1, epoch, flag: 2 })).toMatchObject({ error: { code: 112 } });
    expect(await ask({ offset: 5, epoch, flag: 2 })).toHaveProperty('subscribe');
  });

  test('by the cache brings the latest, unless the client has it', async () => {
    const { connected, publish } = gateway({
      namespaces: { default: { ...KEPT, recovery: 'cache' } },
    });
    for (const n of numbers(1, 5)) await publish(n);
    const peer = await connected();
    const { subscribe } = await peer.subscribe('room', { recoverable: true, recover: true });
    expect(subscribe).toMatchObject({ recovered: true, offset: 5 });
    expect(subscribe.publications).toMatchObject([{ data: 5 }]);
    const again = await connected();
    const { subscribe: second } = await again.subscribe('room', {
      recoverable: true,
      recover: true,
      offset: 5,
      epoch: subscribe.epoch,
    });
    expect(second).toMatchObject({ recovered: true, was_recovering: true, offset: 5 });
    expect(second.publications).toBeUndefined();
  });

  test('is not there where the namespace has none, and can be granted by whoever allows', async () => {
    const rig = gateway({
      namespaces: {
        default: {
          subscribe: 'anonymous',
          history: { size: 10, ttl: '5m' },
          hooks: { subscribe: true },
        },
      },
      hooks: {
        subscribe: ({ data }) => (data === 'grant' ? { override: { forceRecovery: true } } : {}),
      },
    });
    for (const n of numbers(1, 3)) await rig.publish(n);
    const peer = await rig.connected();
    const recover = { recoverable: true, recover: true, offset: 1 };
    const { subscribe: without } = await peer.subscribe('room', recover);
    expect(without).toEqual({ was_recovering: true });
    const other = await rig.connected();
    const { subscribe } = await other.subscribe('room', { ...recover, data: 'grant' });
    expect(subscribe).toMatchObject({ recoverable: true, recovered: true, offset: 1 });
    expect(subscribe.publications.map(({ data }: Message) => data)).toEqual([2, 3]);
  });
});

describe('who may do what', () => {
  // A client that is nobody, one with a user id, one that is subscribed, one with a token.
  const WHO = ['anonymous', 'client', 'subscriber', 'token'] as const;
  const OPERATIONS: Readonly<Record<string, { rule: keyof NamespaceInput; command: Message }>> = {
    publish: { rule: 'publish', command: { publish: { channel: 'room', data: 1 } } },
    presence: { rule: 'presenceAccess', command: { presence: { channel: 'room' } } },
    'presence stats': { rule: 'presenceAccess', command: { presence_stats: { channel: 'room' } } },
    history: { rule: 'historyAccess', command: { history: { channel: 'room' } } },
  };

  const may: Readonly<Record<(typeof ACCESS)[number], readonly string[]>> = {
    nobody: [],
    token: ['token'],
    subscriber: ['subscriber', 'token'],
    // Those who are subscribed are users here.
    client: ['client', 'subscriber', 'token'],
    anonymous: WHO,
  };

  for (const [operation, { rule, command }] of Object.entries(OPERATIONS)) {
    test.each(ACCESS)(`${operation} is for %s`, async (access) => {
      const { connected } = gateway({
        namespaces: { default: { ...KEPT, subscribe: 'client', [rule]: access } },
      });
      const allowed = [];
      for (const who of WHO) {
        const peer = await connected(
          who === 'anonymous' ? {} : { token: await token({ sub: 'ann' }) },
        );
        if (who === 'subscriber') await peer.subscribe();
        if (who === 'token') {
          const granted = await token({ sub: 'ann', channel: 'room' });
          expect(await peer.subscribe('room', { token: granted })).toHaveProperty('subscribe');
        }
        const { error } = await peer.ask(command);
        if (error === undefined) allowed.push(who);
        else expect(error.code).toBe(103);
      }
      expect(allowed).toEqual(may[access]);
    });
  }

  test.each([
    ['nobody', []],
    ['token', ['token']],
    ['client', ['client', 'token']],
    ['anonymous', ['anonymous', 'client', 'token']],
  ] as const)('subscribe is for %s', async (access, expected) => {
    const { connected } = gateway({ namespaces: { default: { subscribe: access } } });
    const allowed = [];
    for (const who of ['anonymous', 'client', 'token']) {
      const peer = await connected(
        who === 'anonymous' ? {} : { token: await token({ sub: 'ann' }) },
      );
      const granted = await token({ sub: 'ann', channel: 'room' });
      const reply = await peer.subscribe('room', who === 'token' ? { token: granted } : {});
      if (reply['subscribe'] !== undefined) allowed.push(who);
      else expect(reply['error'].code).toBe(103);
    }
    // A token decides alone, also where nobody else may.
    expect(allowed).toEqual(access === 'nobody' ? ['token'] : expected);
  });

  test('a channel of users is for those in its name', async () => {
    const { connected } = gateway({
      namespaces: { default: OPEN, closed: { subscribe: 'nobody' } },
    });
    const outcomes = async (sub: string): Promise<boolean[]> => {
      const peer = await connected(sub === '' ? {} : { token: await token({ sub }) });
      const names = ['talk#1,2', '#1', 'talk#', 'closed:talk#1'];
      const replies = [];
      for (const name of names) replies.push(await peer.subscribe(name));
      return replies.map((reply) => reply['subscribe'] !== undefined);
    };
    expect(await outcomes('1')).toEqual([true, true, false, false]);
    expect(await outcomes('2')).toEqual([true, false, false, false]);
    expect(await outcomes('12')).toEqual([false, false, false, false]);
    expect(await outcomes('')).toEqual([false, false, false, false]);
  });

  test.each([
    ['another channel', { sub: 'ann', channel: 'other' }, 103],
    ['another user', { sub: 'bob', channel: '$room' }, 103],
    ['nobody', { channel: '$room' }, 103],
    ['a connection', { sub: 'ann' }, 103],
  ])('a subscription token of %s is refused', async (_name, claims, code) => {
    const { connected } = gateway();
    const peer = await connected({ token: await token({ sub: 'ann' }) });
    const reply = await peer.subscribe('$room', { token: await token(claims) });
    expect(reply).toMatchObject({ error: { code } });
  });

  test('a token opens a channel that is only for tokens, and its overrides hold', async () => {
    const { connected, sharing } = gateway();
    const peer = await connected({ token: await token({ sub: 'ann' }) });
    const granted = await token({
      sub: 'ann',
      channel: '$room',
      info: { of: 'the subscription' },
      override: {
        presence: { value: false },
        join_leave: { value: false },
        force_positioning: { value: true },
        force_push_join_leave: { value: true },
      },
    });
    const { subscribe } = await peer.subscribe('$room', { token: granted });
    expect(subscribe).toMatchObject({ positioned: true });
    const other = await connected({ token: await token({ sub: 'ann' }) });
    await other.subscribe('$room', { token: await token({ sub: 'ann', channel: '$room' }) });
    other.cut();
    await settle();
    // It is told of the other, and nobody is told of it.
    expect(peer.pushes.map((push) => Object.keys(push)[1])).toEqual(['join', 'leave']);
    const members = await sharing.presence.members(channelNameOf('$room', 255), 10);
    expect(members).toEqual([]);
  });

  test('where the backend is asked it alone decides, and what it says holds', async () => {
    const { connected, sharing, faults } = gateway({
      namespaces: { default: { ...KEPT, subscribe: 'nobody', hooks: { subscribe: true } } },
      hooks: {
        subscribe: ({ data }) => {
          if (data === 'no') throw new Refusal({ code: 1234, message: 'no', temporary: false });
          if (data === 'oops') throw new Error('oops');
          return { info: { from: 'the backend' }, data: { for: 'the subscriber' } };
        },
      },
    });
    const peer = await connected();
    expect(await peer.subscribe('room', { data: 'no' })).toMatchObject({ error: { code: 1234 } });
    expect(await peer.subscribe('room', { data: 'oops' })).toMatchObject({ error: { code: 100 } });
    expect(faults()).toHaveLength(1);
    const { subscribe } = await peer.subscribe();
    expect(subscribe).toMatchObject({ data: { for: 'the subscriber' } });
    const [member] = await sharing.presence.members(ROOM, 10);
    expect(member?.chanInfo).toMatchObject({ text: '{"from":"the backend"}' });
  });
});

describe('joins and leaves', () => {
  test('are told to those who asked for them', async () => {
    const { connected } = gateway();
    const curious = await connected();
    const other = await connected();
    await curious.subscribe('room', { join_leave: true });
    await other.subscribe();
    await other.ask({ unsubscribe: { channel: 'room' } });
    await other.subscribe();
    other.cut();
    await settle();
    const told = curious.pushes.map((push) => {
      const [, what] = Object.keys(push);
      return `${what} ${push[what!].info.client === other.session.client ? 'other' : 'self'}`;
    });
    expect(told).toEqual(['join self', 'join other', 'leave other', 'join other', 'leave other']);
    expect(other.pushes).toEqual([]);
  });

  test('are not told where the namespace does not say so', async () => {
    const { connected } = gateway({ namespaces: { default: { ...KEPT, joinLeave: false } } });
    const curious = await connected();
    const other = await connected();
    await curious.subscribe('room', { join_leave: true });
    await other.subscribe();
    other.cut();
    await settle();
    expect(curious.pushes).toEqual([]);
  });
});

describe('subscriptions by the server', () => {
  const orders = {
    connect: () => ({ channels: ['room'], subs: { other: { data: { why: 'so' } } } }),
  };

  test('are in the reply to the connect, and what comes meanwhile comes after it', async () => {
    const gate = new Gate();
    const { open, publish } = gateway({
      hooks: orders,
      around: heldBack(gate),
    });
    const peer = open();
    peer.send({ connect: {} });
    await settle();
    await publish(1);
    await publish(2);
    await settle();
    expect(peer.transport.frames).toEqual([]);
    gate.open();
    await settle();
    const [reply, ...pushes] = peer.messages;
    expect(reply?.['connect'].subs).toMatchObject({
      room: { recoverable: true, epoch: expect.any(String) },
      other: { data: { why: 'so' } },
    });
    expect(reply?.['connect'].subs.room.offset).toBeUndefined();
    const heard = pushes.filter(({ push }) => push.pub !== undefined);
    expect(heard.map(({ push }) => push.pub.data)).toEqual([1, 2]);
    expect(peer.transport.frames).toHaveLength(1);
  });

  test('recover from where the client was', async () => {
    const { connected, publish } = gateway({ hooks: orders });
    const peer = await connected();
    const { room } = peer.messages[0]!['connect'].subs;
    peer.cut();
    for (const n of numbers(1, 3)) await publish(n);
    const again = await connected({
      subs: { room: { recover: true, offset: 1, epoch: room.epoch } },
    });
    const { room: recovered } = again.messages[0]!['connect'].subs;
    expect(recovered).toMatchObject({ recovered: true, offset: 1 });
    expect(recovered.publications.map(({ data }: Message) => data)).toEqual([2, 3]);
  });

  test('come with the user, who has a channel of its own', async () => {
    const { connected, publish } = gateway({ personal: { enabled: true } });
    const peer = await connected({ token: await token({ sub: 'ann', channels: ['room'] }) });
    expect(Object.keys(peer.messages[0]!['connect'].subs).toSorted()).toEqual(['#ann', 'room']);
    await publish('for ann', '#ann');
    await settle();
    expect(peer.heard('#ann')).toEqual(['for ann']);
    const nobody = await connected();
    expect(nobody.messages[0]?.['connect'].subs).toBeUndefined();
  });

  test.each([
    ['too many', numbers(1, 3).map(String), 3505],
    ['one that is no name', ['a\nb'], 3501],
    ['one of no namespace', ['nowhere:a'], 3501],
  ])('of %s end the connection and leave nothing', async (_name, channels, code) => {
    const { open, leftovers, faults } = gateway({
      limits: { channelsPerConnection: 2 },
      hooks: { connect: () => ({ channels }) },
    });
    expect(await open().connect()).toEqual({ closed: code });
    expect(await leftovers()).toEqual({});
    expect(faults()).toEqual([]);
  });

  test('can be made and ended while it is connected', async () => {
    const { connected, publish, leftovers } = gateway();
    const peer = await connected();
    for (const n of numbers(1, 4)) await publish(n);
    const { history } = await peer.ask({ history: { channel: 'room' } });
    const order = { expireAtMs: null, since: { offset: 2, epoch: history.epoch } };
    await peer.session.subscribe(ROOM, order);
    await peer.session.subscribe(ROOM, order);
    await publish(5);
    await settle();
    expect(peer.pushes[0]).toMatchObject({ channel: 'room', subscribe: { offset: 2 } });
    // What it missed since it was there, then what follows.
    expect(peer.heard()).toEqual([3, 4, 5]);
    expect(peer.session.unsubscribe(ROOM, UNSUBSCRIBES.server)).toBe(true);
    expect(peer.session.unsubscribe(ROOM, UNSUBSCRIBES.server)).toBe(false);
    await settle();
    expect(peer.pushes.at(-1)).toMatchObject({ unsubscribe: { code: 2000 } });
    peer.cut();
    expect(await leftovers()).toEqual({});
  });

  test('meet a client that subscribes at the same time', async () => {
    const gate = new Gate();
    const { connected, leftovers, hub } = gateway({
      namespaces: { default: { ...KEPT, hooks: { subscribe: true } } },
      hooks: { subscribe: async () => gate.pass() },
    });
    const peer = await connected();
    peer.send({ subscribe: { channel: 'room' } });
    await settle();
    await peer.session.subscribe(ROOM, { expireAtMs: null, since: null });
    gate.open();
    await until(() => peer.replyTo(2) !== undefined, 'the reply');
    expect(peer.replyTo(2)).toMatchObject({ error: { code: 105 } });
    expect(hub.subscribersOf(ROOM)).toBe(1);
    peer.cut();
    expect(await leftovers()).toEqual({});
  });
});
