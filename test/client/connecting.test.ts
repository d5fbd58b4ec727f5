/** How a client connects, comes back and stops, against a network that the test plays. */
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { backoff } from '../../src/client/backoff.ts';
import { Client } from '../../src/client/client.ts';
import { CLOSES } from '../../src/protocol/close.ts';
import { failure, listen, settled, stage } from './stage.ts';

describe('connecting', () => {
  test('opens one socket, sends connect, and resolves with its answer', async () => {
    const { client, socket, accept } = stage({
      token: 't',
      data: { a: 1 },
      name: 'n',
      version: 'v',
    });
    const heard = listen(client, 'connecting', 'connected', 'disconnected');
    const connected = client.connect();
    expect(client.state).toBe('connecting');
    expect(socket().url).toBe('ws://gateway');
    expect(socket().protocols).toEqual([]);
    await accept({ client: 'c7', version: '2', data: { hello: 1 } });
    await connected;
    expect(client.state).toBe('connected');
    expect(socket().binaryType).toBe('arraybuffer');
    expect(socket().commands).toEqual([
      { id: 1, connect: { token: 't', data: { a: 1 }, name: 'n', version: 'v' } },
    ]);
    expect(heard).toEqual([
      ['connecting', { code: 0, reason: 'connect called' }],
      ['connected', { client: 'c7', version: '2', data: { hello: 1 } }],
    ]);
  });

  test('is asked for twice and done once', async () => {
    const { client, sockets, accept } = stage();
    const both = [client.connect(), client.connect()];
    await accept();
    await Promise.all(both);
    await client.connect();
    expect(sockets).toHaveLength(1);
  });

  test('needs a WebSocket', async () => {
    const known = globalThis.WebSocket;
    Reflect.deleteProperty(globalThis, 'WebSocket');
    onTestFinished(() => void Object.assign(globalThis, { WebSocket: known }));
    const client = new Client('ws://gateway');
    expect(await failure(client.connect())).toEqual(
      expect.objectContaining({ code: 13, cause: expect.any(TypeError) }),
    );
    client.close();
  });

  test('a URL that is none ends it', async () => {
    const client = new Client('nonsense://');
    expect(await failure(client.connect())).toMatchObject({ code: 13, temporary: false });
    expect(client.state).toBe('disconnected');
    client.close();
  });
});

describe('the subscriptions', () => {
  test('leave in the frame of the connect', async () => {
    const { client, socket } = stage();
    void client.channel('a').subscribe();
    void client.channel('b').subscribe();
    void client.connect();
    socket().open();
    await settled();
    expect(socket().frames).toHaveLength(1);
    expect(socket().commands.map((command) => Object.keys(command)[1])).toEqual([
      'connect',
      'subscribe',
      'subscribe',
    ]);
  });

  test('are spread over frames that a gateway takes', async () => {
    const { client, socket } = stage();
    for (let index = 0; index < 100; index += 1) {
      void client.channel(`channel-${index}`, { token: 'x'.repeat(1000) }).subscribe();
    }
    void client.connect();
    socket().open();
    await settled();
    expect(socket().commands).toHaveLength(101);
    expect(socket().frames.length).toBeGreaterThan(6);
    for (const frame of socket().frames) expect(frame.length).toBeLessThan(20_000);
  });
});

describe('the delay before coming back', () => {
  test.each([
    [0, 0, 500],
    [0, 0.999, 999.5],
    [1, 0, 500],
    [1, 0.5, 1000],
    [3, 0.5, 2500],
    [5, 1, 16_500],
    [6, 1, 20_000],
    [40, 0.5, 10_500],
    [4000, 1, 20_000],
  ])('at step %d, with the random number %d, is %d ms', (step, random, delayMs) => {
    const options = { minReconnectDelayMs: 500, maxReconnectDelayMs: 20_000 };
    expect(backoff(step, { ...options, random: () => random })).toBeCloseTo(delayMs, 6);
  });

  test('grows with each failure, and begins anew after a success', async () => {
    const { client, clock, sockets, socket, accept } = stage({ random: () => 0.5 });
    void client.connect();
    for (const delayMs of [750, 1000, 1500, 2500]) {
      const count = sockets.length;
      socket().drop();
      clock.advance(delayMs - 1);
      expect(sockets).toHaveLength(count);
      clock.advance(1);
      expect(sockets).toHaveLength(count + 1);
    }
    await accept();
    socket().drop();
    clock.advance(749);
    expect(sockets).toHaveLength(5);
    clock.advance(1);
    expect(sockets).toHaveLength(6);
  });
});

