/** Subscriptions and what they deliver, against a gateway that the test plays. */
import { describe, expect, test } from 'vitest';
import type { Channel } from '../../src/client/channel.ts';
import type { ChannelOptions } from '../../src/client/options.ts';
import type { Stage } from './stage.ts';
import { failure, listen, settled, stage } from './stage.ts';

/** The place in the stream is told, but nothing can be recovered. */
const TOLD = { positioned: true, epoch: 'e', offset: 5 };

const STREAM = { recoverable: true, positioned: true, epoch: 'e', offset: 5 };

interface Subscribed extends Stage {
  readonly channel: Channel<never>;
  readonly heard: [string, unknown][];
  /** The data of publications, `gap` where one is told of. */
  readonly got: unknown[];
}

/** Connected, and the channel `a` is subscribed with `result`. */
async function subscribed(result: object, options: ChannelOptions = {}): Promise<Subscribed> {
  const on = stage();
  const channel = on.client.channel<never>('a', options);
  const got: unknown[] = [];
  channel.on('publication', ({ data }) => got.push(data));
  channel.on('gap', () => got.push('gap'));
  const heard = listen(channel, 'subscribing', 'subscribed', 'unsubscribed', 'gap', 'error');
  void on.client.connect();
  void channel.subscribe();
  const socket = await on.accept();
  socket.answer('subscribe', result);
  await settled();
  return { ...on, channel, heard, got };
}

/** The connection breaks and is there again; the subscription is answered with `result`. */
async function comeBack({ clock, socket, accept }: Stage, result: object): Promise<void> {
  socket().drop();
  clock.advance(500);
  (await accept()).answer('subscribe', result);
  await settled();
}

function pub(offset: number, data: unknown = offset, more: object = {}): object {
  return { push: { channel: 'a', pub: { data, offset, ...more } } };
}

describe('subscribing', () => {
  test('asks for what the options say, and tells of the answer', async () => {
    const options = { data: { x: 1 }, token: 't', joinLeave: true, positioned: true };
    const { channel, socket, heard } = await subscribed({ ...STREAM, data: { y: 2 } }, options);
    expect(socket().last('subscribe')['subscribe']).toEqual({
      channel: 'a',
      token: 't',
      data: { x: 1 },
      recoverable: true,
      positioned: true,
      join_leave: true,
    });
    expect(channel.state).toBe('subscribed');
    expect(channel.position).toEqual({ offset: 5, epoch: 'e' });
    expect(heard).toEqual([
      ['subscribing', { channel: 'a', code: 0, reason: 'subscribe called' }],
      [
        'subscribed',
        {
          channel: 'a',
          recovered: false,
          wasRecovering: false,
          position: { offset: 5, epoch: 'e' },
          data: { y: 2 },
        },
      ],
    ]);
  });

  test('asks for recovery unless it is told not to', async () => {
    const { socket } = await subscribed({}, { recoverable: false });
    expect(socket().last('subscribe')['subscribe']).toEqual({ channel: 'a', recoverable: false });
  });

  test('resolves once for all who ask, and at once where it is done', async () => {
    const { client, socket, accept } = stage();
    const channel = client.channel('a');
    const both = [channel.subscribe(), channel.subscribe()];
    void client.connect();
    (await accept()).answer('subscribe');
    await Promise.all(both);
    await channel.subscribe();
    expect(socket().count('subscribe')).toBe(1);
  });

  test('while connected it is sent at once', async () => {
    const { client, accept } = stage();
    void client.connect();
    const socket = await accept();
    const subscribing = client.channel('a').subscribe();
    await settled();
    socket.answer('subscribe');
    await subscribing;
  });

  test('an error that is temporary is told and tried again, ever later', async () => {
    const { client, clock, accept } = stage({ random: () => 0.5 });
    const channel = client.channel<never>('a');
    const heard = listen(channel, 'error', 'unsubscribed');
    const subscribing = channel.subscribe();
    void client.connect();
    const socket = await accept();
    for (const delayMs of [750, 1000, 1500]) {
      socket.refuse('subscribe', 100, true);
      const count = socket.count('subscribe');
      clock.advance(delayMs - 1);
      await settled();
      expect(socket.count('subscribe')).toBe(count);
      clock.advance(1);
      await settled();
      expect(socket.count('subscribe')).toBe(count + 1);
    }
    socket.answer('subscribe');
    await subscribing;
    expect(heard).toHaveLength(3);
    expect(heard[0]).toEqual(['error', expect.objectContaining({ code: 100, temporary: true })]);
  });

  test('an error that is final unsubscribes', async () => {
    const { client, clock, accept } = stage();
    const channel = client.channel<never>('a');
    const heard = listen(channel, 'unsubscribed', 'error');
    const subscribing = channel.subscribe();
    void client.connect();
    const socket = await accept();
    socket.refuse('subscribe', 103);
    expect(await failure(subscribing)).toMatchObject({ code: 103, temporary: false });
    expect(channel.state).toBe('unsubscribed');
    expect(heard).toEqual([['unsubscribed', { channel: 'a', code: 103, reason: 'error 103' }]]);
    expect(clock.pending).toBe(0);
    const again = channel.subscribe();
    await settled();
    socket.answer('subscribe');
    await again;
  });

  test('without an answer the connection begins anew', async () => {
    const { client, clock, sockets, accept } = stage({ timeoutMs: 1000 });
    const channel = client.channel('a');
    void client.connect();
    await accept();
    void channel.subscribe();
    await settled();
    clock.advance(1500);
    expect(sockets).toHaveLength(2);
    (await accept()).answer('subscribe');
    expect(channel.state).toBe('subscribed');
  });

  test('a connection that is lost meanwhile is no reason to give up', async () => {
    const { client, clock, socket, accept } = stage();
    const channel = client.channel('a');
    const subscribing = channel.subscribe();
    void client.connect();
    await accept();
    socket().drop();
    clock.advance(500);
    (await accept()).answer('subscribe');
    await subscribing;
  });
});

