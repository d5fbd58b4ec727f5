import { describe, expect, test } from 'vitest';
import type { ClientInfo } from '../../src/channel/publication.ts';
import { Json } from '../../src/kernel/data.ts';
import { CHANNEL, CountingEncoder, json, msgpack, range, Reader, rig } from './rig.ts';

const ANN: ClientInfo = { client: 'ann', user: '', connInfo: null, chanInfo: null };

describe('one turn', () => {
  test('gathers into one frame, encoded once for each codec', async () => {
    const { subscribe, publish, turn } = rig();
    const encoders = [new CountingEncoder(json), new CountingEncoder(msgpack)];
    const silent = (): void => {};
    const readers = range(0, 99).map((n) => new Reader(encoders[n % 2]));
    for (const reader of readers) {
      if (reader.encoder === encoders[1]) reader.deliver = silent;
      await subscribe(reader);
    }
    for (const n of range(1, 10)) publish(n);
    expect(readers[0]!.frames).toEqual([]);
    turn();
    expect(readers[0]!.frames).toEqual([10]);
    expect(readers[0]!.seen).toEqual(range(1, 10));
    expect(encoders.map((encoder) => encoder.calls)).toEqual([1, 1]);
    publish(11);
    turn();
    expect(readers[98]!.frames).toEqual([10, 1]);
    expect(encoders[0]!.calls).toBe(2);
  });

  test('encodes nothing where nobody listens', async () => {
    const { open, publish, turn, subscribe } = rig();
    const feed = await open();
    publish(1);
    const reader = new Reader(new CountingEncoder());
    await subscribe(reader);
    feed.leave(reader);
    publish(2);
    turn();
    expect((reader.encoder as CountingEncoder).calls).toBe(0);
    expect(reader.seen).toEqual([]);
  });

  test('is flushed early when it grows over the bound', async () => {
    const { subscribe, publish, turn } = rig({ flushBytes: 1000 });
    const reader = new Reader();
    await subscribe(reader);
    for (const n of range(1, 5)) publish('x'.repeat(400) + n);
    expect(reader.frames).toEqual([3]);
    turn();
    expect(reader.frames).toEqual([3, 2]);
    publish('y'.repeat(5000));
    expect(reader.frames).toEqual([3, 2, 1]);
  });

  test('one who joins within it does not hear what was published before', async () => {
    const { subscribe, publish, turn } = rig();
    const first = new Reader();
    const second = new Reader();
    await subscribe(first);
    publish(1);
    await subscribe(second);
    publish(2);
    turn();
    expect(first.seen).toEqual([1, 2]);
    expect(second.joined?.position?.offset).toBe(1);
    expect(second.seen).toEqual([2]);
  });
});

describe('during a delivery', () => {
  test('one who leaves hears nothing more', async () => {
    const { subscribe, publish, open, turn } = rig();
    const readers = range(0, 2).map(() => new Reader());
    for (const reader of readers) await subscribe(reader);
    const feed = await open();
    readers[0]!.onDeliver = () => {
      feed.leave(readers[0]!);
      feed.leave(readers[1]!);
    };
    publish(1);
    turn();
    expect(readers.map((reader) => reader.seen)).toEqual([[1], [], [1]]);
  });

  test('one who joins does not hear again what is before its place', async () => {
    const { subscribe, publish, open, turn } = rig();
    const first = new Reader();
    const second = new Reader();
    await subscribe(first);
    const feed = await open();
    first.onDeliver = () => {
      first.onDeliver = null;
      void feed.join(second, null, (joined) => {
        second.joined = joined;
      });
    };
    publish(1);
    turn();
    publish(2);
    turn();
    expect(second.joined?.position?.offset).toBe(1);
    expect(second.seen).toEqual([2]);
  });

  test('one who leaves and comes back at once does not hear it twice', async () => {
    const { subscribe, publish, open, turn } = rig();
    const reader = new Reader();
    await subscribe(reader);
    const feed = await open();
    reader.onDeliver = () => {
      reader.onDeliver = null;
      feed.leave(reader);
      void feed.join(reader, null, () => {});
    };
    publish(1);
    turn();
    expect(reader.seen).toEqual([1]);
  });

  test('what is told of joins and leaves comes after it for everyone', async () => {
    const { hub, subscribe, publish, turn } = rig();
    const readers = range(0, 2).map(() => new Reader());
    for (const reader of readers) {
      reader.joinLeave = true;
      await subscribe(reader);
    }
    readers[0]!.onDeliver = () => hub.notify('leave', CHANNEL, ANN);
    publish(1);
    turn();
    for (const reader of readers) expect(reader.seen).toEqual([1, 'leave']);
  });

  test('a crowd of slow readers that fall one by one does not grow the stack', async () => {
    const { hub, open, subscribe } = rig();
    const feed = await open();
    const readers = range(1, 20_000).map(() => new Reader());
    for (const reader of readers) {
      reader.joinLeave = true;
      // As a session does that is too slow for one notice more: it leaves, and that is told, too.
      reader.notify = () => {
        feed.leave(reader);
        hub.notify('leave', CHANNEL, ANN);
      };
    }
    // Only some are that slow, or it would be quadratic.
    for (const reader of readers) await subscribe(reader);
    expect(() => hub.notify('leave', CHANNEL, ANN)).not.toThrow();
    expect(feed.size).toBe(0);
  });
});