describe('after a close by the gateway', () => {
  const codes = [...Object.values(CLOSES).map(({ code }) => code), 1000, 1001, 1006, 1009, 4000];
  test.each([...codes.filter((code) => code < 3500), 4000, 4499])(
    '%d it comes back',
    async (code) => {
      const { client, clock, sockets, accept } = stage();
      const heard = listen(client, 'connecting', 'disconnected');
      void client.connect();
      const socket = await accept();
      socket.drop(code, 'why');
      expect(client.state).toBe('connecting');
      expect(heard.at(-1)).toEqual(['connecting', { code, reason: 'why' }]);
      clock.advance(500);
      expect(sockets).toHaveLength(2);
      await accept();
      expect(client.state).toBe('connected');
    },
  );

  test.each([...codes.filter((code) => code >= 3500 && code < 4000), 4500])(
    '%d it stops, until it is told to connect',
    async (code) => {
      const { client, clock, sockets, accept } = stage();
      const heard = listen(client, 'disconnected');
      void client.connect();
      const socket = await accept();
      const subscribing = client.channel('a').subscribe();
      const calling = client.rpc('m');
      await settled();
      socket.drop(code, 'why');
      expect(client.state).toBe('disconnected');
      expect(heard).toEqual([['disconnected', { code, reason: 'why' }]]);
      expect(await failure(subscribing)).toMatchObject({ code, message: 'why', temporary: false });
      expect(await failure(calling)).toMatchObject({ code: 2, temporary: false });
      clock.advance(100_000);
      expect(sockets).toHaveLength(1);
      expect(clock.pending).toBe(0);
      void client.connect();
      await accept();
      expect(client.state).toBe('connected');
      expect(sockets[1]?.count('subscribe')).toBe(1);
    },
  );

  test('before the connect was answered, the promise of connect tells', async () => {
    const { client, socket } = stage();
    const connecting = client.connect();
    socket().open();
    socket().drop(3500, 'invalid token');
    expect(await failure(connecting)).toMatchObject({ code: 3500, message: 'invalid token' });
  });
});

describe('an error in answer to connect', () => {
  test.each([100, 111])('that is temporary (%d) is tried again', async (code) => {
    const { client, clock, sockets, socket, accept } = stage();
    const heard = listen(client, 'error');
    void client.connect();
    socket().open();
    await settled();
    socket().refuse('connect', code, true);
    expect(socket().isClosed).toBe(true);
    expect(heard).toEqual([['error', expect.objectContaining({ code, temporary: true })]]);
    // The gateway closes what goes on after an error; that is not news.
    socket().drop(3501, 'bad request');
    clock.advance(500);
    expect(sockets).toHaveLength(2);
    await accept();
    expect(client.state).toBe('connected');
  });

  test.each([101, 103, 109])('that is final (%d) stops it', async (code) => {
    const { client, clock, socket } = stage();
    const connecting = client.connect();
    socket().open();
    await settled();
    socket().refuse('connect', code);
    expect(await failure(connecting)).toMatchObject({ name: 'SluiceError', code });
    expect(client.state).toBe('disconnected');
    expect(clock.pending).toBe(0);
  });
});

