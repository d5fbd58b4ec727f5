/** A client that reads too slowly, under each rule, among others that read all the time. */
import { applyDelta } from 'fossil-delta';
import { describe, expect, test } from 'vitest';
import { channelNameOf } from '../../src/channel/name.ts';
import type { NamespaceInput } from '../../src/config/input.ts';
import type { Peer, Rig } from './rig.ts';
import { Gate, gateway, KEPT, numbers, settle, heldBack } from './rig.ts';

const ROOM = channelNameOf('room', 255);
const LIMITS = { outboxBytes: 2000 } as const;
const SKIP: NamespaceInput = { ...KEPT, slowConsumer: 'skip' };
const LATEST: NamespaceInput = { ...KEPT, recovery: 'cache', slowConsumer: 'latest' };

interface Scene {
  readonly rig: Rig;
  readonly slow: Peer;
  readonly fast: Peer;
  /** Publishes the numbers, each in a turn of its own. */
  readonly publish: (first: number, last: number) => Promise<void>;
}

/** Numbers that weigh something. */
function valueOf(n: number): unknown {
  return { n, pad: 'x'.repeat(150) };
}

function heard(peer: Peer): number[] {
  return peer.heard().map((value) => (value as { n: number }).n);
}

async function scene(rules: NamespaceInput, subscribe = {}): Promise<Scene> {
  const rig = gateway({ namespaces: { default: rules }, limits: LIMITS });
  const [slow, fast] = [await rig.connected(), await rig.connected()];
  await slow.subscribe('room', subscribe);
  await fast.subscribe('room', subscribe);
  return {
    rig,
    slow,
    fast,
    publish: async (first, last) => {
      for (const n of numbers(first, last)) {
        await rig.publish(valueOf(n));
        await settle();
        expect(slow.transport.buffered()).toBeLessThan(LIMITS.outboxBytes + 500);
      }
    },
  };
}

async function ends({ rig, slow, fast }: Scene): Promise<void> {
  slow.cut();
  fast.cut();
  expect(await rig.leftovers()).toEqual({});
  expect(rig.faults()).toEqual([]);
}

describe('disconnect', () => {
  test('closes it with 3008 and harms nobody else', async () => {
    const all = await scene(KEPT);
    all.slow.transport.slow = true;
    await all.publish(1, 30);
    expect(all.slow.closedWith).toBe(3008);
    expect(all.rig.count('slow', 'disconnect')).toBe(1);
    expect(heard(all.fast)).toEqual(numbers(1, 30));
    // What was sent before had no hole.
    expect(heard(all.slow)).toEqual(numbers(1, heard(all.slow).length));
    await ends(all);
  });

  test('also for joins and leaves', async () => {
    const all = await scene(KEPT, { join_leave: true });
    all.slow.transport.slow = true;
    for (let n = 0; n < 40; n += 1) {
      const other = await all.rig.connected();
      await other.subscribe();
      other.cut();
      await settle();
    }
    expect(all.slow.closedWith).toBe(3008);
    expect(all.fast.closedWith).toBeNull();
    await ends(all);
  });

  test('closes it for a reply that is one too many, whatever the rule', async () => {
    const all = await scene(SKIP);
    all.slow.transport.slow = true;
    await all.publish(1, 30);
    expect(all.slow.closedWith).toBeNull();
    for (let n = 0; n < 10; n += 1) {
      all.slow.send({ history: { channel: 'room', limit: 10 } });
      await settle();
    }
    expect(all.slow.closedWith).toBe(3008);
    await ends(all);
  });
});

