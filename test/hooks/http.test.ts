/** Hooks over HTTP: what the backend is asked, and what its answers do, over real sockets. */
import { describe, expect, test, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import { createGateway, Refusal } from '../../src/gateway.ts';
import { verifySignature } from '../../src/hooks/signature.ts';
import { earnest, startGateway, token } from '../support/gateway.ts';
import { api } from '../support/http.ts';
import type { Message } from '../support/peer.ts';
import { Peer } from '../support/peer.ts';
import { answering, Backend, resulting, saying } from './backend.ts';
import type { Behaviour } from './backend.ts';
import { ASKED, isIdle, QUICKLY, scene } from './rig.ts';

const later = (ms: number): number => Math.floor((Date.now() + ms) / 1000);

/** Answers each hook as it is told, and lets the others pass. */
function answers(by: Readonly<Record<string, unknown>>): Behaviour {
  return (request, response) => {
    const hook = String(request.body['hook']);
    return answering(by[hook] ?? {})(request, response);
  };
}

describe('the backend is asked', () => {
  test('who connects, with what came with the upgrade and the command', async () => {
    const { url, backend } = await scene();
    const headers = { cookie: 'session=1', 'user-agent': 'tests', 'x-forwarded-for': '10.0.0.1' };
    const peer = await Peer.open(url, { headers: { ...headers, 'x-secret': 'no' } });
    const command = { name: 'js', version: '2', data: { a: 1 }, headers: { 'X-Own': 'ada' } };
    const { connect } = await peer.ask({ connect: command });
    expect(backend.heard.map(({ body }) => body)).toEqual([
      {
        hook: 'connect',
        client: (connect as Message)['client'],
        user: '',
        name: 'js',
        version: '2',
        headers,
        emulated_headers: { 'X-Own': 'ada' },
        remote_address: '127.0.0.1',
        data: { a: 1 },
      },
    ]);
  });

  test('with what the token says', async () => {
    const { url, backend } = await scene(undefined, earnest());
    const jwt = await token({ sub: 'ann', info: { name: 'Ann' }, meta: { tenant: 1 } });
    await Peer.connected(url, { connect: { token: jwt } });
    expect(backend.heard[0]?.body).toMatchObject({
      user: 'ann',
      info: { name: 'Ann' },
      meta: { tenant: 1 },
    });
    // The token itself is nobody's business.
    expect(backend.heard[0]?.text).not.toContain(jwt);
  });

  test('for a subscription, a publication and a call, with what it said of the connection', async () => {
    const info = { name: 'Ann' };
    const connect = { result: { user: 'ann', info, meta: { tenant: 1 } } };
    const { url, backend } = await scene(answers({ connect }));
    const peer = await Peer.connected(url);
    await peer.subscribe('asked:news', { data: 'please' });
    await peer.publish('asked:news', { text: 'hi' });
    await peer.ask({ rpc: { method: 'sum', data: [1, 2] } });
    const { client } = backend.heard[0]!.body;
    const caller = { client, user: 'ann', info, meta: { tenant: 1 } };
    expect(backend.heard.slice(1).map(({ body }) => body)).toEqual([
      { hook: 'subscribe', ...caller, channel: 'asked:news', data: 'please' },
      { hook: 'publish', ...caller, channel: 'asked:news', data: { text: 'hi' } },
      { hook: 'rpc', ...caller, method: 'sum', data: [1, 2] },
    ]);
  });

  test('with bytes as base64, where a client sent bytes', async () => {
    const behaves = resulting(() => ({ b64data: 'AQID' }));
    const { url, backend } = await scene(behaves);
    const peer = await Peer.connected(url, { encoding: 'msgpack' });
    const { rpc } = await peer.ask({ rpc: { method: 'raw', data: Buffer.from([0xff, 0]) } });
    expect(backend.heard[1]?.body).toMatchObject({ hook: 'rpc', b64data: '/wA=' });
    expect(backend.heard[1]?.body).not.toHaveProperty('data');
    expect(rpc).toEqual({ data: Buffer.from([1, 2, 3]) });
  });

  test('and nothing is read and written anew on the way, there and back', async () => {
    const text = '{"n":12345678901234567890, "a" : 1e2,"__proto__":[]}';
    const { url, backend } = await scene(saying(`{"result":{"data":${text}}}`));
    const peer = await Peer.connected(url);
    peer.socket.send(`{"id":9,"rpc":{"method":"m","data":${text}}}`);
    await peer.answer(9);
    expect(backend.heard[1]?.text).toContain(`"data":${text}`);
    expect(peer.lines.at(-1)).toBe(`{"id":9,"rpc":{"data":${text}}}`);
  });

  test('by a call of the server API, of no client', async () => {
    const { http, gateway, backend } = await scene(
      resulting(({ body }) => ({ data: body['data'] })),
    );
    expect(await api(http, 'rpc', { method: 'echo', data: { a: 1 } })).toMatchObject({
      status: 200,
      answer: { result: { data: { a: 1 } } },
    });
    expect(backend.heard[0]?.body).toEqual({
      hook: 'rpc',
      user: '',
      method: 'echo',
      data: { a: 1 },
    });
    expect(JSON.stringify(await gateway.rpc('echo', 5))).toContain('5');
  });

  test('only about what was configured', async () => {
    const { url, backend } = await scene(undefined, {
      hooks: { connect: false, rpc: false },
    });
    const peer = await Peer.connected(url);
    await peer.subscribe('news');
    await peer.publish('news', 1);
    expect((await peer.ask({ rpc: { method: 'any' } })).error?.code).toBe(108);
    expect((await peer.ask({ send: { data: 1 } })).error?.code).toBe(108);
    expect(backend.heard).toEqual([]);
  });

  test('is signed, so that it can tell who asks', async () => {
    const { url, backend } = await scene(undefined, { hooks: { secret: 'the secret' } });
    await Peer.connected(url);
    const [{ headers, text: body } = { headers: {}, text: '' }] = backend.heard;
    expect(verifySignature({ headers, body }, 'the secret')).toBe(true);
    expect(verifySignature({ headers, body }, 'another secret')).toBe(false);
  });
});

describe('an answer that allows', () => {
  test('says who it is, and what it may hear at once', async () => {
    const connect = {
      result: {
        user: 'ann',
        info: { name: 'Ann' },
        data: { motd: 'hi' },
        channels: ['news'],
        subs: {
          alerts: { data: 'welcome', info: { role: 'host' } },
          __proto__: { data: 'odd' },
          quiet: { override: { presence: { value: false } } },
        },
      },
    };
    // Written by hand: an object literal has no such member.
    const text = JSON.stringify(connect).replace('"alerts"', '"__proto__":{"data":"odd"},"alerts"');
    const { url } = await scene(
      (request, response) =>
        (request.body['hook'] === 'connect' ? saying(text) : answering({}))(request, response),
      earnest({
        namespaces: { default: { presence: true, presenceAccess: 'client' } },
      }),
    );
    const peer = await Peer.open(url);
    const reply = await peer.ask({ connect: {} });
    expect(reply['connect']).toMatchObject({ data: { motd: 'hi' } });
    const { subs } = reply['connect'] as { subs: Record<string, unknown> };
    expect(Object.keys(subs).toSorted()).toEqual(['__proto__', 'alerts', 'news', 'quiet']);
    expect(subs['alerts']).toMatchObject({ data: 'welcome' });
    const who = async (channel: string): Promise<unknown[]> => {
      const { presence } = await peer.ask({ presence: { channel } });
      return Object.values((presence as { presence: object }).presence);
    };
    expect(await who('alerts')).toMatchObject([
      { user: 'ann', conn_info: { name: 'Ann' }, chan_info: { role: 'host' } },
    ]);
    expect(await who('quiet')).toEqual([]);
  });

  test('lets nobody in without a user, where a token is needed', async () => {
    const { url } = await scene(undefined, earnest());
    const peer = await Peer.open(url);
    expect((await peer.ask({ connect: {} })).error?.code).toBe(101);
  });

  test('has the time it said, and is asked again then', async () => {
    const connect = { result: { user: 'ann', expire_at: later(1000) } };
    const refresh = { result: { expire_at: 0, info: { name: 'New' } } };
    const { url, backend } = await scene(answers({ connect, refresh }));
    const peer = await Peer.connected(url);
    await vi.waitFor(() => expect(backend.asked()).toEqual(['connect', 'refresh']), QUICKLY);
    const { client } = backend.heard[0]!.body;
    expect(backend.heard[1]?.body).toEqual({ hook: 'refresh', client, user: 'ann' });
    await peer.subscribe('news', { join_leave: true });
    await peer.publish('news', 1);
    await peer.until(() => peer.publications('news').length === 1, 'the publication');
    expect(peer.publications('news')[0]?.info).toMatchObject({ conn_info: { name: 'New' } });
  });

  test('is not renewed when the backend says that it expired', async () => {
    const connect = { result: { user: 'ann', expire_at: later(0) } };
    const { url } = await scene(answers({ connect, refresh: { result: { expired: true } } }));
    const peer = await Peer.connected(url);
    expect(await peer.ended()).toEqual({ code: 3005, reason: 'connection expired' });
  });

  test('of a subscription has rules of its own, and a time', async () => {
    const subscribe = {
      result: {
        info: { role: 'host' },
        data: { topic: 'tea' },
        override: { presence: { value: true }, force_push_join_leave: { value: true } },
        expire_at: later(1000),
      },
    };
    const { url } = await scene(answers({ subscribe }), {
      namespaces: {
        asked: { hooks: { subscribe: true }, presenceAccess: 'anonymous', presence: true },
      },
    });
    const peer = await Peer.connected(url);
    expect(await peer.subscribe('asked:room')).toMatchObject({ data: { topic: 'tea' } });
    const { presence } = await peer.ask({ presence: { channel: 'asked:room' } });
    expect(Object.values((presence as { presence: object }).presence)).toMatchObject([
      { chan_info: { role: 'host' } },
    ]);
    const ended = (): boolean =>
      peer.pushes('asked:room').some(({ unsubscribe }) => unsubscribe !== undefined);
    await peer.until(ended, 'the end of the subscription');
  });

  test('of a publication may change it', async () => {
    const publish = { result: { data: { clean: true }, tags: { seen: 'yes' } } };
    const { url } = await scene(answers({ publish }));
    const peer = await Peer.connected(url);
    await peer.subscribe('asked:room');
    await peer.publish('asked:room', { dirty: true });
    await peer.until(() => peer.publications('asked:room').length === 1, 'the publication');
    expect(peer.publications('asked:room')[0]).toMatchObject({
      data: { clean: true },
      tags: { seen: 'yes' },
    });
  });

  test('may be nothing but an empty object, with nulls in it', async () => {
    const nothing = { result: null, error: null, disconnect: null };
    const publish = { result: { data: null, b64data: '', tags: null, skip_history: null } };
    const { url } = await scene(
      answers({ connect: nothing, subscribe: nothing, publish, rpc: {} }),
    );
    const peer = await Peer.connected(url);
    await peer.subscribe('asked:room');
    await peer.publish('asked:room', 'as it was');
    await peer.until(() => peer.data('asked:room').length === 1, 'the publication');
    expect(peer.data('asked:room')).toEqual(['as it was']);
    expect((await peer.ask({ rpc: { method: 'any' } }))['rpc']).toEqual({});
  });

  test('of a call may be null, which is an answer', async () => {
    const { url } = await scene(answers({ rpc: { result: { data: null } } }));
    const peer = await Peer.connected(url);
    expect((await peer.ask({ rpc: { method: 'any' } }))['rpc']).toEqual({ data: null });
  });
});

describe('an answer that refuses', () => {
  const HOOKS: Readonly<Record<string, Message>> = {
    connect: { connect: {} },
    subscribe: { subscribe: { channel: 'asked:room' } },
    publish: { publish: { channel: 'asked:room', data: 1 } },
    rpc: { rpc: { method: 'any' } },
  };

  async function asking(hook: string, reply: unknown): Promise<{ peer: Peer; id: number }> {
    const { url } = await scene(answers({ [hook]: reply }));
    const peer = hook === 'connect' ? await Peer.open(url) : await Peer.connected(url);
    const [id = 0] = peer.command(HOOKS[hook]!);
    return { peer, id };
  }

  describe.each(Object.keys(HOOKS))('the hook %s', (hook) => {
    test.each([
      [
        { code: 403, message: 'not you' },
        { code: 403, message: 'not you' },
      ],
      [
        { code: 1999, message: 'busy', temporary: true },
        { code: 1999, message: 'busy', temporary: true },
      ],
      [{ code: 103 }, { code: 103, message: 'permission denied' }],
      [
        { code: 100, message: '' },
        { code: 100, message: 'internal error', temporary: true },
      ],
      [
        { code: 111, message: 'slower', temporary: false },
        { code: 111, message: 'slower' },
      ],
    ])('with %j', async (error, told) => {
      const { peer, id } = await asking(hook, { error });
      expect((await peer.answer(id)).error).toEqual(told);
    });

    test.each([
      [
        { code: 4000, reason: 'go' },
        { code: 4000, reason: 'go' },
      ],
      [{ code: 4501 }, { code: 4501, reason: '' }],
      [{ code: 3503 }, { code: 3503, reason: 'force disconnect' }],
      [
        { code: 4999, reason: 'é'.repeat(61) },
        { code: 4999, reason: 'é'.repeat(61) },
      ],
    ])('and disconnects with %j', async (disconnect, told) => {
      const { peer } = await asking(hook, { disconnect });
      expect(await peer.ended()).toEqual(told);
    });
  });
});

describe('an answer that is wrong', () => {
  test.each<[string, string, unknown]>([
    [
      'rpc',
      'error.code is not a whole number from 100 to 1999',
      { error: { code: 2000, message: 'x' } },
    ],
    [
      'rpc',
      'error.code is not one of the protocol, or from 400 to 1999',
      { error: { code: 399, message: 'x' } },
    ],
    [
      'rpc',
      'error.code is not one of the protocol, or from 400 to 1999',
      { error: { message: 'x' } },
    ],
    ['rpc', 'error.message is missing', { error: { code: 400 } }],
    [
      'rpc',
      'error.temporary is not true or false',
      { error: { code: 400, message: 'x', temporary: 1 } },
    ],
    ['rpc', 'error.reason is not known', { error: { code: 400, message: 'x', reason: 'y' } }],
    ['rpc', 'error is not an object', { error: 'no' }],
    [
      'rpc',
      'disconnect.code is not a whole number from 3000 to 4999',
      { disconnect: { code: 1000 } },
    ],
    [
      'rpc',
      'disconnect.code is not one of the protocol, or from 4000 to 4999',
      { disconnect: { code: 3999 } },
    ],
    [
      'rpc',
      'disconnect.reason has more than 123 bytes',
      { disconnect: { code: 4000, reason: 'é'.repeat(62) } },
    ],
    [
      'rpc',
      'only one of result, error and disconnect can be said',
      { result: {}, error: { code: 103 } },
    ],
    ['rpc', 'results is not known', { results: {} }],
    ['rpc', '"a\\"b" is not known', { 'a"b': 1 }],
    ['rpc', 'result is not an object', { result: [] }],
    ['rpc', 'it is not an object', 'text'],
    [
      'rpc',
      'result.data is given twice: b64data takes its place',
      { result: { data: 1, b64data: 'AQID' } },
    ],
    ['rpc', 'result.b64data is not base64', { result: { b64data: '-' } }],
    ['publish', 'result.tags.a is not a well-formed string', { result: { tags: { a: 1 } } }],
    ['publish', 'result.tags is not an object', { result: { tags: [] } }],
    ['publish', 'result.skip_history is not true or false', { result: { skip_history: 'yes' } }],
    ['publish', 'result.channel is not known', { result: { channel: 'asked:other' } }],
    [
      'subscribe',
      'result.override.presence.value is not true or false',
      { result: { override: { presence: { value: 1 } } } },
    ],
    [
      'subscribe',
      'result.override.presence is not an object',
      { result: { override: { presence: true } } },
    ],
    [
      'subscribe',
      'result.override.joinLeave is not known',
      { result: { override: { joinLeave: { value: true } } } },
    ],
    [
      'subscribe',
      'result.expire_at is not a whole number from 0 to 253402300799',
      { result: { expire_at: 1.5 } },
    ],
    ['connect', 'result.user is not a well-formed string', { result: { user: 42 } }],
    ['connect', 'result.user is not a well-formed string', { result: { user: '\ud800' } }],
    ['connect', 'result.user has more than 255 characters', { result: { user: 'x'.repeat(256) } }],
    ['connect', 'result.channels is not an array', { result: { channels: 'news' } }],
    [
      'connect',
      'result.channels holds something else than names',
      { result: { channels: ['a', ''] } },
    ],
    ['connect', 'result.subs has an empty name', { result: { subs: { '': {} } } }],
    ['connect', 'result.subs.a.inf is not known', { result: { subs: { a: { inf: 1 } } } }],
    ['connect', 'result.expireAt is not known', { result: { expireAt: 1 } }],
  ])('to %s is told as %s', async (hook, words, reply) => {
    const { url, log } = await scene(answers({ [hook]: reply }));
    const peer = hook === 'connect' ? await Peer.open(url) : await Peer.connected(url);
    const commands: Readonly<Record<string, Message>> = {
      connect: { connect: {} },
      subscribe: { subscribe: { channel: 'asked:room' } },
      publish: { publish: { channel: 'asked:room', data: 1 } },
      rpc: { rpc: { method: 'any' } },
    };
    const { error } = await peer.ask(commands[hook]!);
    expect(error).toEqual({ code: 100, message: 'internal error', temporary: true });
    expect(log.of('warn').map(({ fields }) => fields['reason'])).toEqual([
      `endpoint default: the answer is not JSON, or not one that the question may have: ${words}`,
    ]);
    expect(log.of('error')).toEqual([]);
  });

  test('to a refresh is missing a time, and is tried again within the grace', async () => {
    const connect = { result: { user: 'ann', expire_at: later(0) } };
    const { url, log, backend } = await scene(answers({ connect, refresh: {} }), {
      expiry: { connectionGrace: '0s' },
    });
    const peer = await Peer.connected(url);
    expect((await peer.ended()).code).toBe(3005);
    expect(backend.asked()).toEqual(['connect', 'refresh']);
    expect(JSON.stringify(log.lines)).toContain('result.expire_at is missing');
  });
});

describe('a hook of the program', () => {
  test('wins, hook by hook', async () => {
    const { url, backend } = await scene(
      resulting(() => ({ data: 'over HTTP' })),
      {
        hooks: {
          connect: () => ({ user: 'own' }),
          publish: ({ data }) => ({ data: [data, 'own'] }),
        },
      },
    );
    const peer = await Peer.connected(url);
    expect(await peer.subscribe('asked:room')).toMatchObject({ data: 'over HTTP' });
    await peer.publish('asked:room', 1);
    await peer.until(() => peer.data('asked:room').length === 1, 'the publication');
    expect(peer.data('asked:room')).toEqual([[1, 'own']]);
    expect(await peer.ask({ rpc: { method: 'any' } })).toMatchObject({
      rpc: { data: 'over HTTP' },
    });
    expect(backend.asked()).toEqual(['subscribe', 'rpc']);
    expect(backend.heard[0]?.body['user']).toBe('own');
  });

  test('may be a method of an object with a class', async () => {
    class Own {
      readonly user = 'of a class';
      connect(): { user: string } {
        return { user: this.user };
      }
      rpc(): string {
        return this.user;
      }
    }
    const { url } = await startGateway({ hooks: new Own() });
    const peer = await Peer.connected(url);
    expect(await peer.ask({ rpc: { method: 'any' } })).toMatchObject({
      rpc: { data: 'of a class' },
    });
  });

  test('that is misspelt is told, as any option', () => {
    const hooks = {
      conect: () => ({}),
      subscribe: true,
    } as unknown as GatewayOptions['hooks'] & {};
    expect(() => createGateway({ dev: true, hooks })).toThrow(
      /hooks\.conect: there is no such option; did you mean hooks\.connect\?\n.*hooks\.subscribe/,
    );
  });

  test('may ask an endpoint itself', async () => {
    const behaves: Behaviour = (request, response) =>
      answering({ echo: request.body })(request, response);
    const { url, gateway } = await scene(behaves, {
      hooks: {
        connect: false,
        async rpc({ data }) {
          const [one, two] = await gateway.askAll([
            { endpoint: 'default', body: { data } },
            { endpoint: 'nowhere', body: 1 },
          ]);
          if (one === undefined || !('answer' in one)) throw new Refusal('internal');
          return [one.answer, two !== undefined && 'failure' in two && two.failure.kind];
        },
      },
    });
    const peer = await Peer.connected(url);
    expect(await peer.ask({ rpc: { method: 'any', data: 7 } })).toMatchObject({
      rpc: { data: [{ echo: { data: 7 } }, 'unknown'] },
    });
    expect(await gateway.ask('default', 'direct')).toEqual({ echo: 'direct' });
  });
});

describe('endpoints', () => {
  test('are asked by hook, by namespace and by method', async () => {
    const [people, chat, billing] = [
      await Backend.start(),
      await Backend.start(),
      await Backend.start(resulting(() => ({ data: 'billing' }))),
    ];
    const { url, backend } = await scene(
      resulting(() => ({ data: 'default' })),
      {
        endpoints: {
          people: people.url,
          chat: { url: chat.url, headers: { 'X-Key': 'k' } },
          billing: billing.url,
        },
        hooks: {
          connect: 'people',
          rpc: { 'billing.*': 'billing', pay: 'billing', 'old.*': 'default' },
        },
        namespaces: {
          chat: { hooks: { subscribe: 'chat', publish: 'chat' } },
          ...ASKED,
        },
      },
    );
    const peer = await Peer.connected(url);
    await peer.subscribe('chat:1');
    await peer.publish('chat:1', 1);
    await peer.subscribe('asked:1');
    const call = async (method: string): Promise<unknown> => {
      const { rpc, error } = await peer.ask({ rpc: { method } });
      return error?.code ?? (rpc as Message)['data'];
    };
    expect(await call('billing.total')).toBe('billing');
    expect(await call('pay')).toBe('billing');
    expect(await call('pay.now')).toBe(104);
    expect(await call('old.way')).toBe('default');
    expect(await call('')).toBe(104);
    expect(people.asked()).toEqual(['connect']);
    expect(chat.asked()).toEqual(['subscribe', 'publish']);
    expect(chat.heard[0]?.headers['x-key']).toBe('k');
    expect(billing.asked()).toEqual(['rpc', 'rpc']);
    expect(backend.asked()).toEqual(['subscribe', 'rpc']);
  });

  test('have meters by their names', async () => {
    const { url, seen } = await scene();
    await Peer.connected(url);
    expect(await seen('endpoint_calls')).toBe(1);
    expect(await seen('endpoint_outcomes', 'answered')).toBe(1);
    expect(await seen('hooks', 'connect')).toBe(1);
    expect(await seen('endpoint_sockets')).toBe(1);
    expect(await seen('endpoint_breaker')).toBe(0);
  });
});

test('a client that leaves takes its questions with it', async () => {
  const running = await scene(() => {}, { hooks: { connect: false } });
  const { url, backend, log } = running;
  const peer = await Peer.connected(url);
  peer.command({ rpc: { method: 'a' } }, { subscribe: { channel: 'asked:a' } });
  await vi.waitFor(() => expect(backend.heard).toHaveLength(2), QUICKLY);
  peer.cut();
  await vi.waitFor(() => expect(backend.abandoned).toBe(2), QUICKLY);
  await isIdle(running);
  expect(log.of('error')).toEqual([]);
  expect(log.of('warn')).toEqual([]);
});

test('an unsubscribe takes back the question of the subscribe before it', async () => {
  const { url, backend } = await scene(() => {}, { hooks: { connect: false } });
  const peer = await Peer.connected(url);
  const [subscribe = 0] = peer.command({ subscribe: { channel: 'asked:a' } });
  await vi.waitFor(() => expect(backend.heard).toHaveLength(1), QUICKLY);
  await peer.ask({ unsubscribe: { channel: 'asked:a' } });
  expect((await peer.answer(subscribe)).error?.code).toBe(108);
  await vi.waitFor(() => expect(backend.abandoned).toBe(1), QUICKLY);
});

test('closing the gateway does not wait for the backend', async () => {
  const { url, backend, gateway } = await scene(() => {}, { hooks: { connect: false } });
  const peer = await Peer.connected(url);
  peer.command({ rpc: { method: 'a' } });
  await vi.waitFor(() => expect(backend.heard).toHaveLength(1), QUICKLY);
  const asked = gateway.ask('default', {}).catch((error: unknown) => error);
  await gateway.close();
  expect(await peer.ended()).toMatchObject({ code: 3001 });
  expect(await asked).toMatchObject({ name: 'EndpointError', kind: 'closed' });
  await vi.waitFor(() => expect(backend.sockets).toBe(0), QUICKLY);
});