describe('a network that does not answer', () => {
  test('a socket that does not open is given up', async () => {
    const { client, clock, sockets, socket } = stage({ timeoutMs: 3000 });
    void client.connect();
    clock.advance(3000);
    expect(socket().isClosed).toBe(true);
    clock.advance(500);
    expect(sockets).toHaveLength(2);
    // The first one opens after all.
    sockets[0]?.open();
    await settled();
    expect(sockets[0]?.frames).toEqual([]);
  });

  test('a connect without an answer is given up', async () => {
    const { client, clock, sockets, socket } = stage({ timeoutMs: 3000 });
    void client.connect();
    socket().open();
    await settled();
    clock.advance(3500);
    expect(sockets).toHaveLength(2);
  });

  test('pings that do not come end the connection in time', async () => {
    const { client, clock, accept } = stage({ maxPingDelayMs: 10_000 });
    const heard = listen(client, 'connecting');
    void client.connect();
    const socket = await accept({ ping: 25 });
    clock.advance(30_000);
    socket.say({});
    clock.advance(34_999);
    expect(client.state).toBe('connected');
    clock.advance(1);
    expect(client.state).toBe('connecting');
    expect(heard.at(-1)).toEqual(['connecting', { code: 11, reason: 'no ping' }]);
    expect(socket.isClosed).toBe(true);
  });

  test('without pings it waits for ever', async () => {
    const { client, clock, accept } = stage();
    void client.connect();
    await accept();
    clock.advance(1_000_000);
    expect(client.state).toBe('connected');
  });

  test('pings are answered where the gateway wants it', async () => {
    const { client, accept } = stage();
    void client.connect();
    const socket = await accept({ ping: 25, pong: true });
    socket.say({});
    await settled();
    expect(socket.frames.at(-1)).toBe('{}');
  });

  test('and not where it does not', async () => {
    const { client, accept } = stage();
    void client.connect();
    const socket = await accept({ ping: 25 });
    socket.say({});
    await settled();
    expect(socket.frames).toHaveLength(1);
  });

  test('a call without an answer leads to a question, and silence after that to an end', async () => {
    const { client, clock, accept } = stage({ timeoutMs: 1000 });
    void client.connect();
    const socket = await accept({ ping: 25 });
    clock.advance(10);
    const calling = client.rpc('m');
    await settled();
    clock.advance(1000);
    expect(await failure(calling)).toMatchObject({ code: 1, temporary: true });
    await settled();
    expect(socket.count('ping')).toBe(1);
    clock.advance(1000);
    expect(client.state).toBe('connecting');
  });

  test('a call without an answer is no reason to end what is alive', async () => {
    const { client, clock, accept } = stage({ timeoutMs: 1000 });
    void client.connect();
    const socket = await accept({ ping: 25 });
    clock.advance(10);
    const calling = client.rpc('m');
    await settled();
    clock.advance(500);
    socket.say({});
    clock.advance(500);
    expect(await failure(calling)).toMatchObject({ code: 1 });
    await settled();
    expect(socket.count('ping')).toBe(0);
    expect(client.state).toBe('connected');
  });
});

describe('what cannot be read', () => {
  test.each(['', 'nonsense', '{"id":1}\n{', '[1]\nnull'])(
    '%j ends the connection',
    async (frame) => {
      const { client, clock, sockets, accept } = stage();
      const heard = listen(client, 'error', 'connecting');
      void client.connect();
      const socket = await accept();
      socket.sayRaw(frame);
      expect(heard.slice(1)).toEqual([
        ['error', expect.objectContaining({ code: 10, cause: expect.any(Error) })],
        ['connecting', { code: 10, reason: 'unreadable frame' }],
      ]);
      clock.advance(500);
      expect(sockets).toHaveLength(2);
    },
  );

  test('whatever a gateway says, nothing is thrown and no timer is left', async () => {
    const part = fc.record(
      {
        id: fc.oneof(fc.constantFrom(1, 2, 3), fc.jsonValue()),
        connect: fc.jsonValue(),
        subscribe: fc.jsonValue(),
        error: fc.oneof(fc.record({ code: fc.nat(200), message: fc.string() }), fc.jsonValue()),
        push: fc.oneof(
          fc.record({ channel: fc.constantFrom('a', 'b'), pub: fc.jsonValue() }),
          fc.record({ channel: fc.constantFrom('a', 'b'), unsubscribe: fc.jsonValue() }),
          fc.record({ channel: fc.constantFrom('a', 'b'), subscribe: fc.jsonValue() }),
          fc.dictionary(fc.constantFrom('message', 'refresh', 'join', 'leave'), fc.jsonValue()),
          fc.jsonValue(),
        ),
      },
      { requiredKeys: [] },
    );
    const frames = fc.array(fc.oneof(part, fc.jsonValue()), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(frames, fc.boolean(), async (messages, isConnected) => {
        const { client, clock, socket, accept } = stage({ getToken: () => '' });
        const settling = [client.connect(), client.channel('a').subscribe()];
        await settled();
        if (isConnected) await accept();
        else socket().open();
        for (const message of messages) socket().sayRaw(JSON.stringify(message));
        await settled();
        client.close();
        expect(clock.pending).toBe(0);
        await Promise.allSettled(settling);
      }),
    );
  });

  test('answers and pushes that nobody waits for are nothing', async () => {
    const { client, accept } = stage();
    void client.connect();
    const socket = await accept();
    socket.say({ id: 99, rpc: {} }, { push: { channel: 'x', pub: { data: 1 } } }, { push: {} });
    socket.say({ push: { channel: '__proto__', unsubscribe: {} } });
    expect(client.state).toBe('connected');
  });
});

