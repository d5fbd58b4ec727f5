/** `for await` over a channel. */
import { describe, expect, test } from 'vitest';
import type { Channel } from '../../src/client/channel.ts';
import type { ChannelOptions } from '../../src/client/options.ts';
import type { FakeSocket, Stage } from './stage.ts';
import { failure, settled, stage } from './stage.ts';

interface Reading extends Stage {
  readonly channel: Channel<number>;
  readonly reader: AsyncIterableIterator<{ readonly data: number; readonly gap: boolean }>;
  readonly open: FakeSocket;
  readonly publish: (...numbers: number[]) => void;
}

/** Connected, subscribed by a reader of the channel `a`. */
async function reading(options: ChannelOptions = {}): Promise<Reading> {
  const on = stage();
  const channel = on.client.channel<number>('a', options);
  const reader = channel[Symbol.asyncIterator]();
  void on.client.connect();
  const open = await on.accept();
  open.answer('subscribe', {});
  const publish = (...numbers: number[]): void =>
    open.say(...numbers.map((data) => ({ push: { channel: 'a', pub: { data } } })));
  return { ...on, channel, reader, open, publish };
}

test('subscribes, and gives what comes, in order', async () => {
  const { channel, publish } = await reading();
  const got: number[] = [];
  const done = (async () => {
    for await (const { data } of channel) {
      got.push(data);
      if (data === 3) break;
    }
  })();
  publish(1, 2);
  await settled();
  publish(3, 4);
  await done;
  expect(got).toEqual([1, 2, 3]);
  // Leaving the loop leaves the subscription.
  expect(channel.state).toBe('subscribed');
});

test('readers do not take from each other', async () => {
  const { channel, reader, publish } = await reading();
  const other = channel[Symbol.asyncIterator]();
  publish(1, 2);
  expect((await reader.next()).value?.data).toBe(1);
  expect((await other.next()).value?.data).toBe(1);
  expect((await other.next()).value?.data).toBe(2);
});

test('several may wait at one reader, each gets the next', async () => {
  const { reader, publish } = await reading();
  const waiting = [reader.next(), reader.next(), reader.next()];
  publish(1, 2, 3);
  const results = await Promise.all(waiting);
  expect(results.map(({ value }) => value?.data)).toEqual([1, 2, 3]);
});

test('tells of a gap on the publication behind it', async () => {
  const { clock, reader, open, publish } = await reading({ recoverable: false });
  publish(1);
  open.push({ channel: 'a', unsubscribe: { code: 2500, reason: '' } });
  clock.advance(500);
  await settled();
  open.answer('subscribe', {});
  publish(2, 3);
  const got = [await reader.next(), await reader.next(), await reader.next()];
  expect(got.map(({ value }) => [value?.data, value?.gap])).toEqual([
    [1, false],
    [2, true],
    [3, false],
  ]);
});

describe('what nobody reads', () => {
  test('is held up to a limit; then the reader gets it, and an error that names the limit', async () => {
    const { reader, publish } = await reading({ bufferMax: 3 });
    publish(1, 2, 3, 4, 5);
    const got = [await reader.next(), await reader.next(), await reader.next()];
    expect(got.map(({ value }) => value?.data)).toEqual([1, 2, 3]);
    expect(await failure(reader.next())).toMatchObject({
      name: 'SluiceError',
      code: 6,
      message: 'bufferMax is reached',
      temporary: false,
    });
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  test('does not hold others back, nor the listeners', async () => {
    const { channel, reader, publish } = await reading({ bufferMax: 1 });
    const heard: number[] = [];
    channel.on('publication', ({ data }) => heard.push(data));
    const other = channel[Symbol.asyncIterator]();
    publish(1);
    expect((await other.next()).value?.data).toBe(1);
    publish(2);
    expect((await other.next()).value?.data).toBe(2);
    expect(heard).toEqual([1, 2]);
    expect((await reader.next()).value?.data).toBe(1);
    expect(await failure(reader.next())).toMatchObject({ code: 6 });
  });

  test('is held by default up to 1,000', async () => {
    const { reader, publish } = await reading();
    publish(...Array.from({ length: 1001 }, (_, index) => index));
    for (let index = 0; index < 1000; index += 1) {
      expect((await reader.next()).value?.data).toBe(index);
    }
    expect(await failure(reader.next())).toMatchObject({ code: 6 });
  });
});

describe('the end', () => {
  test('comes with unsubscribe, after what is held', async () => {
    const { channel, reader, publish } = await reading();
    publish(1);
    channel.unsubscribe();
    expect((await reader.next()).value?.data).toBe(1);
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  test('comes to all who wait', async () => {
    const { client, reader } = await reading();
    const waiting = [reader.next(), reader.next()];
    client.close();
    expect(await Promise.all(waiting)).toEqual(
      waiting.map(() => ({ done: true, value: undefined })),
    );
  });

  test('is an error when the gateway ends the subscription', async () => {
    const { channel, open } = await reading();
    const loop = (async () => {
      for await (const { data } of channel) expect(data).toBeUndefined();
    })();
    open.push({ channel: 'a', unsubscribe: { code: 2000, reason: 'server unsubscribe' } });
    expect(await failure(loop)).toMatchObject({ code: 2000, message: 'server unsubscribe' });
  });

  test('is an error when the subscription is refused', async () => {
    const { client, accept } = stage();
    const reader = client.channel('a')[Symbol.asyncIterator]();
    void client.connect();
    (await accept()).refuse('subscribe', 103);
    expect(await failure(reader.next())).toMatchObject({ code: 103 });
  });

  test('is an error when the client stops', async () => {
    const { reader, open } = await reading();
    const waiting = failure(reader.next());
    open.drop(3503, 'force disconnect');
    expect(await waiting).toMatchObject({ code: 3503 });
  });

  test('does not come with a connection that is lost', async () => {
    const { clock, reader, open, accept } = await reading();
    const waiting = reader.next();
    open.drop();
    clock.advance(500);
    const again = await accept();
    again.answer('subscribe', {});
    again.push({ channel: 'a', pub: { data: 7 } });
    expect((await waiting).value?.data).toBe(7);
  });

  test('by return settles who waits and drops what is held', async () => {
    const { reader, publish } = await reading();
    const waiting = reader.next();
    await reader.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    publish(1);
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });
});
