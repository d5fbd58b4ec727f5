import { describe, expect, test } from 'vitest';
import { Refusal } from '../../src/kernel/errors.ts';
import { CLOSES, Disconnection } from '../../src/protocol/close.ts';
import { Gate, gateway, json, msgpack, settle, token, until } from './rig.ts';
import type { Message } from './rig.ts';

const COMMANDS: readonly Message[] = [
  { subscribe: { channel: 'room' } },
  { unsubscribe: { channel: 'room' } },
  { publish: { channel: 'room', data: 1 } },
  { presence: { channel: 'room' } },
  { presence_stats: { channel: 'room' } },
  { history: { channel: 'room' } },
  { ping: {} },
  { rpc: { method: 'm' } },
  { refresh: { token: 't' } },
  { sub_refresh: { channel: 'room', token: 't' } },
  { send: { data: 1 } },
  {},
];

describe('before the connect', () => {
  test.each(COMMANDS.map((command) => [JSON.stringify(command), command] as const))(
    '%s closes with 3501',
    async (_name, command) => {
      const { open, leftovers, faults } = gateway();
      const peer = open();
      peer.send(command);
      await settle();
      expect(peer.closedWith).toBe(3501);
      expect(peer.messages).toEqual([]);
      expect(await leftovers()).toEqual({});
      expect(faults()).toEqual([]);
    },
  );

  test.each(['', '\n', '{', '[]', 'null', '{"id":1}\n\n{"id":2}', '{"connect":{}}', '{"id":-1}'])(
    'the frame %j closes with 3501',
    async (frame) => {
      const { open } = gateway();
      const peer = open();
      peer.raw(frame);
      await settle();
      expect(peer.closedWith).toBe(3501);
    },
  );

  test('one who does not speak is closed with 3502', async () => {
    const { open, clock, leftovers } = gateway();
    const peer = open();
    clock.advance(9999);
    expect(peer.closedWith).toBeNull();
    clock.advance(500);
    expect(peer.closedWith).toBe(3502);
    expect(await leftovers()).toEqual({});
  });

  test('one whose connect is not decided in time is closed with 3502', async () => {
    const gate = new Gate();
    const { open, clock, leftovers } = gateway({
      hooks: { connect: async (_question, { signal }) => gate.pass(signal).then(() => ({})) },
    });
    const peer = open();
    peer.send({ connect: {} });
    clock.advance(10_500);
    expect(peer.closedWith).toBe(3502);
    expect(gate.signals[0]?.aborted).toBe(true);
    gate.open();
    expect(await leftovers()).toEqual({});
  });
});

