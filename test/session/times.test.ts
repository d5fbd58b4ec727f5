import { describe, expect, test } from 'vitest';
import { channelNameOf } from '../../src/channel/name.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { Disconnection } from '../../src/protocol/close.ts';
import type { Message, Rig } from './rig.ts';
import { Gate, gateway, KEPT, settle, token, until, heldBack } from './rig.ts';

const ROOM = channelNameOf('room', 255);
const PING = {};

function claims(rig: Rig, seconds: number, set: Message = {}): Promise<string> {
  return token({ sub: 'ann', exp: Math.floor(rig.clock.now() / 1000) + seconds, ...set });
}

describe('pings', () => {
  test('come first within half of an interval, and then in each', async () => {
    for (const [random, firstMs] of [
      [0, 12_500],
      [0.999, 24_990],
    ] as const) {
      const { connected, clock } = gateway({ random: () => random });
      const peer = await connected();
      clock.advance(firstMs - 300);
      await settle();
      expect(peer.messages).toHaveLength(1);
      clock.advance(600);
      await settle();
      expect(peer.messages.at(-1)).toEqual(PING);
      for (let n = 2; n < 6; n += 1) {
        peer.send({});
        clock.advance(25_000);
        await settle();
        expect(peer.messages).toHaveLength(n + 1);
      }
      expect(peer.closedWith).toBeNull();
    }
  });

  test('that are not answered in time close with 3012', async () => {
    const { connected, clock, leftovers } = gateway();
    const peer = await connected();
    clock.advance(12_500);
    clock.advance(9900);
    expect(peer.closedWith).toBeNull();
    clock.advance(500);
    await settle();
    expect(peer.closedWith).toBe(3012);
    expect(await leftovers()).toEqual({});
  });

  test('that were not sent must not be answered', async () => {
    const { connected, clock } = gateway();
    const peer = await connected();
    peer.send({});
    expect(peer.closedWith).toBe(3501);
    const other = await connected();
    clock.advance(13_000);
    other.send({});
    expect(other.closedWith).toBeNull();
    other.send({});
    expect(other.closedWith).toBe(3501);
  });

  test('are not sent where the interval is 0', async () => {
    const { connected, clock, wheel } = gateway({ pings: false });
    const peer = await connected();
    expect(peer.messages[0]?.['connect'].ping).toBeUndefined();
    expect(wheel.size).toBe(0);
    clock.advance(3_600_000);
    expect(peer.closedWith).toBeNull();
  });

  test('are answered while a command waits', async () => {
    const gate = new Gate();
    const { connected, clock } = gateway({ hooks: { rpc: () => gate.pass() } });
    const peer = await connected();
    peer.send({ rpc: { method: 'm' } });
    clock.advance(13_000);
    peer.send({});
    clock.advance(10_000);
    expect(peer.closedWith).toBeNull();
  });
});

describe('a connection that expires', () => {
  test('says when, and is closed with 3005 after the grace', async () => {
    const rig = gateway({ pings: false });
    const peer = rig.open();
    const reply = await peer.connect({ token: await claims(rig, 60) });
    expect(reply['connect']).toMatchObject({ expires: true, ttl: 60 });
    rig.clock.advance(84_000);
    expect(peer.closedWith).toBeNull();
    rig.clock.advance(1500);
    await settle();
    expect(peer.closedWith).toBe(3005);
    expect(await rig.leftovers()).toEqual({});
  });

  test('lives on with a new token, also in the time of grace, and keeps its subscriptions', async () => {
    const rig = gateway({ pings: false });
    const peer = await rig.connected({ token: await claims(rig, 60) });
    await peer.subscribe();
    rig.clock.advance(70_000);
    const reply = await peer.ask({ refresh: { token: await claims(rig, 60, { info: 'new' }) } });
    expect(reply['refresh']).toMatchObject({ expires: true, ttl: 60 });
    rig.clock.advance(80_000);
    await rig.publish(1);
    await settle();
    expect(peer.heard()).toEqual([1]);
    rig.clock.advance(6000);
    await settle();
    expect(peer.closedWith).toBe(3005);
  });

  test('can be made to live for ever, or for less', async () => {
    const rig = gateway({ pings: false });
    const peer = await rig.connected({ token: await claims(rig, 3600) });
    await peer.ask({ refresh: { token: await token({ sub: 'ann' }) } });
    rig.clock.advance(100 * 3_600_000);
    expect(peer.closedWith).toBeNull();
    await peer.ask({ refresh: { token: await claims(rig, 10) } });
    rig.clock.advance(36_000);
    expect(peer.closedWith).toBe(3005);
    const other = await rig.connected({ token: await claims(rig, 3600) });
    other.session.refresh(rig.clock.now() + 1000);
    await settle();
    expect(other.pushes.at(-1)).toMatchObject({ refresh: { expires: true, ttl: 1 } });
    rig.clock.advance(26_500);
    expect(other.closedWith).toBe(3005);
  });

  test.each([
    ['that has expired', -100, {}, { error: { code: 109 } }],
    ['of another user', 60, { sub: 'bob' }, { closed: 3500 }],
  ])('is told of a new token %s', async (_name, seconds, set, reply) => {
    const rig = gateway();
    const peer = await rig.connected({ token: await claims(rig, 60) });
    const answer = await peer.ask({ refresh: { token: await claims(rig, seconds, set) } });
    expect(answer).toMatchObject(reply);
  });

  test('is not renewed without a token', async () => {
    const { connected } = gateway();
    const peer = await connected();
    expect(await peer.ask({ refresh: {} })).toMatchObject({ error: { code: 107 } });
    expect(await peer.ask({ refresh: { token: 'nonsense' } })).toEqual({ closed: 3500 });
  });
});