describe('disconnect and close', () => {
  test('disconnect stops, and connect goes on', async () => {
    const { client, clock, sockets, accept } = stage();
    const heard = listen(client, 'disconnected', 'closed');
    const channel = client.channel('a');
    void channel.subscribe();
    void client.connect();
    await accept();
    sockets[0]?.answer('subscribe', {});
    await settled();
    client.disconnect();
    client.disconnect();
    expect(sockets[0]?.isClosed).toBe(true);
    expect(heard).toEqual([['disconnected', { code: 14, reason: 'disconnect called' }]]);
    expect(channel.state).toBe('subscribing');
    expect(clock.pending).toBe(0);
    void client.connect();
    await accept();
    sockets[1]?.answer('subscribe', {});
    expect(channel.state).toBe('subscribed');
  });

  test.each(['dialing', 'opened', 'connected', 'waiting', 'disconnected', 'new'])(
    'close while it is %s settles everything and leaves no timer',
    async (when) => {
      const { client, clock, socket, accept } = stage({ offline: 'queue' });
      const heard = listen(client, 'closed', 'disconnected');
      const channel = client.channel('a');
      const failures = [failure(channel.subscribe())];
      const reading = channel[Symbol.asyncIterator]().next();
      const isUp = when === 'connected' || when === 'waiting';
      if (isUp) void client.connect();
      else if (when !== 'new') failures.push(failure(client.connect()));
      if (when === 'opened') socket().open();
      if (isUp) await accept({ ping: 25, expires: true, ttl: 60 });
      if (when === 'waiting') socket().drop();
      if (when === 'disconnected') {
        client.disconnect();
        expect(await failure(reading)).toMatchObject({ code: 14 });
        heard.length = 0;
      }
      await settled();
      failures.push(failure(client.rpc('m')), failure(channel.publish(1)));
      failures.push(failure(channel.history()), failure(channel.presence()));
      client.close();
      client.close();
      for (const error of await Promise.all(failures)) {
        expect(error).toMatchObject({ name: 'SluiceError' });
      }
      if (when !== 'disconnected') expect(await reading).toEqual({ done: true, value: undefined });
      expect(heard).toEqual([['closed', { code: 4, reason: 'closed' }]]);
      expect(client.state).toBe('closed');
      expect(clock.pending).toBe(0);
    },
  );

  test('after close nothing can be begun', async () => {
    const { client, clock, sockets } = stage();
    const channel = client.channel('a');
    client.close();
    expect(await failure(client.connect())).toMatchObject({ code: 4 });
    expect(await failure(client.rpc('m'))).toMatchObject({ code: 4 });
    expect(await failure(channel.subscribe())).toMatchObject({ code: 4 });
    expect(await failure(channel.publish(1))).toMatchObject({ code: 4 });
    expect(await failure(channel[Symbol.asyncIterator]().next())).toMatchObject({ code: 4 });
    expect(() => client.channel('b')).toThrow('closed');
    expect(sockets).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test('a listener may close at any moment', async () => {
    for (const event of ['connecting', 'connected', 'message'] as const) {
      const { client, clock, sockets, accept } = stage();
      const heard = listen(client, 'connected', 'message', 'subscribed', 'closed');
      client.on(event, () => client.close());
      void client.connect();
      if (event !== 'connecting') {
        await accept({ subs: { s: {} } });
        sockets[0]?.say({ push: { message: { data: 1 } } }, { push: { message: { data: 2 } } });
      }
      await settled();
      expect(client.state).toBe('closed');
      expect(clock.pending).toBe(0);
      const expected = {
        connecting: ['closed'],
        connected: ['connected', 'closed'],
        message: ['connected', 'subscribed', 'message', 'closed'],
      };
      expect(heard.map(([name]) => name)).toEqual(expected[event]);
    }
  });

  test('a listener that connects again when it was disconnected is heard', async () => {
    const { client, sockets, accept } = stage();
    client.on('disconnected', () => void client.connect());
    void client.connect();
    (await accept()).drop(3503, 'force disconnect');
    expect(client.state).toBe('connecting');
    await accept();
    expect(client.state).toBe('connected');
    expect(sockets).toHaveLength(2);
  });
});

describe('the page around it', () => {
  class FakePage extends EventTarget {
    count = 0;
    document = { visibilityState: 'visible' };

    override addEventListener(type: string, listener: () => void): void {
      this.count += 1;
      super.addEventListener(type, listener);
    }

    override removeEventListener(type: string, listener: () => void): void {
      this.count -= 1;
      super.removeEventListener(type, listener);
    }
  }

  test('without a network the connection ends at once, and comes back with it at once', async () => {
    const page = new FakePage();
    const { client, sockets, accept } = stage({ page });
    const heard = listen(client, 'connecting');
    void client.connect();
    await accept();
    page.dispatchEvent(new Event('offline'));
    expect(client.state).toBe('connecting');
    expect(heard.at(-1)).toEqual(['connecting', { code: 12, reason: 'the machine is offline' }]);
    page.dispatchEvent(new Event('online'));
    expect(sockets).toHaveLength(2);
    await accept();
    expect(client.state).toBe('connected');
  });

  test('offline, it goes on trying: the gateway may be on this machine', async () => {
    const page = new FakePage();
    const { client, clock, sockets, accept } = stage({ page });
    void client.connect();
    await accept();
    page.dispatchEvent(new Event('offline'));
    clock.advance(500);
    expect(sockets).toHaveLength(2);
  });

  test('a page that is seen again does not wait, and asks for a sign of life', async () => {
    const page = new FakePage();
    const { client, clock, sockets, accept } = stage({ page, timeoutMs: 1000 });
    void client.connect();
    const socket = await accept({ ping: 25 });
    page.document.visibilityState = 'hidden';
    page.dispatchEvent(new Event('visibilitychange'));
    await settled();
    expect(socket.count('ping')).toBe(0);
    page.document.visibilityState = 'visible';
    page.dispatchEvent(new Event('visibilitychange'));
    await settled();
    expect(socket.count('ping')).toBe(1);
    clock.advance(1000);
    expect(client.state).toBe('connecting');
    page.dispatchEvent(new Event('visibilitychange'));
    expect(sockets).toHaveLength(2);
    // One attempt at a time.
    page.dispatchEvent(new Event('visibilitychange'));
    page.dispatchEvent(new Event('online'));
    expect(sockets).toHaveLength(2);
  });

  test('is listened to only while it is needed', async () => {
    const page = new FakePage();
    const { client, accept } = stage({ page });
    expect(page.count).toBe(0);
    void client.connect();
    await accept();
    expect(page.count).toBe(4);
    client.disconnect();
    expect(page.count).toBe(0);
    void client.connect();
    client.close();
    expect(page.count).toBe(0);
  });

  test('there may be none, or one that is not to be looked at', async () => {
    const { client, accept } = stage({ page: null });
    void client.connect();
    await accept();
    expect(client.state).toBe('connected');
  });
});

test('two clients in one process have nothing in common', async () => {
  const one = stage({ token: 'one' });
  const two = stage({ token: 'two' });
  void one.client.connect();
  void two.client.connect();
  await one.accept();
  await two.accept();
  one.client.close();
  expect(two.client.state).toBe('connected');
  expect(two.socket().last('connect')).toMatchObject({ id: 1, connect: { token: 'two' } });
});