describe('publications', () => {
  test('of the frame of the answer are delivered behind it, in order', async () => {
    const { client, socket } = stage();
    const channel = client.channel('a');
    const order: unknown[] = [];
    channel.on('subscribed', () => order.push('subscribed'));
    channel.on('publication', ({ data }) => order.push(data));
    void client.connect();
    void channel.subscribe();
    socket().open();
    await settled();
    const { id } = socket().last('subscribe');
    const recovered = [{ data: 'r', offset: 6 }];
    socket().say(
      { id: 1, connect: {} },
      { id, subscribe: { ...STREAM, publications: recovered } },
      pub(7, 'p'),
      pub(8, 'q'),
    );
    expect(order).toEqual(['subscribed', 'r', 'p', 'q']);
  });

  test('come with all that is known of them', async () => {
    const { channel, socket } = await subscribed(STREAM);
    const publications: unknown[] = [];
    channel.on('publication', (publication) => publications.push(publication));
    const info = { user: 'u', client: 'c', conn_info: { a: 1 }, chan_info: [2] };
    socket().say(pub(6, 'x', { info, tags: { event: 'moved' } }), pub(7, null));
    expect(publications).toEqual([
      {
        channel: 'a',
        data: 'x',
        offset: 6,
        tags: { event: 'moved' },
        info: { user: 'u', client: 'c', connInfo: { a: 1 }, chanInfo: [2] },
        gap: false,
      },
      { channel: 'a', data: null, offset: 7, tags: null, info: null, gap: false },
    ]);
    expect(channel.position).toEqual({ offset: 7, epoch: 'e' });
  });

  test('that were there before are not delivered again', async () => {
    const { socket, got } = await subscribed(STREAM);
    socket().say(pub(5), pub(6), pub(6), pub(4), pub(7));
    expect(got).toEqual([6, 7]);
  });

  test('that are missing are told of', async () => {
    const { channel, socket, heard, got } = await subscribed(STREAM);
    const gaps: unknown[] = [];
    channel.on('publication', ({ gap }) => gaps.push(gap));
    socket().say(pub(6), pub(9), pub(10));
    expect(got).toEqual([6, 'gap', 9, 10]);
    expect(gaps).toEqual([false, true, false]);
    expect(heard.at(-1)).toEqual(['gap', { channel: 'a', position: { offset: 8, epoch: 'e' } }]);
  });

  test('of another life of the stream are told of as a gap', async () => {
    const { channel, socket, got } = await subscribed(STREAM);
    socket().say(pub(1, 'new', { epoch: 'f' }), pub(2, 'newer'));
    expect(got).toEqual(['gap', 'new', 'newer']);
    expect(channel.position).toEqual({ offset: 2, epoch: 'f' });
  });

  test('tell the epoch of a stream that begins', async () => {
    const { channel, socket, got } = await subscribed({ recoverable: true });
    socket().say(pub(1, 'first', { epoch: 'e' }), pub(2));
    expect(got).toEqual(['first', 2]);
    expect(channel.position).toEqual({ offset: 2, epoch: 'e' });
  });

  test('past the history have no place in it', async () => {
    const { channel, socket, got } = await subscribed(STREAM);
    socket().say(pub(6), { push: { channel: 'a', pub: { data: 'past' } } }, pub(7));
    expect(got).toEqual([6, 'past', 7]);
    expect(channel.position).toEqual({ offset: 7, epoch: 'e' });
  });

  test('without a stream are delivered as they come', async () => {
    const { channel, socket, got } = await subscribed({});
    socket().say(pub(9), pub(3), pub(3), { push: { channel: 'a', pub: { data: 'x' } } });
    expect(got).toEqual([9, 3, 3, 'x']);
    expect(channel.position).toBeNull();
  });

  test('joins and leaves are told of', async () => {
    const { channel, socket } = await subscribed(STREAM, { joinLeave: true });
    const heard = listen(channel, 'join', 'leave');
    const info = { user: 'u', client: 'c' };
    socket().push({ channel: 'a', join: { info } });
    socket().push({ channel: 'a', leave: { info } });
    expect(heard).toEqual([
      ['join', { channel: 'a', info: expect.objectContaining({ user: 'u', client: 'c' }) }],
      ['leave', { channel: 'a', info: expect.objectContaining({ user: 'u', client: 'c' }) }],
    ]);
  });
});

