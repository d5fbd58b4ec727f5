/** A connection that ends at the worst moment: nothing of it may stay, and nothing be told of it that is not so. */
import { describe, expect, test } from 'vitest';
import type { Hooks } from '../../src/hooks/hooks.ts';
import { CLOSES } from '../../src/protocol/close.ts';
import type { Services } from '../../src/session/services.ts';
import type { Message, Peer, Rig } from './rig.ts';
import { Gate, gateway, KEPT, numbers, settle, token } from './rig.ts';

/** How a connection ends. */
const ENDS: Readonly<Record<string, (peer: Peer) => void>> = {
  'the line is cut': (peer) => peer.cut(),
  'the server closes it': (peer) => peer.session.close(CLOSES.forceDisconnect),
  'a frame is broken': (peer) => peer.raw('{'),
};

describe('while a hook is asked', () => {
  interface Scene {
    readonly hooks: (gate: Gate) => Hooks;
    /** What is sent by one who is connected; null: the connect is what waits. */
    readonly command: Message | null;
  }

  const SCENES: Readonly<Record<string, Scene>> = {
    connect: {
      hooks: (gate) => ({
        connect: async (_question, { signal }) =>
          gate.pass(signal).then(() => ({ channels: ['room'] })),
      }),
      command: null,
    },
    subscribe: {
      hooks: (gate) => ({ subscribe: async (_question, { signal }) => gate.pass(signal) }),
      command: { subscribe: { channel: 'asked:room' } },
    },
    publish: {
      hooks: (gate) => ({ publish: async (_question, { signal }) => gate.pass(signal) }),
      command: { publish: { channel: 'asked:room', data: 1 } },
    },
    rpc: {
      hooks: (gate) => ({ rpc: (_question, { signal }) => gate.pass(signal) }),
      command: { rpc: { method: 'm' } },
    },
    message: {
      hooks: (gate) => ({ message: (_data, { signal }) => gate.pass(signal) }),
      command: { send: { data: 1 } },
    },
  };

  for (const [name, { hooks, command }] of Object.entries(SCENES)) {
    for (const [how, end] of Object.entries(ENDS)) {
      test.each(['answers', 'fails'])(
        `${name}, and ${how}: it is told, and it %s`,
        async (outcome) => {
          const gate = new Gate();
          const rig = gateway({
            hooks: hooks(gate),
            namespaces: {
              default: KEPT,
              asked: {
                ...KEPT,
                hooks: { subscribe: name === 'subscribe', publish: name === 'publish' },
              },
            },
          });
          const watcher = rig.open();
          const peer = rig.open();
          if (command === null) peer.send({ connect: {} });
          else await peer.connect();
          if (command !== null) {
            await watcher.connect();
            await watcher.ask({ history: { channel: 'asked:room' } });
            peer.send(command);
          }
          await settle();
          expect(gate.signals).toHaveLength(1);
          expect(gate.signals[0]?.aborted).toBe(false);
          end(peer);
          expect(gate.signals[0]?.aborted).toBe(true);
          const read = peer.messages.length;
          if (outcome === 'answers') gate.open();
          else gate.fail(gate.signals[0]?.reason as Error);
          await settle();
          expect(peer.messages).toHaveLength(read);
          if (name === 'publish') {
            const { history } = await watcher.ask({ history: { channel: 'asked:room' } });
            expect(history.offset).toBe(0);
          }
          watcher.cut();
          expect(await rig.leftovers()).toEqual({});
          expect(rig.faults()).toEqual([]);
        },
      );
    }
  }

  test('a refresh by the server, too', async () => {
    const gate = new Gate();
    const rig = gateway({
      hooks: {
        connect: () => ({ user: 'ann', expireAtMs: rig.clock.now() + 60_000 }),
        refresh: async ({ signal }) => gate.pass(signal).then(() => ({})),
      },
    });
    const peer = await rig.connected();
    rig.clock.advance(12_500);
    peer.send({});
    rig.clock.advance(25_000);
    peer.send({});
    rig.clock.advance(25_000);
    expect(gate.signals).toHaveLength(1);
    peer.cut();
    expect(gate.signals[0]?.aborted).toBe(true);
    gate.open();
    expect(await rig.leftovers()).toEqual({});
    expect(rig.faults()).toEqual([]);
  });
});