describe('skip', () => {
  test('leaves out what there is no room for, and makes up for it from the history', async () => {
    const all = await scene(SKIP);
    all.slow.transport.slow = true;
    await all.publish(1, 40);
    expect(heard(all.slow)).toEqual([]);
    all.slow.transport.drain();
    await settle();
    expect(heard(all.slow)).toEqual(numbers(1, 40));
    await all.publish(41, 45);
    expect(heard(all.slow)).toEqual(numbers(1, 45));
    expect(heard(all.fast)).toEqual(numbers(1, 45));
    expect(all.rig.count('slow', 'skip')).toBeGreaterThan(0);
    await ends(all);
  });

  test('makes up for it piece by piece, for one who stays slow', async () => {
    const all = await scene(SKIP);
    all.slow.transport.slow = true;
    for (const round of numbers(0, 9)) {
      await all.publish(round * 8 + 1, round * 8 + 8);
      all.slow.transport.drain(true);
      await settle();
    }
    for (const _round of numbers(1, 40)) {
      all.slow.transport.drain(true);
      await settle();
    }
    all.slow.transport.drain();
    await settle();
    expect(heard(all.slow)).toEqual(numbers(1, 80));
    await ends(all);
  });

  test('also where the socket tells of every bit of progress', async () => {
    const all = await scene(SKIP);
    all.slow.transport.slow = true;
    await all.publish(1, 60);
    for (const _sip of numbers(1, 200)) {
      all.slow.transport.sip();
      await settle();
    }
    expect(heard(all.slow)).toEqual(numbers(1, 60));
    await ends(all);
  });

  test('tells 2500 when the history does not have it any more, and the client can come back', async () => {
    const all = await scene({ ...SKIP, history: { size: 5, ttl: '5m' } });
    all.slow.transport.slow = true;
    await all.publish(1, 40);
    all.slow.transport.drain();
    await settle();
    expect(all.slow.pushes.at(-1)).toMatchObject({
      channel: 'room',
      unsubscribe: { code: 2500, reason: 'insufficient state' },
    });
    const before = heard(all.slow);
    expect(before).toEqual(numbers(1, before.length));
    const { subscribe } = await all.slow.subscribe('room', { recoverable: true });
    expect(subscribe).toMatchObject({ offset: 40 });
    await all.publish(41, 42);
    expect(heard(all.slow)).toEqual([...before, 41, 42]);
    await ends(all);
  });

  test('tells 2500 where there is no history at all', async () => {
    const { history: _history, recovery: _recovery, historyAccess: _access, ...none } = SKIP;
    const all = await scene(none);
    all.slow.transport.slow = true;
    await all.publish(1, 40);
    expect(all.slow.pushes).toEqual([]);
    all.slow.transport.drain();
    await settle();
    expect(all.slow.pushes.at(-1)).toMatchObject({ unsubscribe: { code: 2500 } });
    await ends(all);
  });

  test('tells 2500 of what was published past the history, which cannot be made up for', async () => {
    const all = await scene(SKIP);
    all.slow.transport.slow = true;
    await all.publish(1, 9);
    await all.rig.services.broker.publish(
      ROOM,
      { data: Uint8Array.of(1), info: null, tags: null, event: null, wantsDelta: false },
      { history: null, idempotencyKey: '', version: 0, versionEpoch: '' },
    );
    await all.publish(10, 20);
    all.slow.transport.drain();
    await settle();
    const told = all.slow.pushes.at(-1);
    const whole = heard(all.slow).length === 21;
    expect(whole || told?.['unsubscribe']?.code === 2500).toBe(true);
    await ends(all);
  });

  test('of a subscription by the server closes the connection with 3010', async () => {
    const all = await scene({ ...SKIP, history: { size: 5, ttl: '5m' } });
    const served = await all.rig.connected();
    await served.session.subscribe(ROOM, { expireAtMs: null, since: null });
    served.transport.slow = true;
    await all.publish(1, 40);
    served.transport.drain();
    await settle();
    expect(served.closedWith).toBe(3010);
    await ends(all);
  });

  test('one who leaves while it lags lets go of the channel', async () => {
    for (const leave of [
      (peer: Peer) => peer.cut(),
      (peer: Peer) => void peer.send({ unsubscribe: { channel: 'room' } }),
    ]) {
      const all = await scene(SKIP);
      all.slow.transport.slow = true;
      await all.publish(1, 40);
      all.fast.cut();
      // It still holds the channel, so that it can catch up.
      expect(all.rig.hub.size).toBe(1);
      leave(all.slow);
      expect(all.rig.hub.size).toBe(0);
      await ends(all);
    }
  });

  test('a channel where nobody else is listens on for one that lags', async () => {
    const all = await scene(SKIP);
    all.fast.cut();
    all.slow.transport.slow = true;
    await all.publish(1, 40);
    expect(all.rig.hub.size).toBe(1);
    all.slow.transport.drain();
    await settle();
    await all.publish(41, 42);
    expect(heard(all.slow)).toEqual(numbers(1, 42));
    await ends(all);
  });

  test('what there is no time to read is told as lost, and throws at nobody', async () => {
    for (const sync of [true, false]) {
      const gate = new Gate();
      const all = await scene(SKIP);
      all.slow.transport.slow = true;
      await all.publish(1, 40);
      const { broker } = all.rig.sharing;
      broker.read = () => {
        const error = new Error('no history today');
        if (sync) throw error;
        return gate.pass().then(() => {
          throw error;
        });
      };
      expect(() => all.slow.transport.drain()).not.toThrow();
      gate.open();
      await settle();
      expect(all.slow.pushes.at(-1)).toMatchObject({ unsubscribe: { code: 2500 } });
      await ends(all);
    }
  });

  test('one who leaves while it catches up leaves nothing behind', async () => {
    const gate = new Gate();
    const all = await scene(SKIP);
    all.slow.transport.slow = true;
    await all.publish(1, 40);
    const { broker } = all.rig.sharing;
    const read = broker.read.bind(broker);
    broker.read = (...asked) => gate.pass().then(() => read(...asked));
    all.slow.transport.drain();
    await settle();
    expect(gate.size).toBe(1);
    all.slow.send({ unsubscribe: { channel: 'room' } });
    await settle();
    gate.open();
    await settle();
    broker.read = read;
    await all.publish(41, 42);
    expect(heard(all.slow)).not.toContain(41);
    expect(all.slow.pushes.filter((push) => 'unsubscribe' in push)).toEqual([]);
    await ends(all);
  });

  test('what is published while it catches up follows what it missed', async () => {
    const gate = new Gate();
    const all = await scene(SKIP);
    all.slow.transport.slow = true;
    await all.publish(1, 40);
    const { broker } = all.rig.sharing;
    const read = broker.read.bind(broker);
    broker.read = async (...asked) => {
      const page = await read(...asked);
      await gate.pass();
      return page;
    };
    all.slow.transport.drain();
    await all.publish(41, 45);
    gate.open();
    await settle();
    await all.publish(46, 47);
    expect(heard(all.slow)).toEqual(numbers(1, 47));
    await ends(all);
  });

  test('with deltas the first after a gap is whole', async () => {
    const all = await scene({ ...SKIP, delta: true }, { delta: 'fossil' });
    const read = (peer: Peer): number[] => {
      let base: Uint8Array | null = null;
      return peer.pushes.flatMap(({ pub }) => {
        if (pub === undefined) return [];
        const bytes: Uint8Array = new TextEncoder().encode(pub.data as string);
        base = pub.delta === true && base !== null ? applyDelta(base, bytes) : bytes;
        return [(JSON.parse(new TextDecoder().decode(base)) as { n: number }).n];
      });
    };
    await all.publish(1, 3);
    all.slow.transport.slow = true;
    await all.publish(4, 80);
    all.slow.transport.drain();
    await settle();
    await all.publish(81, 85);
    expect(read(all.slow)).toEqual(numbers(1, 85));
    expect(read(all.fast)).toEqual(numbers(1, 85));
    const deltas = all.fast.pushes.filter(({ pub }) => pub?.delta === true);
    expect(deltas).toHaveLength(84);
    await ends(all);
  });

  test('before the reply to the connect is made up for after it', async () => {
    const gate = new Gate();
    const rig = gateway({
      namespaces: { default: SKIP },
      limits: LIMITS,
      hooks: { connect: () => ({ channels: ['room', 'other'] }) },
      around: heldBack(gate),
    });
    const peer = rig.open();
    peer.send({ connect: {} });
    await settle();
    for (const n of numbers(1, 40)) {
      await rig.publish(valueOf(n));
      await settle();
    }
    expect(peer.messages).toEqual([]);
    gate.open();
    await settle();
    expect(peer.messages[0]).toHaveProperty('connect');
    expect(heard(peer)).toEqual(numbers(1, 40));
    peer.cut();
    expect(await rig.leftovers()).toEqual({});
  });
});