describe('coming back', () => {
  test('continues from the last publication', async () => {
    const on = await subscribed(STREAM);
    on.socket().say(pub(6));
    const publications = [
      { data: 7, offset: 7 },
      { data: 8, offset: 8 },
    ];
    const more = { offset: 6, was_recovering: true, recovered: true, publications };
    await comeBack(on, { ...STREAM, ...more });
    expect(on.socket().last('subscribe')['subscribe']).toMatchObject({
      recover: true,
      offset: 6,
      epoch: 'e',
    });
    expect(on.heard.slice(-2)).toEqual([
      ['subscribing', { channel: 'a', code: 1006, reason: '' }],
      ['subscribed', expect.objectContaining({ recovered: true, wasRecovering: true })],
    ]);
    on.socket().say(pub(9));
    expect(on.got).toEqual([6, 7, 8, 9]);
  });

  test('tells when it could not', async () => {
    const on = await subscribed(STREAM);
    await comeBack(on, { ...STREAM, epoch: 'f', offset: 40, was_recovering: true });
    on.socket().say(pub(41));
    expect(on.got).toEqual(['gap', 41]);
    expect(on.heard.slice(-2)).toEqual([
      ['subscribed', expect.objectContaining({ recovered: false, wasRecovering: true })],
      ['gap', { channel: 'a', position: { offset: 40, epoch: 'f' } }],
    ]);
  });

  test('where only the latest is kept, it is content with that', async () => {
    const on = await subscribed(STREAM);
    const publications = [{ data: 'latest', offset: 40 }];
    const more = { offset: 40, was_recovering: true, recovered: true, publications };
    await comeBack(on, { ...STREAM, ...more });
    on.socket().say(pub(41));
    expect(on.got).toEqual(['latest', 41]);
  });

  test('where only the latest is kept and it is here, it goes on behind it', async () => {
    const on = await subscribed(STREAM);
    await comeBack(on, { ...STREAM, offset: 40, was_recovering: true, recovered: true });
    on.socket().say(pub(41));
    expect(on.got).toEqual([41]);
  });

  test('where nothing can be recovered, it tells whether there was anything', async () => {
    const on = await subscribed(TOLD);
    on.socket().say(pub(6));
    await comeBack(on, { ...TOLD, offset: 6 });
    expect(on.socket().last('subscribe')['subscribe']).not.toHaveProperty('recover');
    on.socket().say(pub(7));
    await comeBack(on, { ...TOLD, offset: 8 });
    on.socket().say(pub(9));
    await comeBack(on, { ...TOLD, epoch: 'f', offset: 9 });
    expect(on.got).toEqual([6, 7, 'gap', 9, 'gap']);
  });

  test('where nothing is kept, it does not ask', async () => {
    const on = await subscribed({});
    await comeBack(on, {});
    expect(on.socket().last('subscribe')['subscribe']).toEqual({ channel: 'a', recoverable: true });
    expect(on.got).toEqual([]);
  });

  test('is possible from a position that was kept elsewhere', async () => {
    const since = { offset: 3, epoch: 'e' };
    const publications = [
      { data: 4, offset: 4 },
      { data: 5, offset: 5 },
    ];
    const result = { ...STREAM, offset: 3, was_recovering: true, recovered: true, publications };
    const { channel, socket, got } = await subscribed(result, { since });
    expect(socket().last('subscribe')['subscribe']).toMatchObject({ recover: true, ...since });
    expect(got).toEqual([4, 5]);
    expect(channel.position).toEqual({ offset: 5, epoch: 'e' });
  });

  test('a listener that unsubscribes amid what was missed gets the rest the next time', async () => {
    const on = await subscribed(STREAM);
    const off = on.channel.on('publication', ({ offset }) => {
      if (offset === 6) on.channel.unsubscribe();
    });
    const publications = [6, 7, 8].map((offset) => ({ data: offset, offset }));
    const more = { was_recovering: true, recovered: true, publications };
    await comeBack(on, { ...STREAM, ...more });
    expect(on.got).toEqual([6]);
    off();
    void on.channel.subscribe();
    await settled();
    expect(on.socket().last('subscribe')['subscribe']).toMatchObject({ recover: true, offset: 6 });
    on.socket().answer('subscribe', { ...STREAM, ...more, offset: 6 });
    expect(on.got).toEqual([6, 7, 8]);
  });
});