/** Puts a few turns of the microtask queue before and after everything that organs do for a session. */
function slowly(services: Services, turns: number): Services {
  const wait = async (): Promise<void> => {
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
  };
  const slow = <T extends object>(organ: T, methods: readonly (keyof T)[]): T =>
    new Proxy(organ, {
      get(target, key) {
        const member: unknown = Reflect.get(target, key, target);
        if (typeof member !== 'function') return member;
        const call = (...given: unknown[]): unknown => Reflect.apply(member, target, given);
        if (!methods.some((method) => method === key)) return call;
        // In the order they are asked for, as over one connection.
        return async (...given: unknown[]) => {
          await wait();
          const done: unknown = await call(...given);
          await wait();
          return done;
        };
      },
    });
  return {
    ...services,
    presence: slow(services.presence, ['add', 'remove', 'members', 'stats']),
    broker: slow(services.broker, ['publish', 'notify', 'history']),
  };
}

/** Joins and leaves of others, as a watcher was told of them. */
function comings(watcher: Peer): Map<string, string[]> {
  const told = new Map<string, string[]>();
  for (const push of watcher.pushes) {
    for (const what of ['join', 'leave']) {
      const client = push[what]?.info.client as string | undefined;
      if (client === undefined || client === watcher.session.client) continue;
      told.set(client, [...(told.get(client) ?? []), what]);
    }
  }
  return told;
}

const LAST_TURN = 60;

describe('after each turn of the microtask queue', () => {
  const FRAMES: Readonly<Record<string, readonly Message[]>> = {
    'of a subscribe': [{ connect: {} }, { subscribe: { channel: 'room' } }],
    'of a subscribe that recovers': [
      { connect: {} },
      { subscribe: { channel: 'room', recover: true, recoverable: true } },
    ],
    'of everything at once': [
      { connect: {} },
      { subscribe: { channel: 'room' } },
      { publish: { channel: 'room', data: 1 } },
      { unsubscribe: { channel: 'room' } },
      { subscribe: { channel: 'room' } },
      { presence: { channel: 'room' } },
      { history: { channel: 'room', limit: 10 } },
      { subscribe: { channel: 'other' } },
    ],
  };

  async function scene(turns: number): Promise<{ rig: Rig; watcher: Peer }> {
    const rig = gateway({ around: (services) => slowly(services, turns) });
    for (const n of numbers(1, 3)) await rig.publish(n);
    const watcher = await rig.connected();
    await watcher.subscribe('room', { join_leave: true });
    return { rig, watcher };
  }

  for (const [name, frame] of Object.entries(FRAMES)) {
    for (const [how, end] of Object.entries(ENDS)) {
      test(`${name}: ${how}, and nothing stays`, async () => {
        for (const turns of [0, 1, 3]) {
          const { rig, watcher } = await scene(turns);
          const peers: Peer[] = [];
          for (const last of numbers(0, LAST_TURN)) {
            const peer = rig.open();
            peers.push(peer);
            peer.send(...frame);
            for (let turn = 0; turn < last; turn += 1) await Promise.resolve();
            end(peer);
          }
          await settle();
          // Each was told to have left as often as to have come, and never before.
          for (const told of comings(watcher).values()) {
            expect(told.length % 2).toBe(0);
            expect(told).toEqual(told.map((_what, at) => (at % 2 === 0 ? 'join' : 'leave')));
          }
          // Somebody did get as far as that.
          expect(comings(watcher).size).toBeGreaterThan(0);
          watcher.cut();
          expect(await rig.leftovers()).toEqual({});
          expect(rig.faults()).toEqual([]);
        }
      });
    }
  }

  test('of a connect with subscriptions of the server: nothing stays', async () => {
    for (const turns of [0, 1, 3]) {
      const rig = gateway({
        hooks: { connect: () => Promise.resolve({ user: 'ann', channels: ['room', 'other'] }) },
        around: (services) => slowly(services, turns),
      });
      for (const last of numbers(0, LAST_TURN)) {
        const peer = rig.open();
        peer.send({ connect: {} });
        for (let turn = 0; turn < last; turn += 1) await Promise.resolve();
        peer.cut();
      }
      expect(await rig.leftovers()).toEqual({});
      expect(rig.faults()).toEqual([]);
    }
  });

  test('of an unsubscribe: what stays is what was asked for last', async () => {
    for (const turns of [0, 1, 3]) {
      const { rig, watcher } = await scene(turns);
      for (const last of numbers(0, LAST_TURN)) {
        const peer = await rig.connected();
        peer.send({ subscribe: { channel: 'room' } });
        for (let turn = 0; turn < last; turn += 1) await Promise.resolve();
        peer.send({ unsubscribe: { channel: 'room' } });
        await settle();
        const told = comings(watcher).get(peer.session.client) ?? [];
        expect(told).toEqual(told.length === 0 ? [] : ['join', 'leave']);
        expect(peer.session.channels()).toEqual([]);
        peer.cut();
      }
      const { presence_stats: stats } = await watcher.ask({ presence_stats: { channel: 'room' } });
      expect(stats).toMatchObject({ num_clients: 1 });
      watcher.cut();
      expect(await rig.leftovers()).toEqual({});
    }
  });
});