describe('joins and leaves', () => {
  test('reach who asked for them, after what was published before', async () => {
    const { hub, subscribe, publish, turn } = rig();
    const encoder = new CountingEncoder();
    const asked = range(1, 10).map(() => new Reader(encoder));
    const other = new Reader(encoder);
    for (const reader of asked) reader.joinLeave = true;
    for (const reader of [...asked, other]) await subscribe(reader);
    publish(1);
    hub.notify('join', CHANNEL, ANN);
    publish(2);
    hub.notify('leave', CHANNEL, ANN);
    turn();
    for (const reader of asked) expect(reader.seen).toEqual([1, 'join', 2, 'leave']);
    expect(other.seen).toEqual([1, 2]);
    expect(encoder.calls).toBe(4);
  });
});

describe('deltas', () => {
  const text = (n: number): string => `${'the same text again and again '.repeat(10)}${n}`;

  test('a fresh subscriber gets the whole, one that follows gets the difference', async () => {
    const { subscribe, publish, turn } = rig();
    const encoder = new CountingEncoder();
    const old = new Reader(encoder);
    const fresh = new Reader(encoder);
    const plain = new Reader(encoder);
    old.delta = true;
    fresh.delta = true;
    await subscribe(old);
    await subscribe(plain);
    publish(text(1), { wantsDelta: true });
    turn();
    await subscribe(fresh);
    encoder.calls = 0;
    publish(text(2), { wantsDelta: true });
    publish(text(3), { wantsDelta: true });
    turn();
    expect(old.pushes.map(({ pub }) => pub?.delta ?? false)).toEqual([false, true, true]);
    expect(fresh.pushes.map(({ pub }) => pub?.delta ?? false)).toEqual([false, true]);
    expect(plain.pushes.map(({ pub }) => pub?.delta ?? false)).toEqual([false, false, false]);
    expect(plain.seen).toEqual([text(1), text(2), text(3)]);
    // To who takes deltas JSON is a string that holds the text.
    expect(JSON.parse(fresh.seen[0] as string)).toBe(text(2));
    expect(encoder.calls).toBe(3);
  });

  test('a publication that wants none is whole, and the next is a difference to it', async () => {
    const { subscribe, publish, turn } = rig();
    const reader = new Reader();
    reader.delta = true;
    await subscribe(reader);
    publish(text(1), { wantsDelta: true });
    publish(text(2));
    publish(text(3), { wantsDelta: true });
    turn();
    expect(reader.pushes.map(({ pub }) => pub?.delta ?? false)).toEqual([false, false, true]);
  });

  test('after a loss, and after the last reader of deltas has left, the first is whole', async () => {
    const { source, subscribe, publish, drop, open, turn } = rig();
    const reader = new Reader();
    reader.delta = true;
    await subscribe(reader);
    publish(text(1), { wantsDelta: true });
    turn();
    drop(2);
    source.stream.kept = [];
    publish(text(3), { wantsDelta: true });
    turn();
    const four = source.stream.publish(text(4), { wantsDelta: true });
    (await open()).receive(four, 'e1');
    turn();
    expect(reader.pushes.map(({ pub }) => pub?.delta ?? false)).toEqual([false, false]);
    const feed = await open();
    feed.leave(reader);
    const other = new Reader();
    other.delta = true;
    await subscribe(other);
    publish(text(5), { wantsDelta: true });
    turn();
    expect(other.pushes.map(({ pub }) => pub?.delta ?? false)).toEqual([false]);
  });

  test('bytes are base64 text to a reader of JSON, in the whole and in the difference', async () => {
    const { subscribe, publish, turn } = rig();
    const reader = new Reader();
    reader.delta = true;
    await subscribe(reader);
    const bytes = (n: number): Uint8Array =>
      Uint8Array.from({ length: 300 }, (_, at) => (at === 150 ? n : at % 251));
    publish(bytes(1), { wantsDelta: true });
    publish(bytes(2), { wantsDelta: true });
    publish(Json.of('text'), { wantsDelta: true });
    turn();
    const [first, second] = reader.pushes;
    expect(first?.pub?.delta).toBeUndefined();
    expect(Buffer.from(JSON.parse(first?.pub?.data as string), 'base64')).toEqual(
      Buffer.from(bytes(1)),
    );
    expect(second?.pub?.delta).toBe(true);
  });
});
