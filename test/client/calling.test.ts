/** Publications, requests and what becomes of them, against a gateway that the test plays. */
import { describe, expect, test } from 'vitest';
import { failure, settled, stage } from './stage.ts';

describe('calls', () => {
  test('send what they are given, and resolve with the answer', async () => {
    const { client, accept } = stage();
    void client.connect();
    const socket = await accept();
    const channel = client.channel('a');

    const publishing = channel.publish({ x: 1 });
    await settled();
    expect(socket.last('publish')['publish']).toEqual({ channel: 'a', data: { x: 1 } });
    socket.answer('publish');
    expect(await publishing).toBeUndefined();

    const direct = client.publish('b', null);
    await settled();
    expect(socket.last('publish')['publish']).toEqual({ channel: 'b', data: null });
    socket.answer('publish');
    await direct;

    const asking = client.rpc<number>('sum', [1, 2]);
    await settled();
    expect(socket.last('rpc')['rpc']).toEqual({ method: 'sum', data: [1, 2] });
    socket.answer('rpc', { data: 3 });
    expect(await asking).toBe(3);

    const nothing = client.rpc('nothing');
    await settled();
    expect(socket.last('rpc')['rpc']).toEqual({ method: 'nothing' });
    socket.answer('rpc');
    expect(await nothing).toBeUndefined();
  });

  test('history gives publications and the position', async () => {
    const { client, accept } = stage();
    void client.connect();
    const socket = await accept();
    const since = { offset: 3, epoch: 'e' };
    const asking = client.channel('a').history({ limit: 10, since, reverse: true });
    await settled();
    expect(socket.last('history')['history']).toEqual({
      channel: 'a',
      limit: 10,
      since,
      reverse: true,
    });
    const info = { user: 'u', client: 'c' };
    const publications = [{ data: 'x', offset: 4, info, tags: { t: '1' } }];
    socket.answer('history', { publications, epoch: 'e', offset: 4 });
    expect(await asking).toEqual({
      publications: [
        {
          channel: 'a',
          data: 'x',
          offset: 4,
          tags: { t: '1' },
          info: { user: 'u', client: 'c', connInfo: undefined, chanInfo: undefined },
          gap: false,
        },
      ],
      position: { offset: 4, epoch: 'e' },
    });
  });

  test('presence gives who is there, its stats how many', async () => {
    const { client, accept } = stage();
    void client.connect();
    const socket = await accept();
    const channel = client.channel('a');
    const who = channel.presence();
    const count = channel.presenceStats();
    await settled();
    socket.answer('presence', { presence: { c: { user: 'u', client: 'c', chan_info: 1 } } });
    socket.answer('presence_stats', { num_clients: 2, num_users: 1 });
    expect(await who).toEqual([{ user: 'u', client: 'c', connInfo: undefined, chanInfo: 1 }]);
    expect(await count).toEqual({ clients: 2, users: 1 });
  });

  test('send has no id and wants no answer', async () => {
    const { client, clock, accept } = stage();
    void client.connect();
    const socket = await accept();
    await client.send({ typing: true });
    await settled();
    expect(socket.frames.at(-1)).toBe('{"send":{"data":{"typing":true}}}');
    expect(clock.pending).toBe(0);
  });

  test('of one turn leave in one frame, in their order', async () => {
    const { client, accept } = stage();
    void client.connect();
    const socket = await accept();
    const calls = [1, 2, 3].map((data) => client.publish('a', data));
    await settled();
    expect(socket.frames).toHaveLength(2);
    expect(socket.commands.slice(1).map(({ publish }) => publish?.['data'])).toEqual([1, 2, 3]);
    socket.say(...socket.commands.slice(1).map(({ id }) => ({ id, publish: {} })));
    await Promise.all(calls);
  });

  test('are sent as they were when they were made', async () => {
    const { client, accept } = stage();
    void client.connect();
    const socket = await accept();
    const data = { x: 1 };
    void failure(client.publish('a', data));
    data.x = 2;
    await settled();
    expect(socket.last('publish')['publish']).toEqual({ channel: 'a', data: { x: 1 } });
  });

  test('reject with the error of the gateway', async () => {
    const { client, accept } = stage();
    void client.connect();
    const socket = await accept();
    const refused = failure(client.publish('a', 1));
    await settled();
    socket.refuse('publish', 103);
    const error = await refused;
    expect(error).toMatchObject({ name: 'SluiceError', code: 103, message: 'error 103' });
    expect(error).toMatchObject({ temporary: false });
    const later = failure(client.publish('a', 1));
    await settled();
    socket.refuse('publish', 111, true);
    expect(await later).toMatchObject({ code: 111, temporary: true });
  });

  test('that cannot be encoded fail alone', async () => {
    const { client, accept } = stage();
    void client.connect();
    const socket = await accept();
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect(await failure(client.publish('a', circle))).toBeInstanceOf(TypeError);
    const good = client.publish('a', 1);
    await settled();
    socket.answer('publish');
    await good;
  });

  test('without an answer in time fail, and a late answer is nothing', async () => {
    const { client, clock, accept } = stage({ timeoutMs: 1000 });
    void client.connect();
    const socket = await accept();
    const short = failure(client.rpc('m', 1, { timeoutMs: 10 }));
    const long = failure(client.rpc('m', 2));
    await settled();
    clock.advance(10);
    expect(await short).toMatchObject({ code: 1, temporary: true });
    clock.advance(990);
    expect(await long).toMatchObject({ code: 1 });
    socket.answer('rpc', { data: 1 });
    expect(client.state).toBe('connected');
  });
});