describe('latest', () => {
  test('gives only the newest of what there was no room for', async () => {
    const all = await scene(LATEST);
    all.slow.transport.slow = true;
    await all.publish(1, 40);
    all.slow.transport.drain();
    await settle();
    const first = heard(all.slow);
    expect(first.at(-1)).toBe(40);
    expect(first.slice(0, -1)).toEqual(numbers(1, first.length - 1));
    expect(first.length).toBeLessThan(20);
    await all.publish(41, 43);
    expect(heard(all.slow)).toEqual([...first, 41, 42, 43]);
    expect(heard(all.fast)).toEqual(numbers(1, 43));
    await ends(all);
  });

  test('again and again, and never something older', async () => {
    const all = await scene(LATEST);
    all.slow.transport.slow = true;
    for (const round of numbers(0, 9)) {
      await all.publish(round * 20 + 1, round * 20 + 20);
      all.slow.transport.drain(true);
      await settle();
    }
    all.slow.transport.drain();
    await settle();
    const all200 = heard(all.slow);
    expect(all200).toEqual(all200.toSorted((a, b) => a - b));
    expect(new Set(all200).size).toBe(all200.length);
    expect(all200.at(-1)).toBe(200);
    await ends(all);
  });

  test('keeps what tells where the channel stands before what passes by', async () => {
    const all = await scene(LATEST);
    all.slow.transport.slow = true;
    await all.publish(1, 40);
    await all.rig.services.broker.publish(
      ROOM,
      { data: Uint8Array.of(1), info: null, tags: null, event: null, wantsDelta: false },
      { history: null, idempotencyKey: '', version: 0, versionEpoch: '' },
    );
    await settle();
    all.slow.transport.drain();
    await settle();
    expect(heard(all.slow).at(-1)).toBe(40);
    await ends(all);
  });

  test('one who leaves while it lags leaves nothing behind', async () => {
    const all = await scene(LATEST);
    all.slow.transport.slow = true;
    await all.publish(1, 40);
    all.slow.send({ unsubscribe: { channel: 'room' } });
    const { length } = heard(all.slow);
    all.slow.transport.drain();
    await settle();
    expect(heard(all.slow)).not.toContain(40);
    expect(heard(all.slow).length).toBeGreaterThanOrEqual(length);
    await ends(all);
  });
});