describe('a connect', () => {
  test('is answered with who one is and how the connection is kept', async () => {
    const { open } = gateway();
    const peer = open();
    expect(await peer.connect({ name: 'js' })).toEqual({
      id: 1,
      connect: { client: peer.session.client, version: 'test', ping: 25, pong: true },
    });
  });

  test('twice closes with 3501, also in one frame', async () => {
    const { open, connected, leftovers } = gateway();
    const peer = await connected();
    peer.send({ connect: {} });
    expect(peer.closedWith).toBe(3501);
    const other = open();
    other.send({ connect: {} }, { connect: {} });
    expect(other.closedWith).toBe(3501);
    expect(await leftovers()).toEqual({});
  });

  test('without a token is refused where nobody may be anonymous, and ends the connection', async () => {
    const { open, clock, leftovers, roster } = gateway({ anonymous: false });
    const peer = open();
    expect(await peer.connect()).toMatchObject({ id: 1, error: { code: 101 } });
    expect(roster.client(peer.session.client)).toBeNull();
    peer.send({ subscribe: { channel: 'room' } });
    expect(peer.closedWith).toBe(3501);
    const silent = open();
    await silent.connect();
    clock.advance(10_500);
    expect(silent.closedWith).toBe(3502);
    expect(await leftovers()).toEqual({});
  });

  test('that is refused drops what came with it', async () => {
    const { open, hub } = gateway({ anonymous: false });
    const peer = open();
    peer.send({ connect: {} }, { subscribe: { channel: 'room' } });
    await settle();
    expect(peer.messages).toHaveLength(1);
    expect(hub.size).toBe(0);
    peer.send({ connect: {} });
    expect(peer.closedWith).toBe(3501);
  });

  test.each([
    ['a refusal', new Refusal('permissionDenied'), { id: 1, error: { code: 103 } }],
    ['an error of its own', new Error('oops'), { id: 1, error: { code: 100, temporary: true } }],
    ['a disconnection', new Disconnection({ code: 4501, reason: 'go away' }), { closed: 4501 }],
  ])('whose hook throws %s tells so', async (_name, error, reply) => {
    const { open, leftovers } = gateway({
      hooks: {
        connect: () => {
          throw error;
        },
      },
    });
    const peer = open();
    expect(await peer.connect()).toMatchObject(reply);
    peer.cut();
    expect(await leftovers()).toEqual({});
  });

  test.each([
    ['is no token', 'nonsense', { closed: 3500 }],
    ['is signed by another', 'eyJhbGciOiJIUzI1NiJ9.e30.AAAA', { closed: 3500 }],
  ])('with a token that %s closes with 3500', async (_name, bad, reply) => {
    const { open } = gateway();
    expect(await open().connect({ token: bad })).toEqual(reply);
  });

  test('with a token that has expired is refused with 109', async () => {
    const { open, clock } = gateway();
    const expired = await token({ sub: '42', exp: Math.floor(clock.now() / 1000) - 100 });
    expect(await open().connect({ token: expired })).toMatchObject({ error: { code: 109 } });
  });

  test('over the connections of a user closes with 3504, and frees the place when one goes', async () => {
    const { open, connected, leftovers } = gateway({ limits: { connectionsPerUser: 2 } });
    const ann = await token({ sub: 'ann' });
    const peers = [await connected({ token: ann }), await connected({ token: ann })];
    expect(await open().connect({ token: ann })).toEqual({ closed: 3504 });
    await connected({ token: await token({ sub: 'bob' }) }).then((bob) => bob.cut());
    await connected().then((nobody) => nobody.cut());
    peers[0]?.cut();
    const third = await connected({ token: ann });
    third.cut();
    peers[1]?.cut();
    expect(await leftovers()).toEqual({});
  });

  test('of a user that can have no personal channel is refused, and leaves nothing', async () => {
    const { open, clock, roster, leftovers } = gateway({ personal: { enabled: true } });
    const exp = Math.floor(clock.now() / 1000) + 5;
    for (const sub of ['1,2', 'a#b', 'x:1', 'x'.repeat(255)]) {
      const peer = open();
      const reply = await peer.connect({ token: await token({ sub, exp }) });
      expect(reply).toMatchObject({ id: 1, error: { code: 107 } });
      expect(roster.users).toBe(0);
    }
    // Their tokens expire, which must not be looked at any more.
    expect(() => clock.advance(60_000)).not.toThrow();
    expect(await leftovers()).toEqual({});
  });
});

describe('commands of one frame', () => {
  test('are carried out in their order, the connect first', async () => {
    const { open } = gateway();
    const peer = open();
    peer.send(
      { connect: {} },
      { subscribe: { channel: 'room' } },
      { publish: { channel: 'room', data: 1 } },
      { presence_stats: { channel: 'room' } },
      { history: { channel: 'room', limit: 10 } },
      { unsubscribe: { channel: 'other' } },
      { ping: {} },
    );
    await settle();
    expect(peer.replyTo(4)).toEqual({ id: 4, presence_stats: { num_clients: 1, num_users: 1 } });
    expect(peer.replyTo(5)?.['history'].publications).toHaveLength(1);
    expect(peer.messages.map(({ id }) => id).filter((id) => id !== undefined)).toHaveLength(7);
    expect(peer.heard()).toEqual([1]);
    // The author reads its own publication before the answer to what it asked after that.
    expect(peer.messages[0]).toMatchObject({ id: 1 });
  });

  test('wait for a connect that waits, and then follow', async () => {
    const gate = new Gate();
    const { open } = gateway({ hooks: { connect: async () => gate.pass().then(() => ({})) } });
    const peer = open();
    peer.send({ connect: {} }, { subscribe: { channel: 'room' } }, { ping: {} });
    await settle();
    expect(peer.messages).toEqual([]);
    gate.open();
    await settle();
    expect(peer.messages.map(({ id }) => id)).toEqual([1, 3, 2]);
  });

  test('do not wait for those of another channel', async () => {
    const gate = new Gate();
    const { connected } = gateway({
      namespaces: {
        default: { subscribe: 'anonymous', publish: 'anonymous', hooks: { subscribe: true } },
        quick: { subscribe: 'anonymous' },
      },
      hooks: { subscribe: async () => gate.pass() },
    });
    const peer = await connected();
    peer.send({ subscribe: { channel: 'room' } }, { subscribe: { channel: 'quick:a' } });
    await settle();
    expect(peer.replyTo(2)).toBeUndefined();
    expect(peer.replyTo(3)).toBeDefined();
    gate.open();
    await settle();
    expect(peer.replyTo(2)).toHaveProperty('subscribe');
  });

  test('one that is wrong is answered, and the others are carried out', async () => {
    const { connected } = gateway();
    const peer = await connected();
    peer.send({ subscribe: { channel: '' } }, { publish: { channel: 'room' } }, { ping: {} });
    await settle();
    expect(peer.replyTo(2)).toMatchObject({ error: { code: 107 } });
    expect(peer.replyTo(3)).toMatchObject({ error: { code: 107 } });
    expect(peer.replyTo(4)).toEqual({ id: 4 });
  });
});