describe('a connection that the server renews', () => {
  function renewed(refresh: () => unknown): Rig {
    const rig: Rig = gateway({
      pings: false,
      hooks: {
        connect: () => ({ user: 'ann', expireAtMs: rig.clock.now() + 60_000 }),
        refresh: () => refresh() as object,
      },
    });
    return rig;
  }

  test('lives as long as the backend says, and the client hears nothing of it', async () => {
    let asked = 0;
    const rig = renewed(() => {
      asked += 1;
      return asked < 3 ? { expireAtMs: rig.clock.now() + 60_000 } : undefined;
    });
    const peer = await rig.connected();
    expect(peer.messages[0]?.['connect'].expires).toBeUndefined();
    for (const expected of [1, 2]) {
      rig.clock.advance(60_250);
      await settle();
      expect(asked).toBe(expected);
      expect(peer.closedWith).toBeNull();
    }
    rig.clock.advance(60_250);
    await settle();
    expect(peer.closedWith).toBe(3005);
    expect(await rig.leftovers()).toEqual({});
  });

  test.each([
    ['an error', new Error('oops'), 3005, 1],
    ['a disconnection', new Disconnection({ code: 4501, reason: 'go' }), 4501, 0],
  ])('ends with %s of the backend', async (_name, error, code, faults) => {
    const rig = renewed(() => {
      throw error;
    });
    const peer = await rig.connected();
    rig.clock.advance(60_250);
    await settle();
    expect(peer.closedWith).toBe(code);
    expect(rig.faults()).toHaveLength(faults);
    expect(await rig.leftovers()).toEqual({});
  });

  test('is asked about again while the backend cannot answer, until the grace is over', async () => {
    let asked = 0;
    let answers = false;
    const rig = renewed(() => {
      asked += 1;
      if (answers) return { expireAtMs: rig.clock.now() + 60_000 };
      throw new Refusal('internal');
    });
    const peer = await rig.connected();
    const pass = async (ms: number): Promise<void> => {
      rig.clock.advance(ms);
      await settle();
    };
    await pass(60_250);
    expect(asked).toBe(1);
    // After 2.5 seconds at the least; half of five is by chance.
    await pass(2000);
    expect(asked).toBe(1);
    await pass(500);
    expect(asked).toBe(2);
    answers = true;
    await pass(2750);
    expect(asked).toBe(3);
    await pass(50_000);
    expect([asked, peer.closedWith]).toEqual([3, null]);
    answers = false;
    for (let seconds = 0; seconds < 50; seconds += 1) await pass(1000);
    expect(peer.closedWith).toBe(3005);
    // Each 2.5 seconds for 25, and nothing of it is a fault.
    expect(asked).toBeGreaterThan(10);
    expect(asked).toBeLessThan(15);
    expect(rig.faults()).toHaveLength(0);
    expect(await rig.leftovers()).toEqual({});
  });

  test('ends at once with a refusal that is not temporary, and with a grace of nothing', async () => {
    for (const [expiry, kind] of [
      ['25s', 'permissionDenied'],
      ['0s', 'internal'],
    ] as const) {
      const rig: Rig = gateway({
        pings: false,
        expiry: { connectionGrace: expiry },
        hooks: {
          connect: () => ({ user: 'ann', expireAtMs: rig.clock.now() + 60_000 }),
          refresh: () => {
            throw new Refusal(kind);
          },
        },
      });
      const peer = await rig.connected();
      rig.clock.advance(60_250);
      await settle();
      expect(peer.closedWith).toBe(3005);
    }
  });

  test('is asked about once, however long that takes', async () => {
    const gate = new Gate();
    const rig = renewed(() => gate.pass().then(() => ({})));
    const peer = await rig.connected();
    await peer.subscribe();
    rig.clock.advance(600_000);
    await settle();
    expect(gate.size).toBe(1);
    expect(peer.closedWith).toBeNull();
    gate.open();
    await settle();
    rig.clock.advance(600_000);
    expect(peer.closedWith).toBeNull();
    expect(gate.size).toBe(0);
  });
});