describe('unsubscribing', () => {
  test('is at once: nothing is delivered from then on', async () => {
    const { channel, clock, socket, heard, got } = await subscribed(STREAM);
    channel.unsubscribe();
    expect(channel.state).toBe('unsubscribed');
    socket().say(pub(6));
    await settled();
    expect(socket().last('unsubscribe')['unsubscribe']).toEqual({ channel: 'a' });
    socket().answer('unsubscribe');
    expect(got).toEqual([]);
    const event = { channel: 'a', code: 0, reason: 'unsubscribe called' };
    expect(heard.at(-1)).toEqual(['unsubscribed', event]);
    expect(clock.pending).toBe(0);
  });

  test('keeps the position', async () => {
    const { channel, socket, got } = await subscribed(STREAM);
    channel.unsubscribe();
    void channel.subscribe();
    await settled();
    expect(socket().last('subscribe')['subscribe']).toMatchObject({ recover: true, offset: 5 });
    const publications = [{ data: 6, offset: 6 }];
    // Of the subscription before: it is part of what is recovered.
    socket().say(pub(6));
    socket().answer('subscribe', {
      ...STREAM,
      recovered: true,
      was_recovering: true,
      publications,
    });
    expect(got).toEqual([6]);
  });

  test('takes a subscribe back that is under way, and its promise says so', async () => {
    const { client, socket, accept } = stage();
    const channel = client.channel('a');
    void client.connect();
    await accept();
    const subscribing = failure(channel.subscribe());
    await settled();
    const first = socket().last('subscribe').id;
    channel.unsubscribe();
    expect(await subscribing).toMatchObject({ code: 7 });
    const again = channel.subscribe();
    await settled();
    // In their order: subscribe, unsubscribe, subscribe.
    expect(socket().count('unsubscribe')).toBe(1);
    socket().say({ id: first, error: { code: 108, message: 'taken back' } });
    expect(channel.state).toBe('subscribing');
    socket().answer('unsubscribe');
    socket().answer('subscribe');
    await again;
  });

  test('what was never sent is not taken back', async () => {
    const { client, accept } = stage();
    const channel = client.channel('a');
    void channel.subscribe();
    channel.unsubscribe();
    void client.connect();
    const socket = await accept();
    expect(socket.commands).toHaveLength(1);
  });

  test.each([[{ error: { code: 100, message: 'x' } }], [null]])(
    'that is answered with %j begins the connection anew',
    async (answer) => {
      const { channel, clock, sockets, socket, accept } = await subscribed(STREAM);
      channel.unsubscribe();
      await settled();
      if (answer === null) clock.advance(5000);
      else socket().say({ id: socket().last('unsubscribe').id, ...answer });
      clock.advance(500);
      expect(sockets).toHaveLength(2);
      expect((await accept()).count('subscribe')).toBe(0);
    },
  );

  test('close forgets the channel: the next of that name is a new one', async () => {
    const { client, channel, socket, got } = await subscribed(STREAM);
    channel.close();
    channel.close();
    const other = client.channel('a');
    expect(other).not.toBe(channel);
    expect(await failure(channel.subscribe())).toMatchObject({ code: 4 });
    void other.subscribe();
    await settled();
    expect(socket().count('unsubscribe')).toBe(1);
    expect(socket().last('subscribe')['subscribe']).toEqual({ channel: 'a', recoverable: true });
    socket().answer('subscribe', STREAM);
    socket().say(pub(6));
    expect(got).toEqual([]);
  });

  test('the same name is the same channel', () => {
    const { client } = stage();
    expect(client.channel('a')).toBe(client.channel('a'));
    expect(client.channel('a')).not.toBe(client.channel('b'));
  });
});