describe('the same in MessagePack', () => {
  test('a frame of commands gets its answers and publications', async () => {
    const { open, publish } = gateway();
    const peer = open(msgpack);
    const other = open(json);
    await other.connect();
    await other.subscribe();
    // {id: 1, connect: {}} and {id: 2, subscribe: {channel: 'room'}}
    const bytes = Buffer.concat([
      Buffer.from([0x82, 0xa2, 0x69, 0x64, 1, 0xa7, ...Buffer.from('connect'), 0x80]),
      Buffer.from([0x82, 0xa2, 0x69, 0x64, 2, 0xa9, ...Buffer.from('subscribe')]),
      Buffer.from([0x81, 0xa7, ...Buffer.from('channel'), 0xa4, ...Buffer.from('room')]),
    ]);
    peer.raw(new Uint8Array(bytes));
    await settle();
    expect(peer.replyTo(2)).toHaveProperty('subscribe');
    await publish(0, 'room', { data: Uint8Array.of(1, 2, 255) });
    await settle();
    expect(peer.pushes.at(-1)?.['pub'].data).toEqual(Uint8Array.of(1, 2, 255));
    expect(other.heard()).toEqual(['AQL/']);
  });
});

describe('floods', () => {
  test('of commands that wait close with 3013, by number and by bytes', async () => {
    for (const limits of [{ mailboxMessages: 10 }, { mailboxBytes: 500 }]) {
      const gate = new Gate();
      const { connected, leftovers } = gateway({
        limits,
        hooks: { rpc: (_question, { signal }) => gate.pass(signal) },
      });
      const peer = await connected();
      for (let n = 0; n < 30; n += 1) peer.send({ rpc: { method: 'm' } });
      expect(peer.closedWith).toBe(3013);
      expect(gate.signals.every(({ aborted }) => aborted)).toBe(true);
      expect(await leftovers()).toEqual({});
    }
  });

  test('of messages close with 3013, after a burst of twice the rate', async () => {
    const { connected, clock } = gateway({ limits: { framesPerSecond: 10 } });
    const peer = await connected();
    for (let n = 0; n < 19; n += 1) peer.send({ ping: {} });
    expect(peer.closedWith).toBeNull();
    clock.advance(1000);
    for (let n = 0; n < 10; n += 1) peer.send({ ping: {} });
    expect(peer.closedWith).toBeNull();
    for (let n = 0; n < 10; n += 1) peer.send({ ping: {} });
    expect(peer.closedWith).toBe(3013);
  });

  test('of commands in few messages close with 3013', async () => {
    const { connected } = gateway({ limits: { commandsPerSecond: 10 } });
    const peer = await connected();
    peer.send(...Array.from({ length: 19 }, () => ({ ping: {} })));
    expect(peer.closedWith).toBeNull();
    peer.send({ ping: {} });
    expect(peer.closedWith).toBe(3013);
  });

  test('of calls wait for each other, and no other command waits for them', async () => {
    const gate = new Gate();
    const { connected } = gateway({
      limits: { rpcConcurrency: 2 },
      hooks: { rpc: ({ data }) => gate.pass().then(() => data) },
    });
    const peer = await connected();
    peer.send(...[1, 2, 3, 4, 5].map((data) => ({ rpc: { method: 'm', data } })), { ping: {} });
    await settle();
    expect(gate.size).toBe(2);
    expect(peer.replyTo(7)).toEqual({ id: 7 });
    for (const waiting of [2, 1]) {
      gate.open();
      await settle();
      expect(gate.size).toBe(waiting);
    }
    gate.open();
    await until(() => peer.messages.length === 7, 'all answers');
    expect(peer.replyTo(6)).toEqual({ id: 6, rpc: { data: 5 } });
  });
});

test('a connection ends once, however it is ended', async () => {
  const gate = new Gate();
  const { connected, roster, count, leftovers } = gateway({
    hooks: {
      rpc: (_question, { signal }) => {
        // Whoever listens to a signal may do anything, also end the connection again.
        signal.addEventListener('abort', () => {
          for (const peer of roster.all()) peer.close(CLOSES.forceDisconnect);
        });
        return gate.pass(signal);
      },
    },
  });
  const peer = await connected();
  await peer.subscribe();
  peer.send({ rpc: { method: 'm' } });
  peer.session.close('forceReconnect');
  peer.session.close('forceDisconnect');
  await settle();
  expect(peer.transport.closes).toEqual([{ code: 3011, reason: 'force reconnect' }]);
  expect(count('closes', '3011')).toBe(1);
  expect(count('closes', '3503')).toBe(0);
  expect(await leftovers()).toEqual({});
});