describe('a subscription that expires', () => {
  test('says when, ends with 2501 after the grace, and can be had again', async () => {
    const rig = gateway({ pings: false });
    const peer = await rig.connected({ token: await token({ sub: 'ann' }) });
    const granted = await claims(rig, 60, { channel: 'room' });
    expect((await peer.subscribe('room', { token: granted }))['subscribe']).toMatchObject({
      expires: true,
      ttl: 60,
    });
    await peer.subscribe('other');
    rig.clock.advance(84_000);
    await settle();
    expect(peer.pushes.filter((push) => 'unsubscribe' in push)).toEqual([]);
    rig.clock.advance(1500);
    await settle();
    expect(peer.pushes.at(-1)).toMatchObject({
      channel: 'room',
      unsubscribe: { code: 2501, reason: 'expired' },
    });
    expect(peer.session.channels()).toEqual(['other']);
    const again = await claims(rig, 60, { channel: 'room' });
    expect(await peer.subscribe('room', { token: again })).toHaveProperty('subscribe');
    peer.cut();
    expect(await rig.leftovers()).toEqual({});
  });

  test('lives on with a new token', async () => {
    const rig = gateway({ pings: false });
    const peer = await rig.connected({ token: await token({ sub: 'ann' }) });
    await peer.subscribe('room', { token: await claims(rig, 60, { channel: 'room' }) });
    rig.clock.advance(70_000);
    const refresh = { channel: 'room', token: await claims(rig, 60, { channel: 'room' }) };
    const reply = await peer.ask({ sub_refresh: refresh });
    expect(reply['sub_refresh']).toMatchObject({ expires: true, ttl: 60 });
    rig.clock.advance(80_000);
    await settle();
    expect(peer.session.channels()).toEqual(['room']);
    rig.clock.advance(6000);
    expect(peer.session.channels()).toEqual([]);
  });

  test.each([
    ['of another channel', 'room', { channel: 'other' }],
    ['of a channel it is not in', 'other', { channel: 'other' }],
    ['of another user', 'room', { channel: 'room', sub: 'bob' }],
  ])('is not renewed with a token %s', async (_name, channel, set) => {
    const rig = gateway();
    const peer = await rig.connected({ token: await token({ sub: 'ann' }) });
    await peer.subscribe('room', { token: await claims(rig, 60, { channel: 'room' }) });
    const refresh = { channel, token: await claims(rig, 60, set) };
    expect(await peer.ask({ sub_refresh: refresh })).toMatchObject({ error: { code: 103 } });
  });

  test('that the backend allowed ends without grace, and the client asks again', async () => {
    const rig: Rig = gateway({
      pings: false,
      namespaces: { default: { ...KEPT, hooks: { subscribe: true } } },
      hooks: { subscribe: () => ({ expireAtMs: rig.clock.now() + 10_000 }) },
    });
    const peer = await rig.connected();
    expect((await peer.subscribe())['subscribe'].expires).toBeUndefined();
    rig.clock.advance(9900);
    expect(peer.session.channels()).toEqual(['room']);
    rig.clock.advance(400);
    await settle();
    expect(peer.pushes.at(-1)).toMatchObject({ unsubscribe: { code: 2501 } });
  });

  test('that has expired before it began ends at once', async () => {
    const rig: Rig = gateway({
      pings: false,
      namespaces: { default: { ...KEPT, hooks: { subscribe: true } } },
      hooks: { subscribe: () => ({ expireAtMs: rig.clock.now() - 1000 }) },
    });
    const peer = await rig.connected();
    await peer.subscribe();
    rig.clock.advance(600);
    await settle();
    expect(peer.session.channels()).toEqual([]);
    peer.cut();
    expect(await rig.leftovers()).toEqual({});
  });

  test('that the server made ends the connection with 3006', async () => {
    const rig = gateway({ pings: false });
    const peer = await rig.connected();
    await peer.session.subscribe(ROOM, { expireAtMs: rig.clock.now() + 10_000, since: null });
    rig.clock.advance(9900);
    expect(peer.closedWith).toBeNull();
    rig.clock.advance(400);
    await settle();
    expect(peer.closedWith).toBe(3006);
    expect(await rig.leftovers()).toEqual({});
  });

  test('is not ended before it has begun, though another ends', async () => {
    const gate = new Gate();
    const rig: Rig = gateway({
      pings: false,
      namespaces: { default: { ...KEPT, hooks: { subscribe: true } } },
      hooks: { subscribe: () => ({ expireAtMs: rig.clock.now() + 10_000 }) },
      around: heldBack(gate),
    });
    const peer = await rig.connected();
    await peer.subscribe();
    const id = peer.send({ subscribe: { channel: 'other' } });
    await settle();
    rig.clock.advance(10_500);
    await settle();
    const ended = peer.pushes.filter((push) => 'unsubscribe' in push);
    expect(ended).toMatchObject([{ channel: 'room' }]);
    gate.open();
    await until(() => peer.replyTo(id) !== undefined, 'the reply');
    expect(peer.replyTo(id)).toHaveProperty('subscribe');
    // It had expired meanwhile.
    rig.clock.advance(600);
    await settle();
    expect(peer.session.channels()).toEqual([]);
  });
});
