import { describe, expect, test } from 'vitest';
import { Refusal } from '../../src/kernel/errors.ts';
import type { Rig } from './rig.ts';
import { CHANNEL, range, Reader, rig, settled } from './rig.ts';

const E1 = 'e1';

describe('joining', () => {
  test('the first subscriber listens, finds its place in the stream, and hears what follows', async () => {
    const { source, subscribe, publish, turn } = rig();
    source.stream.publish(1);
    const reader = new Reader();
    await subscribe(reader);
    expect(source.calls).toEqual(['listen', 'read top']);
    expect(reader.joined).toEqual({ position: { offset: 1, epoch: E1 }, missed: null });
    publish(2);
    turn();
    expect(reader.seen).toEqual([2]);
  });

  test('a channel without history is listened to and never read', async () => {
    const { source, subscribe, publish, turn } = rig({ tracked: false });
    const reader = new Reader();
    await subscribe(reader, { offset: 3, epoch: E1 });
    publish(1);
    publish(2);
    turn();
    expect(source.calls).toEqual(['listen']);
    expect(reader.joined).toEqual({ position: null, missed: null });
    expect(reader.seen).toEqual([1, 2]);
  });

  // Everything is published at one of four moments; wherever that is, it arrives once or it is
  // before the place where the subscriber joined.
  const moments = ['asked', 'listening', 'read', 'joined'] as const;
  for (const seed of range(0, moments.length ** 3 - 1)) {
    const at = range(0, 2).map((n) => moments[Math.floor(seed / 4 ** n) % 4]);
    if (at.toSorted((a, b) => moments.indexOf(a!) - moments.indexOf(b!)).join() !== at.join())
      continue;
    for (const snapshot of ['early', 'late'] as const) {
      test(`published when ${at.join(', ')} and read ${snapshot}: no gap and no double`, async () => {
        const { source, subscribe, publish, turn } = rig();
        source.sync = false;
        const reader = new Reader();
        let next = 1;
        const when = (moment: (typeof moments)[number]): void => {
          for (const one of at) if (one === moment) publish(next++);
        };
        const subscribed = subscribe(reader);
        when('asked');
        await source.next.answer();
        when('listening');
        if (snapshot === 'early') source.next.execute();
        when('read');
        await source.next.answer();
        await subscribed;
        when('joined');
        turn();
        expect(reader.offsets).toEqual(range(reader.joined!.position!.offset + 1, 3));
      });
    }
  }

  test('those who come together listen once and read once', async () => {
    const { hub, source, subscribe, publish, turn } = rig();
    source.sync = false;
    const readers = range(1, 5).map(() => new Reader());
    const all = Promise.all(readers.map((reader) => subscribe(reader)));
    await source.next.answer();
    await source.next.answer();
    await all;
    expect(source.calls).toEqual(['listen', 'read top']);
    expect(hub.subscribersOf(CHANNEL)).toBe(5);
    publish(1);
    turn();
    for (const reader of readers) expect(reader.seen).toEqual([1]);
  });

  test('one who comes back gets what it missed, then what follows', async () => {
    const { source, subscribe, publish, turn } = rig();
    for (const n of range(1, 5)) source.stream.publish(n);
    const reader = new Reader();
    await subscribe(reader, { offset: 2, epoch: E1 });
    publish(6);
    turn();
    expect(reader.seen).toEqual([3, 4, 5, 6]);
    expect(reader.joined?.position).toEqual({ offset: 5, epoch: E1 });
  });

  test('what is published while the history is read is neither lost nor doubled', async () => {
    const { source, subscribe, publish, turn } = rig();
    const first = new Reader();
    await subscribe(first);
    source.sync = false;
    publish(1);
    const reader = new Reader();
    const subscribed = subscribe(reader, { offset: 0, epoch: E1 });
    await settled();
    publish(2);
    source.next.execute();
    publish(3);
    publish(4);
    await source.next.answer();
    await subscribed;
    publish(5);
    turn();
    expect(reader.seen).toEqual([1, 2, 3, 4, 5]);
    expect(first.seen).toEqual([1, 2, 3, 4, 5]);
  });

  test('when a read is ahead of the bus, all get what the bus still owes, and get it once', async () => {
    const { source, subscribe, drop, deliver, turn } = rig();
    const first = new Reader();
    await subscribe(first);
    const late = [drop(1), drop(2)];
    const reader = new Reader();
    await subscribe(reader, { offset: 0, epoch: E1 });
    turn();
    expect(reader.seen).toEqual([1, 2]);
    expect(first.seen).toEqual([1, 2]);
    for (const publication of late) deliver(publication);
    turn();
    expect(reader.seen).toEqual([1, 2]);
    expect(first.seen).toEqual([1, 2]);
    expect(source.reads()).toBe(3);
  });

  test('a bus that is slower than two reads in a row refuses nobody', async () => {
    const { source, subscribe, drop, publish, deliver, turn } = rig();
    const first = new Reader();
    await subscribe(first);
    source.sync = false;
    drop(1);
    const gap = drop(2);
    deliver(gap);
    const [healing] = source.pending;
    healing!.execute();
    const reader = new Reader();
    // It waits for the healing first, so what it reads can only be ahead again after that.
    const subscribed = subscribe(reader, { offset: 0, epoch: E1 });
    await settled();
    await healing!.answer();
    await settled();
    const [joining] = source.pending;
    drop(3);
    joining!.execute();
    const four = drop(4);
    deliver(four);
    const [, again] = source.pending;
    again!.execute();
    drop(5);
    await joining!.answer();
    await again!.answer();
    await source.answerAll();
    await subscribed;
    publish(6);
    await source.answerAll();
    turn();
    expect(first.seen).toEqual([1, 2, 3, 4, 5, 6]);
    expect(reader.seen).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('a healing that began before the read and ends after it is followed by another', async () => {
    const { source, subscribe, drop, deliver, turn } = rig();
    const first = new Reader();
    await subscribe(first);
    source.sync = false;
    const reader = new Reader();
    const subscribed = subscribe(reader, { offset: 0, epoch: E1 });
    await settled();
    const [joining] = source.pending;
    drop(1);
    deliver(drop(2));
    const [, healing] = source.pending;
    healing!.execute();
    drop(3);
    joining!.execute();
    await joining!.answer();
    await healing!.answer();
    await source.answerAll();
    await subscribed;
    turn();
    expect(first.seen).toEqual([1, 2, 3]);
    expect(reader.seen).toEqual([1, 2, 3]);
  });

  test.each([
    ['of another life of the stream', { offset: 2, epoch: 'other' }],
    ['before what is kept', { offset: 1, epoch: E1 }],
    ['after the top', { offset: 9, epoch: E1 }],
  ])('a place %s is told as not recovered, and never recovered in part', async (_name, since) => {
    const { source, subscribe, publish, turn } = rig();
    for (const n of range(1, 5)) source.stream.publish(n);
    source.stream.kept.splice(0, 2);
    const reader = new Reader();
    await subscribe(reader, since);
    publish(6);
    turn();
    expect(reader.joined).toEqual({ position: { offset: 5, epoch: E1 }, missed: null });
    expect(reader.seen).toEqual([6]);
  });

  test('one who missed more than may be recovered at once is told', async () => {
    const { source, subscribe } = rig();
    for (const n of range(1, 5)) source.stream.publish(n);
    const reader = new Reader();
    await subscribe(reader, { offset: 1, epoch: E1 }, { publicationsMax: 3 });
    expect(reader.joined?.missed).toBeNull();
    const other = new Reader();
    await subscribe(other, { offset: 2, epoch: E1 }, { publicationsMax: 3 });
    expect(other.seen).toEqual([3, 4, 5]);
  });

  test('with the cache one who comes back gets the latest, unless it has it', async () => {
    const { source, subscribe } = rig();
    for (const n of range(1, 5)) source.stream.publish(n);
    const reader = new Reader();
    await subscribe(reader, { offset: 1, epoch: E1 }, { mode: 'cache' });
    expect(reader.seen).toEqual([5]);
    const other = new Reader();
    await subscribe(other, { offset: 5, epoch: E1 }, { mode: 'cache' });
    expect(other.joined?.missed).toEqual([]);
  });

  test('more than can be kept for one who joins is told, never left out', async () => {
    const { source, subscribe, publish, turn } = rig({ heldMax: 3 });
    const first = new Reader();
    await subscribe(first);
    source.sync = false;
    const reader = new Reader();
    const subscribed = subscribe(reader, { offset: 0, epoch: E1 });
    await settled();
    source.next.execute();
    for (const n of range(1, 4)) publish(n);
    await source.next.answer();
    await subscribed;
    publish(5);
    turn();
    expect(reader.joined?.missed).toBeNull();
    expect(reader.seen).toEqual([5]);
    expect(first.seen).toEqual([1, 2, 3, 4, 5]);
  });

  test('a crowd that comes back to one place shares a read', async () => {
    const { source, subscribe, publish, turn } = rig();
    for (const n of range(1, 5)) source.stream.publish(n);
    await subscribe(new Reader());
    source.sync = false;
    const readers = range(0, 99).map(() => new Reader());
    const all: Promise<void>[] = [];
    for (const [at, reader] of readers.entries()) {
      all.push(subscribe(reader, { offset: at % 2 === 0 ? 3 : 5, epoch: E1 }));
      await settled();
      // The first has been answered already, but not told.
      if (at === 10) for (const pending of source.pending) pending.execute();
      if (at % 20 === 0) publish(6 + at / 20);
    }
    expect(source.pending).toHaveLength(2);
    await source.answerAll();
    await Promise.all(all);
    publish(11);
    turn();
    for (const [at, reader] of readers.entries()) {
      expect(reader.seen).toEqual(range(at % 2 === 0 ? 4 : 6, 11));
    }
  });

  /** One who comes back to where others came from has to wait for a read, or not. */
  async function readsFor(all: Rig, offset: number, expected: readonly unknown[]): Promise<number> {
    const { source, subscribe } = all;
    const reader = new Reader();
    const subscribed = subscribe(reader, { offset, epoch: E1 });
    await settled();
    const reads = source.pending.length;
    await source.answerAll();
    await subscribed;
    expect(reader.joined?.missed).not.toBeNull();
    expect(reader.seen).toEqual(expected);
    return reads;
  }

  test('those who come a moment later share it, too, for a while', async () => {
    const all = rig({ heldMax: 3 });
    const { source, subscribe, publish, drop, clock } = all;
    for (const n of range(1, 5)) source.stream.publish(n);
    await subscribe(new Reader());
    source.sync = false;
    expect(await readsFor(all, 3, [4, 5])).toBe(1);
    expect(await readsFor(all, 3, [4, 5])).toBe(0);
    for (const n of range(6, 8)) publish(n);
    expect(await readsFor(all, 3, range(4, 8))).toBe(0);
    // Of those before it no more is at hand.
    publish(9);
    expect(await readsFor(all, 3, range(4, 9))).toBe(1);
    expect(await readsFor(all, 3, range(4, 9))).toBe(0);
    // What the bus owes is read by the feed.
    const owed = drop(10);
    all.deliver(owed);
    expect(await readsFor(all, 3, range(4, 10))).toBe(0);
    for (let left = 2; left > 0; left -= 1) {
      clock.advance(2000);
      expect(await readsFor(all, 3, range(4, 10))).toBe(1);
    }
  });

  test('pages are kept for a few places, and together for so many bytes', async () => {
    const all = rig();
    const { source, subscribe } = all;
    const heavy = 'x'.repeat(20_000_000);
    for (const n of range(1, 5)) source.stream.publish(n);
    await subscribe(new Reader());
    source.sync = false;
    for (const offset of range(0, 4)) {
      expect(await readsFor(all, offset, range(offset + 1, 5))).toBe(1);
    }
    for (const offset of range(0, 3)) {
      expect(await readsFor(all, offset, range(offset + 1, 5))).toBe(0);
    }
    expect(await readsFor(all, 4, [5])).toBe(1);

    const others = rig();
    for (const n of range(1, 4)) others.source.stream.publish(n === 1 ? heavy : heavy + n);
    await others.subscribe(new Reader());
    others.source.sync = false;
    const expected = [heavy, ...range(2, 4).map((n) => heavy + n)];
    expect(await readsFor(others, 0, expected)).toBe(1);
    expect(await readsFor(others, 0, expected)).toBe(1);
    expect(await readsFor(others, 3, expected.slice(3))).toBe(1);
    expect(await readsFor(others, 3, expected.slice(3))).toBe(0);
  });

  test('a page of a life before is of no use to anybody', async () => {
    const all = rig();
    const { hub, source, subscribe } = all;
    for (const n of range(1, 5)) source.stream.publish(n);
    await subscribe(new Reader());
    source.sync = false;
    expect(await readsFor(all, 3, [4, 5])).toBe(1);
    source.stream.goOn('e2');
    hub.check(CHANNEL, { offset: 5, epoch: 'e2' });
    await source.answerAll();
    expect(await readsFor(all, 3, [4, 5])).toBe(1);
  });

  test('what came in another life of the stream is not what was missed in this one', async () => {
    const { source, subscribe, publish, deliver, turn } = rig();
    const first = new Reader();
    await subscribe(first);
    source.sync = false;
    const reader = new Reader();
    const subscribed = subscribe(reader, { offset: 0, epoch: '' });
    await settled();
    const [joining] = source.pending;
    const late = source.stream.publish('of the life before');
    source.stream.reset('e2');
    joining!.execute();
    source.stream.publish('of this life');
    deliver(late, E1);
    turn();
    await joining!.answer();
    await source.answerAll();
    await subscribed;
    publish('next');
    turn();
    expect(first.seen).toEqual(['of the life before', 'lost', 'next']);
    expect(reader.joined).toEqual({ position: { offset: 1, epoch: 'e2' }, missed: null });
    expect(reader.seen).toEqual(['next']);
  });

  test('a crowd whose reads overlap does not spend what is kept for those who come last', async () => {
    const { source, subscribe, publish, turn } = rig({ heldMax: 3 });
    await subscribe(new Reader());
    source.sync = false;
    const readers: Reader[] = [];
    const all: Promise<void>[] = [];
    for (const n of range(1, 20)) {
      const reader = new Reader();
      readers.push(reader);
      all.push(subscribe(reader, { offset: n - 1, epoch: E1 }));
      await settled();
      source.pending.at(-1)!.execute();
      publish(n);
      // The one before is done only after this one has begun.
      if (n > 1) await source.next.answer();
    }
    await source.next.answer();
    await Promise.all(all);
    turn();
    for (const [index, reader] of readers.entries()) {
      expect(reader.joined?.missed).not.toBeNull();
      expect(reader.offsets).toEqual(range(index + 1, 20));
    }
  });

  test('what stops one who joins at the last moment leaves no trace of it', async () => {
    const { hub, source, open, subscribe, publish, turn } = rig({ heldMax: 2 });
    const refused = new Reader();
    const feed = await open();
    const refuse = (): never => {
      throw new Refusal('unrecoverablePosition');
    };
    const back = { since: { offset: 9, epoch: E1 }, mode: 'stream', publicationsMax: 9 } as const;
    expect(() => feed.join(refused, back, refuse)).toThrow(Refusal);
    expect(() => feed.join(refused, null, refuse)).toThrow(Refusal);
    source.sync = false;
    const later = Promise.resolve(feed.join(refused, back, refuse));
    await Promise.all([expect(later).rejects.toThrow(Refusal), source.next.answer()]);
    expect(feed.size).toBe(0);
    source.sync = true;
    await subscribe(new Reader());
    for (const n of range(1, 10)) publish(n);
    // Nothing was kept for it, so there is room for what the next one needs.
    source.sync = false;
    const reader = new Reader();
    const subscribed = subscribe(reader, { offset: 9, epoch: E1 });
    await settled();
    source.next.execute();
    publish(11);
    await source.next.answer();
    await subscribed;
    turn();
    expect(refused.seen).toEqual([]);
    expect(reader.seen).toEqual([10, 11]);
    feed.release();
    expect(hub.size).toBe(1);
  });

  test('a read that throws at once keeps nothing for the one who asked', async () => {
    const { source, open, subscribe, publish, turn } = rig({ heldMax: 2 });
    const feed = await open();
    const back = { since: { offset: 0, epoch: E1 }, mode: 'stream', publicationsMax: 9 } as const;
    source.fault = new Error('no history today');
    expect(() => feed.join(new Reader(), back, () => {})).toThrow('no history today');
    await subscribe(new Reader());
    for (const n of range(1, 10)) publish(n);
    source.sync = false;
    const reader = new Reader();
    const subscribed = subscribe(reader, { offset: 9, epoch: E1 });
    await settled();
    source.next.execute();
    publish(11);
    await source.next.answer();
    await subscribed;
    turn();
    expect(reader.seen).toEqual([10, 11]);
  });
});

describe('live', () => {
  test('a double is dropped and counted', async () => {
    const { subscribe, publish, deliver, turn, events } = rig();
    const reader = new Reader();
    await subscribe(reader);
    const one = publish(1);
    publish(2);
    deliver(one);
    turn();
    expect(reader.seen).toEqual([1, 2]);
    expect(events).toEqual(['double']);
  });

  test('a gap is healed with one read for all subscribers', async () => {
    const { source, subscribe, publish, drop, turn, events } = rig();
    const readers = range(1, 3).map(() => new Reader());
    for (const reader of readers) await subscribe(reader);
    publish(1);
    drop(2);
    drop(3);
    publish(4);
    turn();
    for (const reader of readers) expect(reader.seen).toEqual([1, 2, 3, 4]);
    expect(source.calls).toEqual(['listen', 'read top', 'read since']);
    expect(events).toEqual(['gap', 'healed']);
  });

  test('what comes while a gap is healed waits, and follows in its order', async () => {
    const { source, subscribe, publish, drop, turn } = rig();
    const reader = new Reader();
    await subscribe(reader);
    source.sync = false;
    drop(1);
    publish(2);
    source.next.execute();
    publish(3);
    publish(4);
    turn();
    expect(reader.seen).toEqual([]);
    await source.next.answer();
    turn();
    expect(reader.seen).toEqual([1, 2, 3, 4]);
    expect(source.reads()).toBe(2);
  });

  test('when more comes than can be held, the history is read again and nothing is lost', async () => {
    const { source, subscribe, publish, drop, turn } = rig({ heldMax: 2 });
    const reader = new Reader();
    await subscribe(reader);
    source.sync = false;
    drop(1);
    publish(2);
    source.next.execute();
    for (const n of range(3, 7)) publish(n);
    await source.next.answer();
    await source.next.answer();
    turn();
    expect(reader.seen).toEqual(range(1, 7));
    expect(source.pending).toEqual([]);
  });

  test('what overflows while the feed starts is read again, too', async () => {
    const { source, subscribe, publish, turn } = rig({ heldMax: 2 });
    source.sync = false;
    const reader = new Reader();
    const subscribed = subscribe(reader);
    await source.next.answer();
    source.next.execute();
    for (const n of range(1, 5)) publish(n);
    await source.next.answer();
    await source.next.answer();
    await subscribed;
    publish(6);
    turn();
    expect(reader.joined?.position?.offset).toBe(5);
    expect(reader.seen).toEqual([6]);
  });

  test.each(['gone from the history', 'of a new life of the stream'])(
    'when what is missing is %s, each subscriber is told once',
    async (why) => {
      const { hub, source, subscribe, publish, drop, turn, events } = rig();
      const readers = range(1, 3).map(() => new Reader());
      for (const reader of readers) await subscribe(reader);
      publish(1);
      if (why.startsWith('gone')) {
        drop(2);
        source.stream.kept = [];
      } else {
        source.stream.reset('e2');
      }
      publish(3);
      turn();
      for (const reader of readers) expect(reader.seen).toEqual([1, 'lost']);
      expect(events).toEqual(['gap', 'lost']);
      const feed = await hub.open(CHANNEL, true);
      expect(feed.position).toEqual({ offset: source.stream.top, epoch: source.stream.epoch });
    },
  );

  test('a read that fails is told to the operator, and made up for by the next publication', async () => {
    const { source, subscribe, publish, drop, turn, failures } = rig();
    const reader = new Reader();
    await subscribe(reader);
    source.sync = false;
    drop(1);
    publish(2);
    publish(3);
    await source.next.fail(new Error('link down'));
    expect(failures).toEqual([new Error('link down')]);
    source.sync = true;
    publish(4);
    turn();
    expect(reader.seen).toEqual([1, 2, 3, 4]);
  });

  test('a read that throws at once does not throw at whoever publishes', async () => {
    const { source, subscribe, publish, drop, turn, failures } = rig();
    const reader = new Reader();
    await subscribe(reader);
    drop(1);
    source.fault = new Error('no history today');
    publish(2);
    expect(failures).toEqual([new Error('no history today')]);
    publish(3);
    turn();
    expect(reader.seen).toEqual([1, 2, 3]);
  });

  test('a publication past the history is delivered and moves nothing', async () => {
    const { subscribe, publish, deliver, turn, events } = rig();
    const reader = new Reader();
    await subscribe(reader);
    const one = publish(1);
    deliver({ ...one, data: one.data, offset: 0, epoch: null });
    publish(2);
    turn();
    expect(reader.offsets).toEqual([1, 0, 2]);
    expect(events).toEqual([]);
  });
});

describe('check', () => {
  test('a quiet channel that is behind reads what it missed', async () => {
    const { hub, source, subscribe, publish, drop, turn } = rig();
    const reader = new Reader();
    await subscribe(reader);
    publish(1);
    drop(2);
    drop(3);
    hub.check(CHANNEL, { offset: 3, epoch: E1 });
    turn();
    expect(reader.seen).toEqual([1, 2, 3]);
    hub.check(CHANNEL, { offset: 3, epoch: E1 });
    expect(source.reads()).toBe(2);
  });

  test('a top from before the last publication costs a read and harms nobody', async () => {
    const { hub, subscribe, publish, turn } = rig();
    const reader = new Reader();
    await subscribe(reader);
    for (const n of range(1, 3)) publish(n);
    hub.check(CHANNEL, { offset: 1, epoch: E1 });
    publish(4);
    turn();
    expect(reader.seen).toEqual([1, 2, 3, 4]);
  });

  // A replica that took over may know less than what was published: the offsets are given again.
  test('a stream that went back is told, for what follows would look like doubles', async () => {
    const { hub, source, subscribe, publish, turn } = rig();
    const reader = new Reader();
    await subscribe(reader);
    for (const n of range(1, 5)) publish(n);
    source.stream.top = 3;
    source.stream.kept.splice(3);
    hub.check(CHANNEL, { offset: 3, epoch: E1 });
    turn();
    publish(6);
    turn();
    expect(reader.seen).toEqual([1, 2, 3, 4, 5, 'lost', 6]);
  });

  test('one who comes back finds out that the stream went back', async () => {
    const { source, subscribe, publish, turn } = rig();
    const reader = new Reader();
    await subscribe(reader);
    for (const n of range(1, 5)) publish(n);
    source.stream.top = 3;
    source.stream.kept.splice(3);
    const other = new Reader();
    await subscribe(other, { offset: 3, epoch: E1 });
    publish(6);
    turn();
    expect(reader.seen).toEqual([1, 2, 3, 4, 5, 'lost', 6]);
    expect(other.seen).toEqual([6]);
  });

  test('a feed that does not know its place yet is left to find it', async () => {
    const { hub, source, subscribe, publish, turn } = rig();
    source.sync = false;
    const reader = new Reader();
    const subscribed = subscribe(reader);
    hub.check(CHANNEL, { offset: 1, epoch: E1 });
    await source.next.answer();
    hub.check(CHANNEL, { offset: 1, epoch: E1 });
    await source.next.answer();
    await subscribed;
    publish(1);
    turn();
    expect(source.calls).toEqual(['listen', 'read top']);
    expect(reader.seen).toEqual([1]);
  });

  test('a channel nobody listens to is not checked', () => {
    const { hub, source } = rig();
    hub.check(CHANNEL, { offset: 3, epoch: E1 });
    expect(source.calls).toEqual([]);
  });
});

describe('another life of the stream', () => {
  test('that goes on where the feed was costs nobody anything, and is told with what follows', async () => {
    const { source, subscribe, publish, drop, turn, events } = rig();
    const reader = new Reader();
    await subscribe(reader);
    publish(1);
    drop(2);
    source.stream.goOn('e2');
    publish(3);
    publish(4);
    turn();
    expect(reader.seen).toEqual([1, 2, 3, 4]);
    const epochs = reader.pushes.map(({ pub }) => pub?.epoch);
    expect(epochs).toEqual([E1, 'e2', undefined, undefined]);
    expect(events).toEqual(['gap', 'healed']);
  });

  test('that lacks what the feed had is a loss', async () => {
    const { source, subscribe, publish, turn } = rig();
    const reader = new Reader();
    await subscribe(reader);
    publish(1);
    publish(2);
    source.stream.goOn('e2', 1);
    publish('other');
    publish('next');
    turn();
    expect(reader.seen).toEqual([1, 2, 'lost', 'next']);
  });

  test('is vouched for by a feed that heard the one before to its end', async () => {
    const { hub, source, subscribe, publish, turn } = rig();
    const first = new Reader();
    await subscribe(first);
    for (const n of range(1, 4)) publish(n);
    source.stream.goOn('e2');
    hub.check(CHANNEL, { offset: 4, epoch: 'e2' });
    const back = new Reader();
    await subscribe(back, { offset: 2, epoch: E1 });
    expect(back.joined).toMatchObject({ position: { offset: 4, epoch: 'e2' } });
    publish(5);
    turn();
    expect(back.seen).toEqual([3, 4, 5]);
    // No further than it was itself, and not twice.
    const beyond = new Reader();
    await subscribe(beyond, { offset: 5, epoch: E1 });
    expect(beyond.joined?.missed).toBeNull();
    source.stream.goOn('e3');
    publish(6);
    const late = new Reader();
    await subscribe(late, { offset: 5, epoch: E1 });
    expect(late.joined?.missed).toBeNull();
  });

  test('and one who was away when it began is told, for more may have been published before', async () => {
    const { source, subscribe } = rig();
    for (const n of range(1, 4)) source.stream.publish(n);
    source.stream.goOn('e2', 1);
    const reader = new Reader();
    await subscribe(reader, { offset: 2, epoch: E1 });
    expect(reader.joined).toEqual({ position: { offset: 3, epoch: 'e2' }, missed: null });
  });

  test('that it was told of while it was away is told with what follows, too', async () => {
    const { hub, source, subscribe, publish, turn } = rig();
    const first = new Reader();
    await subscribe(first);
    publish(1);
    source.stream.goOn('e2');
    hub.check(CHANNEL, { offset: 1, epoch: 'e2' });
    publish(2);
    turn();
    const back = new Reader();
    // As one who lagged, and is not told by a reply.
    await subscribe(back, { offset: 2, epoch: E1 }, { publicationsMax: Infinity });
    expect(back.joined?.missed).toBeNull();
    const level = new Reader();
    await subscribe(level, { offset: 1, epoch: E1 });
    publish(3);
    turn();
    expect(level.pushes.map(({ pub }) => pub?.epoch)).toEqual(['e2']);
  });
});

test('what waits for the end of the turn is sent from the place it belongs to, also before a loss', async () => {
  const { hub, source, subscribe, publish, turn } = rig();
  const reader = new Reader();
  await subscribe(reader);
  const feed = await hub.open(CHANNEL, true);
  const places: unknown[] = [];
  reader.onDeliver = () => places.push(feed.position);
  publish(1);
  source.stream.reset('e2');
  publish(2);
  turn();
  expect(reader.seen).toEqual([1, 'lost']);
  expect(places).toEqual([{ offset: 1, epoch: E1 }]);
});
