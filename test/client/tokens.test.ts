/** Tokens of connections and subscriptions: where they come from, and when they are renewed. */
import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/client/errors.ts';
import type { GetToken } from '../../src/client/options.ts';
import { failure, listen, settled, stage } from './stage.ts';

/** Gives token 1, token 2, … and counts. */
function tokens(): { readonly getToken: GetToken; readonly count: () => number } {
  let given = 0;
  return { getToken: () => Promise.resolve(`token ${(given += 1)}`), count: () => given };
}

describe('the token of the connection', () => {
  test('that is given is used, and no other is asked for', async () => {
    const { getToken, count } = tokens();
    const { client, clock, accept } = stage({ token: 'given', getToken });
    void client.connect();
    const socket = await accept();
    socket.drop();
    clock.advance(500);
    expect((await accept()).last('connect')['connect']).toEqual({ token: 'given' });
    expect(count()).toBe(0);
  });

  test('is asked for before the socket is opened, and kept', async () => {
    const { getToken, count } = tokens();
    const { client, clock, sockets, accept } = stage({ getToken });
    void client.connect();
    expect(sockets).toEqual([]);
    await settled();
    const socket = await accept();
    expect(socket.last('connect')['connect']).toEqual({ token: 'token 1' });
    socket.drop();
    clock.advance(500);
    expect((await accept()).last('connect')['connect']).toEqual({ token: 'token 1' });
    expect(count()).toBe(1);
  });

  test('may be given at once, and be none', async () => {
    const { client, accept } = stage({ getToken: () => '' });
    void client.connect();
    await settled();
    expect((await accept()).last('connect')['connect']).toEqual({});
  });

  test.each(['throws', 'rejects'])('is asked for again when the getter %s', async (how) => {
    let asked = 0;
    const cause = new Error('the backend is away');
    const getToken = (): Promise<string> => {
      asked += 1;
      if (asked > 2) return Promise.resolve('t');
      if (how === 'throws') throw cause;
      return Promise.reject(cause);
    };
    const { client, clock, sockets, accept } = stage({ getToken, random: () => 0.5 });
    const heard = listen(client, 'error');
    void client.connect();
    await settled();
    expect(heard).toEqual([['error', expect.objectContaining({ code: 8, cause })]]);
    clock.advance(750);
    await settled();
    clock.advance(1000);
    await settled();
    expect(asked).toBe(3);
    expect(sockets).toHaveLength(1);
    await accept();
    expect(client.state).toBe('connected');
  });

  test('that the getter says cannot be had ends it', async () => {
    const getToken = (): never => {
      throw new SluiceError({ code: 401, message: 'logged out' });
    };
    const { client, clock, sockets } = stage({ getToken });
    expect(await failure(client.connect())).toMatchObject({ code: 401, message: 'logged out' });
    expect(client.state).toBe('disconnected');
    expect(clock.pending).toBe(0);
    expect(sockets).toEqual([]);
  });

  test('is not waited for without end', async () => {
    const signals: AbortSignal[] = [];
    const getToken: GetToken = ({ signal }) => {
      signals.push(signal);
      return new Promise<string>(() => undefined);
    };
    const { client, clock } = stage({ getToken, timeoutMs: 1000 });
    const heard = listen(client, 'error');
    void client.connect();
    await settled();
    clock.advance(1000);
    expect(heard).toEqual([['error', expect.objectContaining({ code: 8, temporary: true })]]);
    expect(signals[0]?.aborted).toBe(true);
    clock.advance(500);
    expect(signals).toHaveLength(2);
    expect(signals[1]?.aborted).toBe(false);
    client.close();
    expect(signals[1]?.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test('that comes after close is of no use', async () => {
    let give: (token: string) => void = () => undefined;
    const getToken = (): Promise<string> =>
      new Promise((resolve) => {
        give = resolve;
      });
    const { client, clock, sockets } = stage({ getToken });
    const connecting = failure(client.connect());
    await settled();
    client.close();
    give('late');
    expect(await connecting).toMatchObject({ code: 4 });
    await settled();
    expect(sockets).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test('that has run out (109) is replaced', async () => {
    const { getToken } = tokens();
    const { client, clock, socket, accept } = stage({ token: 'old', getToken });
    const connecting = client.connect();
    socket().open();
    await settled();
    socket().refuse('connect', 109);
    clock.advance(500);
    await settled();
    expect((await accept()).last('connect')['connect']).toEqual({ token: 'token 1' });
    await connecting;
  });

  test('is dropped when the gateway stops the client: the next connect asks for a new one', async () => {
    const { getToken, count } = tokens();
    const { client, accept } = stage({ getToken });
    void client.connect();
    await settled();
    (await accept()).drop(3500, 'invalid token');
    void client.connect();
    await settled();
    expect((await accept()).last('connect')['connect']).toEqual({ token: 'token 2' });
    expect(count()).toBe(2);
  });

  test('is dropped after 3014', async () => {
    const { getToken } = tokens();
    const { client, clock, accept } = stage({ getToken });
    void client.connect();
    await settled();
    (await accept()).drop(3014, 'state invalidated');
    clock.advance(500);
    await settled();
    expect((await accept()).last('connect')['connect']).toEqual({ token: 'token 2' });
  });
});

describe('a connection that expires', () => {
  test('is refreshed before it does, again and again', async () => {
    const { getToken } = tokens();
    const { client, clock, accept } = stage({ token: 't', getToken });
    void client.connect();
    const socket = await accept({ expires: true, ttl: 100 });
    clock.advance(79_999);
    await settled();
    expect(socket.count('refresh')).toBe(0);
    clock.advance(1);
    await settled();
    expect(socket.last('refresh')['refresh']).toEqual({ token: 'token 1' });
    socket.answer('refresh', { expires: true, ttl: 10 });
    clock.advance(8000);
    await settled();
    expect(socket.last('refresh')['refresh']).toEqual({ token: 'token 2' });
    socket.answer('refresh', {});
    expect(clock.pending).toBe(0);
    // The new one is the one for the next connection.
    socket.drop();
    clock.advance(500);
    expect((await accept()).last('connect')['connect']).toEqual({ token: 'token 2' });
  });

  test('the times are spread', async () => {
    const { getToken, count } = tokens();
    const { client, clock, accept } = stage({ token: 't', getToken, random: () => 0.999 });
    void client.connect();
    await accept({ expires: true, ttl: 100 });
    clock.advance(89_989);
    expect(count()).toBe(0);
    clock.advance(2);
    expect(count()).toBe(1);
  });

  test('after the longest time a timer can wait is refreshed then', async () => {
    const { getToken } = tokens();
    const { client, accept } = stage({ token: 't', getToken });
    void client.connect();
    const socket = await accept({ expires: true, ttl: 10 ** 9 });
    await settled();
    expect(socket.count('refresh')).toBe(0);
  });

  test('without a getter is left to expire', async () => {
    const { client, clock, accept } = stage({ token: 't' });
    void client.connect();
    await accept({ expires: true, ttl: 10 });
    expect(clock.pending).toBe(0);
  });

  test.each([
    [100, true],
    [109, false],
  ])('is refreshed again after error %d', async (code, temporary) => {
    const { getToken } = tokens();
    const { client, clock, accept } = stage({ token: 't', getToken });
    const heard = listen(client, 'error');
    void client.connect();
    const socket = await accept({ expires: true, ttl: 10 });
    clock.advance(8000);
    await settled();
    socket.refuse('refresh', code, temporary);
    expect(heard).toHaveLength(1);
    clock.advance(500);
    await settled();
    expect(socket.last('refresh')['refresh']).toEqual({ token: 'token 2' });
    expect(client.state).toBe('connected');
  });

  test('whose refresh is refused for good ends', async () => {
    const { getToken } = tokens();
    const { client, clock, accept } = stage({ token: 't', getToken });
    const heard = listen(client, 'disconnected');
    void client.connect();
    const socket = await accept({ expires: true, ttl: 10 });
    clock.advance(8000);
    await settled();
    socket.refuse('refresh', 103);
    expect(heard).toEqual([['disconnected', { code: 103, reason: 'error 103' }]]);
    expect(socket.isClosed).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test('whose refresh is not answered begins anew', async () => {
    const { getToken } = tokens();
    const { client, clock, sockets, accept } = stage({ token: 't', getToken, timeoutMs: 1000 });
    void client.connect();
    await accept({ expires: true, ttl: 10 });
    clock.advance(8000);
    await settled();
    clock.advance(1500);
    expect(sockets).toHaveLength(2);
  });

  test('keeps its token as long as there is no other', async () => {
    const getToken = (): never => {
      throw new Error('away');
    };
    const { client, clock, accept } = stage({ token: 't', getToken });
    const heard = listen(client, 'error');
    void client.connect();
    const socket = await accept({ expires: true, ttl: 10 });
    clock.advance(8000);
    await settled();
    expect(heard).toHaveLength(1);
    socket.drop();
    clock.advance(500);
    expect((await accept()).last('connect')['connect']).toEqual({ token: 't' });
  });

  test('may be told of another time by the gateway', async () => {
    const { getToken } = tokens();
    const { client, clock, accept } = stage({ token: 't', getToken });
    void client.connect();
    const socket = await accept({ expires: true, ttl: 1000 });
    socket.push({ refresh: { expires: true, ttl: 10 } });
    clock.advance(8000);
    await settled();
    expect(socket.count('refresh')).toBe(1);
    socket.push({ refresh: {} });
    socket.answer('refresh', {});
    expect(clock.pending).toBe(0);
  });
});

describe('the token of a subscription', () => {
  test('is asked for with the name of the channel; with it at hand nothing waits', async () => {
    const asked: string[] = [];
    const { client, clock, socket, accept } = stage();
    const getToken = ({ channel }: { readonly channel: string }): string => {
      asked.push(channel);
      return `for ${channel}`;
    };
    void client.channel('a', { getToken }).subscribe();
    void client.connect();
    await accept();
    expect(socket().last('subscribe')['subscribe']).toMatchObject({ token: 'for a' });
    socket().answer('subscribe');
    socket().drop();
    clock.advance(500);
    socket().open();
    await settled();
    expect(socket().frames).toHaveLength(1);
    expect(asked).toEqual(['a']);
  });

  test('is refreshed before it runs out', async () => {
    const { getToken } = tokens();
    const { client, clock, accept } = stage();
    const channel = client.channel('a', { token: 't', getToken });
    void channel.subscribe();
    void client.connect();
    const socket = await accept();
    socket.answer('subscribe', { expires: true, ttl: 10 });
    clock.advance(8000);
    await settled();
    expect(socket.last('sub_refresh')['sub_refresh']).toEqual({ channel: 'a', token: 'token 1' });
    socket.answer('sub_refresh', { expires: true, ttl: 10 });
    channel.unsubscribe();
    await settled();
    socket.answer('unsubscribe');
    expect(clock.pending).toBe(0);
  });

  test('whose refresh is refused for good ends the subscription', async () => {
    const { getToken } = tokens();
    const { client, clock, accept } = stage();
    const channel = client.channel<never>('a', { token: 't', getToken });
    const heard = listen(channel, 'unsubscribed', 'error');
    void channel.subscribe();
    void client.connect();
    const socket = await accept();
    socket.answer('subscribe', { expires: true, ttl: 10 });
    clock.advance(8000);
    await settled();
    socket.refuse('sub_refresh', 100, true);
    clock.advance(500);
    await settled();
    socket.refuse('sub_refresh', 103);
    await settled();
    expect(heard.map(([name]) => name)).toEqual(['error', 'unsubscribed']);
    expect(socket.count('unsubscribe')).toBe(1);
  });

  test('whose refresh is refused after unsubscribe is of no matter to the next one', async () => {
    const { getToken } = tokens();
    const { client, clock, accept } = stage();
    const channel = client.channel<never>('a', { token: 't', getToken });
    const heard = listen(channel, 'error', 'unsubscribed');
    void channel.subscribe();
    void client.connect();
    const socket = await accept();
    socket.answer('subscribe', { expires: true, ttl: 10 });
    clock.advance(8000);
    await settled();
    channel.unsubscribe();
    const again = channel.subscribe();
    await settled();
    socket.refuse('sub_refresh', 103);
    socket.answer('unsubscribe');
    socket.answer('subscribe', {});
    await again;
    expect(channel.state).toBe('subscribed');
    expect(heard.map(([name]) => name)).toEqual(['unsubscribed']);
    expect(clock.pending).toBe(0);
  });

  test('that has run out (109) is replaced', async () => {
    const { getToken } = tokens();
    const { client, clock, accept } = stage();
    const channel = client.channel('a', { token: 'old', getToken });
    const subscribing = channel.subscribe();
    void client.connect();
    const socket = await accept();
    socket.refuse('subscribe', 109);
    clock.advance(500);
    await settled();
    expect(socket.last('subscribe')['subscribe']).toMatchObject({ token: 'token 1' });
    socket.answer('subscribe');
    await subscribing;
  });

  test('that has run out and cannot be replaced ends the subscription', async () => {
    const { client, accept } = stage();
    const subscribing = client.channel('a', { token: 'old' }).subscribe();
    void client.connect();
    (await accept()).refuse('subscribe', 109);
    expect(await failure(subscribing)).toMatchObject({ code: 109 });
  });

  test('is replaced after 2501', async () => {
    const { getToken } = tokens();
    const { client, clock, accept } = stage();
    void client.channel('a', { token: 'old', getToken }).subscribe();
    void client.connect();
    const socket = await accept();
    socket.answer('subscribe');
    socket.push({ channel: 'a', unsubscribe: { code: 2501, reason: 'expired' } });
    clock.advance(500);
    await settled();
    expect(socket.last('subscribe')['subscribe']).toMatchObject({ token: 'token 1' });
  });

  test('that cannot be had now is asked for again, and for good ends it', async () => {
    let asked = 0;
    const getToken = (): string => {
      asked += 1;
      if (asked === 1) throw new Error('away');
      throw new SluiceError({ code: 403, message: 'not yours' });
    };
    const { client, clock, accept } = stage();
    const channel = client.channel<never>('a', { getToken });
    const heard = listen(channel, 'error', 'unsubscribed');
    const subscribing = failure(channel.subscribe());
    void client.connect();
    const socket = await accept();
    clock.advance(500);
    expect(await subscribing).toMatchObject({ code: 403 });
    expect(heard.map(([name]) => name)).toEqual(['error', 'unsubscribed']);
    expect(socket.count('subscribe')).toBe(0);
    expect(socket.count('unsubscribe')).toBe(0);
  });

  test('that comes after unsubscribe is of no use', async () => {
    let give: (token: string) => void = () => undefined;
    const getToken = (): Promise<string> =>
      new Promise((resolve) => {
        give = resolve;
      });
    const { client, clock, accept } = stage();
    const channel = client.channel('a', { getToken });
    void channel.subscribe();
    void client.connect();
    const socket = await accept();
    channel.unsubscribe();
    give('late');
    await settled();
    expect(socket.count('subscribe')).toBe(0);
    expect(clock.pending).toBe(0);
  });
});