describe('being unsubscribed', () => {
  test.each([2000, 2100, 2499])('with %d is final', async (code) => {
    const { channel, clock, socket, heard } = await subscribed(STREAM);
    socket().push({ channel: 'a', unsubscribe: { code, reason: 'why' } });
    expect(channel.state).toBe('unsubscribed');
    expect(heard.at(-1)).toEqual(['unsubscribed', { channel: 'a', code, reason: 'why' }]);
    await settled();
    expect(socket().count('unsubscribe')).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test.each([2500, 2501, 2502, 2600])('with %d it subscribes again', async (code) => {
    const { channel, clock, socket, heard, got } = await subscribed(STREAM);
    socket().push({ channel: 'a', unsubscribe: { code, reason: 'why' } });
    expect(channel.state).toBe('subscribing');
    expect(heard.at(-1)).toEqual(['subscribing', { channel: 'a', code, reason: 'why' }]);
    clock.advance(500);
    await settled();
    expect(socket().last('subscribe')['subscribe']).toMatchObject({ recover: true, offset: 5 });
    const publications = [{ data: 6, offset: 6 }];
    socket().answer('subscribe', {
      ...STREAM,
      recovered: true,
      was_recovering: true,
      publications,
    });
    // It recovered: nothing is missing, whatever the code was.
    expect(got).toEqual([6]);
  });

  test('with 2500, where there is no position, is a gap', async () => {
    const { socket, got } = await subscribed({});
    socket().push({ channel: 'a', unsubscribe: { code: 2500, reason: '' } });
    expect(got).toEqual(['gap']);
  });

  test('with 2500, where nothing can be recovered, is a gap as soon as it is known', async () => {
    const { clock, socket, got } = await subscribed(TOLD);
    socket().push({ channel: 'a', unsubscribe: { code: 2500, reason: '' } });
    expect(got).toEqual([]);
    clock.advance(500);
    await settled();
    socket().answer('subscribe', { ...TOLD, offset: 7 });
    expect(got).toEqual(['gap']);
  });

  test('and unsubscribing while it waits to come back ends the wait', async () => {
    const { channel, clock, socket } = await subscribed(STREAM);
    socket().push({ channel: 'a', unsubscribe: { code: 2600, reason: '' } });
    channel.unsubscribe();
    expect(clock.pending).toBe(0);
    await settled();
    expect(socket().count('unsubscribe')).toBe(0);
  });
});

describe('channels that the server subscribes to', () => {
  const names = ['subscribed', 'unsubscribed', 'publication', 'join', 'gap'] as const;

  test('are told of on the client', async () => {
    const { client, accept } = stage();
    const heard = listen(client, ...names);
    void client.connect();
    const subs = { s: { ...STREAM, publications: [] }, t: {} };
    const socket = await accept({ subs });
    socket.say(
      { push: { channel: 's', pub: { data: 1, offset: 6 } } },
      { push: { channel: 's', pub: { data: 1, offset: 6 } } },
      { push: { channel: 't', join: { info: { user: 'u', client: 'c' } } } },
      { push: { channel: 'u', subscribe: {} } },
      { push: { channel: 'u', pub: { data: 2 } } },
      { push: { channel: 'u', unsubscribe: { code: 2000, reason: 'server unsubscribe' } } },
      { push: { channel: 'u', pub: { data: 3 } } },
    );
    expect(heard.map(([name, event]) => [name, (event as { channel: string }).channel])).toEqual([
      ['subscribed', 's'],
      ['subscribed', 't'],
      ['publication', 's'],
      ['join', 't'],
      ['subscribed', 'u'],
      ['publication', 'u'],
      ['unsubscribed', 'u'],
    ]);
    expect(heard.at(-1)).toEqual([
      'unsubscribed',
      { channel: 'u', code: 2000, reason: 'server unsubscribe' },
    ]);
  });

  test('continue where they were, and tell when they could not', async () => {
    const { client, clock, accept } = stage();
    const heard = listen(client, 'publication', 'gap', 'subscribed', 'unsubscribed');
    void client.connect();
    const socket = await accept({ subs: { s: STREAM, t: STREAM, u: {}, v: {} } });
    socket.say({ push: { channel: 's', pub: { data: 6, offset: 6 } } });
    heard.length = 0;
    socket.drop();
    clock.advance(500);
    const publications = [{ data: 7, offset: 7 }];
    const s = { ...STREAM, offset: 6, recovered: true, was_recovering: true, publications };
    const t = { ...STREAM, offset: 9, was_recovering: true };
    const next = await accept({ subs: { s, t, u: {} } });
    expect(next.last('connect')['connect']?.['subs']).toEqual({
      s: { recover: true, offset: 6, epoch: 'e' },
      t: { recover: true, offset: 5, epoch: 'e' },
      u: {},
      v: {},
    });
    expect(heard.map(([name, event]) => [name, (event as { channel: string }).channel])).toEqual([
      ['unsubscribed', 'v'],
      ['subscribed', 's'],
      ['publication', 's'],
      ['subscribed', 't'],
      ['gap', 't'],
      ['subscribed', 'u'],
    ]);
  });

  test('messages to the connection itself are told of', async () => {
    const { client, accept } = stage();
    const heard = listen(client, 'message');
    void client.connect();
    (await accept()).push({ message: { data: { a: 1 } } });
    expect(heard).toEqual([['message', { data: { a: 1 } }]]);
  });
});