describe('channels of one connection', () => {
  test('each follow their own rule', async () => {
    const rig = gateway({
      namespaces: { default: SKIP, newest: LATEST },
      limits: LIMITS,
    });
    const peer = await rig.connected();
    await peer.subscribe('room');
    await peer.subscribe('newest:a');
    peer.transport.slow = true;
    for (const n of numbers(1, 40)) {
      await rig.publish(valueOf(n));
      await rig.publish(valueOf(n), 'newest:a');
      await settle();
    }
    peer.transport.drain();
    await settle();
    expect(heard(peer)).toEqual(numbers(1, 40));
    const newest = peer.heard('newest:a').map((value) => (value as { n: number }).n);
    expect(newest.at(-1)).toBe(40);
    expect(newest.length).toBeLessThan(30);
    peer.cut();
    expect(await rig.leftovers()).toEqual({});
  });

  test('have their turn, though there is room for one alone each time', async () => {
    const rig = gateway({ namespaces: { default: LATEST }, limits: LIMITS });
    const peer = await rig.connected();
    const channels = ['room', 'hall', 'yard'];
    for (const channel of channels) await peer.subscribe(channel);
    peer.transport.slow = true;
    const large = (n: number): unknown => ({ n, pad: 'x'.repeat(1200) });
    for (const n of numbers(1, 24)) {
      for (const channel of channels) await rig.publish(large(n), channel);
      await settle();
      peer.transport.drain(true);
      await settle();
    }
    for (const channel of channels) expect(peer.heard(channel).length).toBeGreaterThan(6);
    peer.cut();
    expect(await rig.leftovers()).toEqual({});
  });
});