describe('a signal', () => {
  test('ends the wait with its reason', async () => {
    const { client, clock, accept } = stage();
    void client.connect();
    const socket = await accept();
    const controller = new AbortController();
    const { signal } = controller;
    const calls = [
      client.rpc('m', 1, { signal }),
      client.channel('a').publish(1, { signal }),
      client.channel('a').history({ signal }),
      client.channel('a').presence({ signal }),
      client.channel('a').presenceStats({ signal }),
    ].map(failure);
    await settled();
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await Promise.all(calls)).toEqual(calls.map(() => reason));
    expect(clock.pending).toBe(0);
    socket.answer('rpc', {});
    expect(await failure(client.rpc('m', 1, { signal }))).toBe(reason);
    expect(socket.count('rpc')).toBe(1);
  });

  test('takes back what waits for a connection', async () => {
    const { client, accept } = stage({ offline: 'queue' });
    void client.connect();
    const controller = new AbortController();
    const waiting = failure(client.publish('a', 1, { signal: controller.signal }));
    controller.abort();
    expect(await waiting).toMatchObject({ name: 'AbortError' });
    expect((await accept()).count('publish')).toBe(0);
  });
});

describe('without a connection', () => {
  test.each(['disconnected', 'connecting'])('calls are refused while %s', async (state) => {
    const { client, accept } = stage();
    if (state === 'connecting') void client.connect();
    expect(client.state).toBe(state);
    expect(await failure(client.publish('a', 1))).toMatchObject({ code: 3, temporary: true });
    expect(await failure(client.send(1))).toMatchObject({ code: 3 });
    if (state === 'connecting') expect((await accept()).count('publish')).toBe(0);
  });

  test('or wait while it is connecting, and leave in their order', async () => {
    const { client, clock, socket, accept } = stage({ offline: 'queue', timeoutMs: 1000 });
    expect(await failure(client.publish('a', 0))).toMatchObject({ code: 3 });
    void client.connect();
    const first = client.publish('a', 1);
    const sent = client.send('x');
    socket().drop();
    clock.advance(500);
    const second = client.publish('a', 2);
    // The time for the answer has not begun.
    clock.advance(999);
    const open = await accept();
    await sent;
    expect(open.commands.slice(1)).toEqual([
      { id: expect.any(Number), publish: { channel: 'a', data: 1 } },
      { send: { data: 'x' } },
      { id: expect.any(Number), publish: { channel: 'a', data: 2 } },
    ]);
    open.say(
      ...open.commands.filter(({ publish }) => publish).map(({ id }) => ({ id, publish: {} })),
    );
    await Promise.all([first, second]);
  });

  test('they leave before what is called when it is connected', async () => {
    const { client, accept } = stage({ offline: 'queue' });
    client.on('connected', () => void failure(client.publish('a', 'later')));
    void client.connect();
    void failure(client.publish('a', 'first'));
    const socket = await accept();
    const sent = socket.commands.slice(1).map(({ publish }) => publish?.['data']);
    expect(sent).toEqual(['first', 'later']);
  });

  test('no more of them wait than is allowed', async () => {
    const { client, accept } = stage({ offline: 'queue', queueMax: 2 });
    void client.connect();
    const waiting = [client.publish('a', 1), client.publish('a', 2)];
    expect(await failure(client.publish('a', 3))).toMatchObject({
      code: 5,
      message: 'queueMax is reached',
      temporary: true,
    });
    const socket = await accept();
    // Those under way count as well.
    expect(await failure(client.publish('a', 3))).toMatchObject({ code: 5 });
    socket.say(...socket.commands.slice(1).map(({ id }) => ({ id, publish: {} })));
    await Promise.all(waiting);
    const free = client.publish('a', 3);
    await settled();
    socket.answer('publish');
    await free;
  });

  test('those that wait fail when the client stops', async () => {
    const { client, socket } = stage({ offline: 'queue' });
    const connecting = failure(client.connect());
    const waiting = failure(client.publish('a', 1));
    socket().open();
    socket().drop(3500, 'invalid token');
    expect(await waiting).toMatchObject({ code: 3500, message: 'invalid token' });
    await connecting;
  });
});

describe('a connection that breaks', () => {
  test.each(['refuse', 'queue'] as const)(
    'rejects what is under way, and does not send it again (%s)',
    async (offline) => {
      const { client, clock, accept } = stage({ offline });
      void client.connect();
      const socket = await accept();
      const publishing = failure(client.publish('a', 1));
      await settled();
      socket.drop(1006);
      expect(await publishing).toMatchObject({ code: 2, temporary: true });
      clock.advance(500);
      expect((await accept()).count('publish')).toBe(0);
    },
  );

  test('says which code it broke with', async () => {
    const { client, accept } = stage();
    void client.connect();
    const socket = await accept();
    const publishing = failure(client.publish('a', 'x'.repeat(100_000)));
    await settled();
    socket.drop(1009, 'message too big');
    expect(await publishing).toMatchObject({
      message: 'connection lost, outcome unknown: 1009 message too big',
      temporary: false,
    });
    expect(client.state).toBe('connecting');
  });
});