describe('while a token is verified', () => {
  test('nothing stays, wherever it ends', async () => {
    const rig = gateway({ hooks: { connect: () => ({}) } });
    const ann = await token({ sub: 'ann', channels: ['room'] });
    const granted = await token({ sub: 'ann', channel: '$room' });
    for (const [, end] of Object.entries(ENDS)) {
      for (const wait of [0, 1, 2, 3, 5]) {
        const peer = rig.open();
        peer.send({ connect: { token: ann } }, { subscribe: { channel: '$room', token: granted } });
        for (let turn = 0; turn < wait; turn += 1) await settle();
        end(peer);
      }
    }
    for (let turn = 0; turn < 20; turn += 1) await settle();
    expect(await rig.leftovers()).toEqual({});
    expect(rig.faults()).toEqual([]);
  });
});

describe('a socket that takes nothing more', () => {
  // Found when something is written: then the session ends within whatever it was doing.
  test.each([
    ['the reply to a connect', [{ connect: {} }]],
    ['the reply to a subscribe', [{ connect: {} }, { subscribe: { channel: 'room' } }]],
    [
      'what was missed',
      [{ connect: {} }, { subscribe: { channel: 'room', recover: true, recoverable: true } }],
    ],
  ])('before %s: nothing stays', async (_name, frame) => {
    const rig = gateway({ limits: { outboxBytes: 100 } });
    for (const n of numbers(1, 50)) await rig.publish(n);
    const watcher = await rig.connected();
    await watcher.subscribe('room', { join_leave: true });
    const peer = rig.open();
    peer.transport.dead = true;
    peer.send(...frame);
    await settle();
    expect(peer.closedWith).toBe(3008);
    await rig.publish(51);
    await settle();
    for (const told of comings(watcher).values()) expect(told).toEqual(['join', 'leave']);
    watcher.cut();
    expect(await rig.leftovers()).toEqual({});
    expect(rig.faults()).toEqual([]);
  });

  test('within the welcome of a subscriber: nothing stays', async () => {
    const rig = gateway({ limits: { outboxBytes: 100 } });
    for (const n of numbers(1, 50)) await rig.publish(n);
    const peer = await rig.connected();
    peer.transport.slow = true;
    // The reply to the first fills the outbox, that to the second is one too many.
    peer.send(
      { history: { channel: 'room', limit: 50 } },
      { subscribe: { channel: 'room', recover: true, recoverable: true } },
    );
    await settle();
    expect(peer.closedWith).toBe(3008);
    expect(rig.hub.size).toBe(0);
    expect(await rig.leftovers()).toEqual({});
    expect(rig.faults()).toEqual([]);
  });

  test('a ping that ends the connection looks at nothing after it', async () => {
    const rig = gateway({ limits: { outboxBytes: 50 } });
    const exp = Math.floor(rig.clock.now() / 1000) + 12;
    const peer = await rig.connected({ token: await token({ sub: 'ann', exp }) });
    peer.transport.dead = true;
    // The ping and the expiry are due in one tick.
    expect(() => rig.clock.advance(13_000)).not.toThrow();
    await settle();
    expect(peer.closedWith).toBe(3008);
    expect(await rig.leftovers()).toEqual({});
  });
});
