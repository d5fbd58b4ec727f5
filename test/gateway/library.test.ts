/** The gateway as a library: hooks and routes are functions of the program that embeds it. */
import { setTimeout as later } from 'node:timers/promises';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Caller, Hooks, Route, RouteRequest } from '../../src/gateway.ts';
import {
  ConfigError,
  createGateway,
  Disconnection,
  Json,
  json,
  Refusal,
} from '../../src/gateway.ts';
import { RawPeer, request } from '../server/raw.ts';
import { ManualClock } from '../support/clock.ts';
import type { EdgeName, Running } from '../support/gateway.ts';
import { EDGES, earnest, startGateway, token } from '../support/gateway.ts';
import { ask, meter } from '../support/http.ts';
import { KeptLog } from '../support/log.ts';
import type { Message } from '../support/peer.ts';
import { Peer } from '../support/peer.ts';

const QUICKLY = { timeout: 10_000, interval: 5 };
const ASKED = { subscribe: 'anonymous', publish: 'anonymous', presence: true } as const;

class Bug extends Error {}

/** What each hook may do besides answering. */
const THROWN: Readonly<Record<string, () => never>> = {
  'a Refusal': () => {
    throw new Refusal('permissionDenied', 'not you');
  },
  'a Refusal of its own': () => {
    throw new Refusal({ code: 1234, message: 'out of tea', temporary: true });
  },
  'a Disconnection': () => {
    throw new Disconnection('forceDisconnect');
  },
  'a Disconnection of its own': () => {
    throw new Disconnection({ code: 4501, reason: 'banned' });
  },
  'an Error': () => {
    throw new Bug('a bug of the program');
  },
  'no Error at all': () => {
    const thrown: unknown = 'a string';
    throw thrown;
  },
};

/** What the client sees of it: an error in the reply, or the end. */
const SEEN: Readonly<Record<string, unknown>> = {
  'a Refusal': { code: 103, message: 'permission denied: not you' },
  'a Refusal of its own': { code: 1234, message: 'out of tea', temporary: true },
  'a Disconnection': { code: 3503, reason: 'force disconnect' },
  'a Disconnection of its own': { code: 4501, reason: 'banned' },
  'an Error': { code: 100, message: 'internal error', temporary: true },
  'no Error at all': { code: 100, message: 'internal error', temporary: true },
};

type Throw = () => never;

interface Asked {
  readonly hooks: (fail: Throw) => Hooks;
  /** What makes the hook be asked; null is the connect itself. */
  readonly message: Message | null;
}

const ASKING: Readonly<Record<string, Asked>> = {
  connect: { hooks: (fail) => ({ connect: fail }), message: null },
  subscribe: {
    hooks: (fail) => ({ subscribe: fail }),
    message: { subscribe: { channel: 'asked:news' } },
  },
  publish: {
    hooks: (fail) => ({ publish: fail }),
    message: { publish: { channel: 'asked:news', data: 1 } },
  },
  rpc: { hooks: (fail) => ({ rpc: fail }), message: { rpc: { method: 'any' } } },
};

/** Both ways to fail: within the call, and later. */
const WAYS: Readonly<Record<string, (fail: Throw) => Throw>> = {
  throws: (fail) => fail,
  'rejects with': (fail) =>
    (async () => {
      await later(1);
      fail();
    }) as unknown as Throw,
};

const FAILURES = Object.keys(ASKING).flatMap((hook) =>
  Object.keys(WAYS).flatMap((way) => Object.keys(THROWN).map((what) => [hook, way, what] as const)),
);

interface Scene extends Running {
  readonly log: KeptLog;
}

async function start(
  transport: EdgeName,
  options: Parameters<typeof startGateway>[0],
): Promise<Scene> {
  const log = new KeptLog();
  return { ...(await startGateway({ transport, logger: log, ...options })), log };
}

/** A log that has the error whole, once. */
function expectLogged(log: KeptLog, where: string, error: unknown): void {
  const [line, ...more] = log.of('error');
  expect(more).toEqual([]);
  expect(line).toMatchObject({ message: 'internal error', fields: { where, err: error } });
}

describe.each(EDGES)('over %s', (transport) => {
  describe('a hook', () => {
    test.each(FAILURES)('%s that %s %s', async (name, way, what) => {
      const { hooks, message } = ASKING[name]!;
      const { url, log } = await start(transport, {
        hooks: hooks(WAYS[way]!(THROWN[what]!)),
        namespaces: {
          asked: { hooks: { subscribe: name === 'subscribe', publish: name === 'publish' } },
        },
      });
      const peer = message === null ? await Peer.open(url) : await Peer.connected(url);
      const [id = 0] = peer.command(message ?? { connect: {} });
      const isOurs = what.endsWith('Error') || what.startsWith('no ');
      if (what.startsWith('a Disconnection')) {
        expect(await peer.ended()).toEqual(SEEN[what]);
      } else {
        expect((await peer.answer(id)).error).toEqual(SEEN[what]);
      }
      if (isOurs) {
        const error = what === 'an Error' ? expect.any(Bug) : 'a string';
        expectLogged(log, `command ${name}`, error);
      } else {
        expect(log.of('error')).toEqual([]);
      }
    });

    test('for connect says who it is, and what it may hear at once', async () => {
      const asked = vi.fn<NonNullable<Hooks['connect']>>((question) => ({
        user: question.emulatedHeaders['x-user'] ?? 'nobody',
        info: { name: 'Ada' },
        meta: { secret: true },
        data: { motd: 'hi' },
        channels: ['inbox'],
        subs: { alerts: { data: 'welcome', info: { role: 'host' } } },
      }));
      const metas: unknown[] = [];
      const { url } = await start(
        transport,
        earnest({
          hooks: {
            connect: asked,
            rpc: (_, { user, meta, info }) => {
              metas.push(meta);
              return { user, info };
            },
          },
          namespaces: { default: { ...ASKED, presenceAccess: 'subscriber' } },
        }),
      );
      const peer = await Peer.open(url);
      const command = { name: 'js', version: '2', data: { a: 1 }, headers: { 'x-user': 'ada' } };
      const { connect } = await peer.ask({ connect: command });
      expect(connect).toMatchObject({
        data: { motd: 'hi' },
        subs: { inbox: {}, alerts: { data: 'welcome' } },
      });
      expect(asked.mock.calls[0]![0]).toMatchObject({
        name: 'js',
        version: '2',
        data: { a: 1 },
        remoteAddress: '127.0.0.1',
      });
      expect(await peer.ask({ rpc: { method: 'who' } })).toMatchObject({
        rpc: { data: { user: 'ada', info: { name: 'Ada' } } },
      });
      expect(metas).toEqual([{ secret: true }]);
      const { presence } = await peer.ask({ presence: { channel: 'alerts' } });
      expect(Object.values((presence as { presence: object }).presence)).toMatchObject([
        { user: 'ada', conn_info: { name: 'Ada' }, chan_info: { role: 'host' } },
      ]);
      expect(JSON.stringify(peer.heard)).not.toContain('secret');
    });

    test('for connect knows what the token says, and decides over it', async () => {
      const callers: Partial<Caller>[] = [];
      const { url } = await start(
        transport,
        earnest({
          hooks: {
            connect(_, { user, info, meta }) {
              callers.push({ user, info, meta });
              return { user: `${user}-2` };
            },
            rpc: (_, { user }) => user,
          },
        }),
      );
      const jwt = await token({ sub: 'ada', info: { a: 1 }, meta: { b: 2 } });
      const peer = await Peer.connected(url, { connect: { token: jwt } });
      expect(callers).toEqual([{ user: 'ada', info: { a: 1 }, meta: { b: 2 } }]);
      expect(await peer.ask({ rpc: { method: 'who' } })).toMatchObject({ rpc: { data: 'ada-2' } });
    });

    test('for connect that says nothing leaves it to the token: without one it is 101', async () => {
      const { url } = await start(transport, earnest({ hooks: { connect: () => {} } }));
      const peer = await Peer.open(url);
      expect((await peer.ask({ connect: {} })).error).toMatchObject({ code: 101 });
      await Peer.connected(url, { connect: { token: await token({ sub: 'ada' }) } });
    });

    test.each([
      ['a channel that is none', ['']],
      ['a namespace that is not there', ['nowhere:x']],
    ])('for connect with %s closes the connection, and the log says why', async (_, channels) => {
      const { url, log } = await start(transport, { hooks: { connect: () => ({ channels }) } });
      const peer = await Peer.open(url);
      peer.command({ connect: {} });
      expect(await peer.ended()).toMatchObject({ code: 3501 });
      expect(log.of('warn')).toMatchObject([{ fields: { kind: 'server-side' } }]);
    });

    test('for subscribe allows, with data, info and an end', async () => {
      const clock = new ManualClock();
      const asked = vi.fn<NonNullable<Hooks['subscribe']>>(() => ({
        data: { topic: 'doors' },
        info: { role: 'host' },
        expireAtMs: clock.now() + 10_000,
      }));
      const { url } = await start(transport, {
        clock,
        random: () => 0.99,
        hooks: { subscribe: asked },
        namespaces: {
          asked: { ...ASKED, presenceAccess: 'subscriber', hooks: { subscribe: true } },
        },
      });
      const peer = await Peer.connected(url);
      const result = await peer.subscribe('asked:news', { data: [1] });
      expect(result).toMatchObject({ data: { topic: 'doors' } });
      expect(asked.mock.calls[0]![0]).toMatchObject({ channel: 'asked:news', data: [1] });
      const { presence } = await peer.ask({ presence: { channel: 'asked:news' } });
      expect(JSON.stringify(presence)).toContain('"chan_info":{"role":"host"}');
      clock.advance(10_500);
      const ended = (): boolean => peer.pushes('asked:news').some((push) => 'unsubscribe' in push);
      await peer.until(ended, 'the end of the subscription');
      expect(peer.pushes('asked:news').at(-1)).toMatchObject({ unsubscribe: { code: 2501 } });
    });

    test('for publish may change what is published, or keep it out of the history', async () => {
      const { url, gateway } = await start(transport, {
        hooks: {
          publish({ data }) {
            if (data === 'plain') return undefined;
            return { data: { was: data }, tags: { checked: 'yes' }, skipHistory: data === 'gone' };
          },
        },
        namespaces: {
          asked: { ...ASKED, history: { size: 10, ttl: '5m' }, hooks: { publish: true } },
        },
      });
      const peer = await Peer.connected(url);
      await peer.subscribe('asked:news');
      for (const data of ['plain', 'kept', 'gone']) await peer.publish('asked:news', data);
      await peer.until(() => peer.data('asked:news').length === 3, 'all three');
      expect(peer.publications('asked:news')).toMatchObject([
        { data: 'plain', offset: 1 },
        { data: { was: 'kept' }, tags: { checked: 'yes' }, offset: 2 },
        { data: { was: 'gone' }, tags: { checked: 'yes' } },
      ]);
      const { publications } = await gateway.history('asked:news', { limit: 10 });
      expect(publications).toHaveLength(2);
    });

    test('for rpc answers with any value that JSON has, and some more', async () => {
      const answers = new Map<string, unknown>([
        ['nothing', undefined],
        ['null', null],
        ['text', 'hé'],
        ['large', 2n ** 64n],
        ['raw', new Json('[1.0, 1e2]')],
        ['later', later(1, { a: 1 })],
      ]);
      const { url } = await start(transport, {
        hooks: { rpc: ({ method }) => answers.get(method) },
      });
      const peer = await Peer.connected(url);
      const lines: string[] = [];
      for (const method of answers.keys()) {
        await peer.ask({ rpc: { method } });
        lines.push(/"rpc":(.*)\}$/.exec(peer.lines.at(-1)!)![1]!);
      }
      expect(lines).toEqual([
        '{}',
        '{"data":null}',
        '{"data":"hé"}',
        '{"data":18446744073709551616}',
        '{"data":[1.0, 1e2]}',
        '{"data":{"a":1}}',
      ]);
    });

    test('that answers what cannot be said is a bug of the program', async () => {
      const circle: Record<string, unknown> = {};
      circle['self'] = circle;
      const { url, log } = await start(transport, { hooks: { rpc: () => circle } });
      const peer = await Peer.connected(url);
      expect((await peer.ask({ rpc: { method: 'any' } })).error).toMatchObject({ code: 100 });
      expectLogged(log, 'command rpc', expect.any(TypeError));
    });

    test.each(Object.keys(THROWN))('for messages that throws %s', async (what) => {
      const { url, http, log } = await start(transport, { hooks: { message: THROWN[what]! } });
      const peer = await Peer.connected(url);
      peer.say({ send: { data: 1 } });
      if (what.startsWith('a Disconnection')) {
        expect(await peer.ended()).toEqual(SEEN[what]);
        return;
      }
      await peer.ask({ ping: {} });
      // There is nothing to reply to, so it is only counted.
      expect(peer.heard).toHaveLength(2);
      const { code } = SEEN[what] as { readonly code: number };
      expect(await meter(http, 'errors')).toEqual(new Map([[String(code), 1]]));
      expect(log.of('error')).toHaveLength(code === 100 ? 1 : 0);
    });

    describe('for refresh', () => {
      const clock = new ManualClock();
      const expiring = async (refresh: Hooks['refresh']): Promise<[Peer, KeptLog]> => {
        const { url, log } = await start(transport, {
          clock,
          random: () => 0.99,
          hooks: {
            connect: () => ({ user: 'ada', expireAtMs: clock.now() + 5000 }),
            ...(refresh === undefined ? {} : { refresh }),
          },
        });
        const peer = await Peer.connected(url);
        clock.advance(5500);
        return [peer, log];
      };

      test('renews the connection, again and again', async () => {
        const refresh = vi.fn<NonNullable<Hooks['refresh']>>(({ user }) => {
          expect(user).toBe('ada');
          return { expireAtMs: clock.now() + 5000 };
        });
        const [peer] = await expiring(refresh);
        await peer.ask({ ping: {} });
        clock.advance(5500);
        await peer.ask({ ping: {} });
        expect(refresh).toHaveBeenCalledTimes(2);
        expect(peer.ending).toBe(null);
      });

      test('that says no more than an object lets it live without an end', async () => {
        const refresh = vi.fn<NonNullable<Hooks['refresh']>>(() => ({}));
        const [peer] = await expiring(refresh);
        for (let round = 0; round < 3; round += 1) {
          clock.advance(5500);
          await peer.ask({ ping: {} });
        }
        expect(refresh).toHaveBeenCalledTimes(1);
      });

      test.each([
        ['says nothing', () => {}, 3005],
        ['is not there', undefined, 3005],
        ['throws a Refusal', THROWN['a Refusal'], 3005],
        ['throws a Disconnection', THROWN['a Disconnection of its own'], 4501],
        ['throws an Error', THROWN['an Error'], 3005],
      ])('that %s ends the connection', async (what, refresh, code) => {
        const [peer, log] = await expiring(refresh);
        expect(await peer.ended()).toMatchObject({ code });
        if (what === 'throws an Error') expectLogged(log, 'refresh hook', expect.any(Bug));
        else expect(log.of('error')).toEqual([]);
      });
    });
  });

  describe('a route', () => {
    const echo = (method: Route['method'], path: string): Route => ({
      method,
      path,
      handle: ({ params, searchParams, headers }) =>
        json(200, {
          params: Object.fromEntries(params),
          search: Object.fromEntries(searchParams),
          agent: headers.get('x-agent'),
        }),
    });

    test('is given the parts of the path, the query and the headers', async () => {
      const { http } = await start(transport, {
        routes: [echo('GET', '/rooms/:room/seats/:seat'), echo('GET', '/rooms/:room')],
      });
      const { status, body, headers } = await ask(`${http}/rooms/a%20b%2Fc/seats/7?x=1&y=%C3%A9`, {
        headers: { 'X-Agent': 'me' },
      });
      expect(status).toBe(200);
      expect(headers['content-type']).toBe('application/json');
      expect(JSON.parse(body)).toEqual({
        params: { room: 'a b/c', seat: '7' },
        search: { x: '1', y: 'é' },
        agent: 'me',
      });
      expect((await ask(`${http}/rooms/12`)).body).toContain('"room":"12"');
    });

    test.each([
      '/rooms',
      '/rooms/',
      '/rooms/a/b',
      '/rooms/%zz',
      '/rooms/%ff',
      '/Rooms/a',
      '/nowhere',
    ])('is not found at %s', async (path) => {
      const { http } = await start(transport, { routes: [echo('GET', '/rooms/:room')] });
      expect((await ask(`${http}${path}`)).status).toBe(404);
    });

    test.each([
      ['POST', '/api/publish'],
      ['POST', '/api/:method'],
      ['GET', '/api/openapi.json'],
      ['GET', '/metrics'],
    ] as const)('does not take the place of our %s %s on the same port', async (method, path) => {
      const said = `${method} ${path} is a route of the gateway`;
      expect(() => createGateway({ dev: true, transport, routes: [echo(method, path)] })).toThrow(
        said,
      );
      const gateway = createGateway({
        dev: true,
        transport,
        internal: { host: '127.0.0.1', port: 0 },
      });
      gateway.route(echo(method, path));
      await gateway.close();
    });

    test('may stand beside those of our API', async () => {
      const { http } = await start(transport, { routes: [echo('POST', '/api/login')] });
      expect((await ask(`${http}/api/login`, { method: 'POST' })).status).toBe(200);
      expect((await ask(`${http}/api/info`, { method: 'POST', body: '{}' })).status).toBe(200);
    });

    test.each(['/health', '/ready'])('takes the place of our %s', async (path) => {
      const { http } = await start(transport, { routes: [echo('GET', path)] });
      expect(JSON.parse((await ask(`${http}${path}`)).body)).toHaveProperty('params');
      // It is only ours to GET.
      const { http: other } = await start(transport, { routes: [echo('POST', path)] });
      expect(JSON.parse((await ask(`${other}${path}`)).body)).toHaveProperty('status');
    });

    test('is added until the gateway has started', async () => {
      const gateway = createGateway({ dev: true, host: '127.0.0.1', port: 0, transport });
      onTestFinished(() => gateway.close());
      gateway.route(echo('GET', '/rooms/:room'), echo('GET', '/x'));
      const { port } = await gateway.start();
      expect((await ask(`http://127.0.0.1:${port}/rooms/12`)).body).toContain('"room":"12"');
      expect(() => gateway.route(echo('GET', '/late'))).toThrow('before the gateway starts');
    });

    test('that is there twice is told at the start', async () => {
      const gateway = createGateway({ dev: true, host: '127.0.0.1', port: 0, transport });
      gateway.route(echo('GET', '/x'), echo('GET', '/x'));
      await expect(gateway.start()).rejects.toThrow('two routes for GET /x');
      await gateway.close();
    });

    test('answers 405 to another method, and says which there are', async () => {
      const { http } = await start(transport, { routes: [echo('GET', '/x'), echo('PUT', '/x')] });
      const { status, headers } = await ask(`${http}/x`, { method: 'DELETE' });
      expect(status).toBe(405);
      expect(headers['allow']).toBe('GET, PUT');
      expect((await ask(`${http}/x`, { method: 'PUT' })).status).toBe(200);
    });

    test('answers HEAD as GET, without the body', async () => {
      const { http } = await start(transport, { routes: [echo('GET', '/x')] });
      const get = await ask(`${http}/x`);
      const head = await ask(`${http}/x`, { method: 'HEAD' });
      expect([head.status, head.body]).toEqual([200, '']);
      expect(head.headers['content-length']).toBe(String(get.body.length));
    });

    test('reads a body of JSON, and one that is none is answered 400', async () => {
      const { http, log } = await start(transport, {
        routes: [
          { method: 'POST', path: '/sum', handle: (asked) => json(200, { got: asked.json() }) },
        ],
      });
      const post = async (body: string | Uint8Array): Promise<readonly [number, unknown]> => {
        const answer = await ask(`${http}/sum`, { method: 'POST', body });
        return [answer.status, JSON.parse(answer.body)];
      };
      expect(await post('{"a":[1,2]}')).toEqual([200, { got: { a: [1, 2] } }]);
      const refused = { error: { code: 107, message: expect.stringContaining('JSON') } };
      for (const body of ['', '{', 'hello', Buffer.from([0x22, 0xff, 0x22])]) {
        expect(await post(body)).toEqual([400, refused]);
      }
      expect(log.of('error')).toEqual([]);
    });

    test('that throws is answered 500, and the log has it whole', async () => {
      const { http, log } = await start(transport, {
        routes: [
          { method: 'GET', path: '/bug', handle: THROWN['an Error']! },
          {
            method: 'GET',
            path: '/late',
            async handle() {
              await later(1);
              throw new Bug('later');
            },
          },
        ],
      });
      for (const path of ['/bug', '/late']) {
        const { status, body } = await ask(`${http}${path}`);
        expect(status).toBe(500);
        expect(JSON.parse(body)).toEqual({ error: { code: 100, message: 'internal error' } });
      }
      expect(log.of('error')).toMatchObject([
        { fields: { where: 'route', err: expect.any(Bug) } },
        { fields: { where: 'route', err: expect.any(Bug) } },
      ]);
    });

    test('that throws is in the log of pino with its stack', async () => {
      const lines: string[] = [];
      const { http } = await start(transport, {
        logger: pino({}, { write: (line) => void lines.push(line) }),
        routes: [{ method: 'GET', path: '/bug', handle: THROWN['an Error']! }],
      });
      await ask(`${http}/bug`);
      const line = lines.find((one) => one.includes('internal error')) ?? '{}';
      expect(JSON.parse(line)).toMatchObject({
        where: 'route',
        err: { message: 'a bug of the program', stack: expect.stringContaining('library.test') },
      });
    });

    test.each([
      ['badRequest', 400],
      ['unauthorized', 401],
      ['permissionDenied', 403],
      ['unknownChannel', 404],
      ['conflict', 409],
      ['tooManyRequests', 429],
    ] as const)('that refuses with %s is answered %i', async (kind, status) => {
      const { http, log } = await start(transport, {
        routes: [
          {
            method: 'GET',
            path: '/no',
            handle() {
              throw new Refusal(kind, 'because');
            },
          },
        ],
      });
      const answer = await ask(`${http}/no`);
      expect(answer.status).toBe(status);
      expect(answer.body).toContain('because');
      expect(log.of('error')).toEqual([]);
    });

    test('that ends with its request is no fault of ours', async () => {
      const signals: AbortSignal[] = [];
      const wait = async ({ signal }: RouteRequest): Promise<never> => {
        signals.push(signal);
        await later(60_000, undefined, { signal });
        throw new Bug('it went on');
      };
      const { http, port, gateway, log } = await start(transport, {
        routes: [{ method: 'GET', path: '/wait', handle: wait }],
      });
      const waiting = await RawPeer.saying(port, request('GET /wait'));
      await vi.waitFor(() => expect(signals).toHaveLength(1), QUICKLY);
      waiting.drop();
      await vi.waitFor(() => expect(signals[0]?.aborted).toBe(true), QUICKLY);
      const cut = ask(`${http}/wait`).catch(String);
      await vi.waitFor(() => expect(signals).toHaveLength(2), QUICKLY);
      expect(await meter(http, 'faults')).toEqual(new Map());
      await gateway.close();
      await cut;
      expect(log.of('error')).toEqual([]);
    });

    test('that fails after its request is one all the same', async () => {
      const wait = vi.fn<Route['handle']>(async ({ signal }) => {
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
        });
        throw new Bug('of its own');
      });
      const { port, log } = await start(transport, {
        routes: [{ method: 'GET', path: '/wait', handle: wait }],
      });
      const waiting = await RawPeer.saying(port, request('GET /wait'));
      await vi.waitFor(() => expect(wait).toHaveBeenCalledOnce(), QUICKLY);
      waiting.drop();
      await vi.waitFor(() => expectLogged(log, 'route', expect.any(Bug)), QUICKLY);
    });

    test('can publish, and know when its client is gone', async () => {
      const signals: AbortSignal[] = [];
      const running = await start(transport, {
        routes: [
          {
            method: 'POST',
            path: '/say/:channel',
            async handle({ params, body }) {
              const channel = params.get('channel') ?? '';
              const text = new TextDecoder().decode(body);
              return json(200, await running.gateway.publish(channel, new Json(text)));
            },
          },
          {
            method: 'GET',
            path: '/wait',
            handle: ({ signal }) => {
              signals.push(signal);
              return new Promise(() => {});
            },
          },
        ],
      });
      const { url, http, port } = running;
      const reader = await Peer.connected(url);
      await reader.subscribe('news');
      const said = await ask(`${http}/say/news`, {
        method: 'POST',
        body: '{"n": 9007199254740993}',
      });
      expect(JSON.parse(said.body)).toEqual({ offset: 1, epoch: expect.any(String) });
      await reader.until(() => reader.data('news').length === 1, 'the publication');
      expect(reader.lines.at(-1)).toContain('"data":{"n": 9007199254740993}');
      const waiting = await RawPeer.saying(port, request('GET /wait'));
      await vi.waitFor(() => expect(signals).toHaveLength(1), QUICKLY);
      waiting.drop();
      await vi.waitFor(() => expect(signals[0]?.aborted).toBe(true), QUICKLY);
    });

    test('that is there twice keeps the gateway from starting', async () => {
      const twice = [echo('GET', '/x'), echo('GET', '/x')];
      const options = { dev: true, host: '127.0.0.1', port: 0, transport } as const;
      const gateway = createGateway({ ...options, routes: twice });
      await expect(gateway.start()).rejects.toThrow('two routes for GET /x');
      await gateway.close();
    });
  });

  test('two gateways of one process do not see each other', async () => {
    const [one, two] = [await start(transport, {}), await start(transport, {})];
    const [ada, bob] = [await Peer.connected(one.url), await Peer.connected(two.url)];
    for (const peer of [ada, bob]) await peer.subscribe('news', { join_leave: true });
    await ada.publish('news', 'one');
    await bob.publish('news', 'two');
    await one.gateway.publish('news', 'one again');
    await ada.until(() => ada.data('news').length === 2, 'both of one');
    await bob.until(() => bob.data('news').length === 1, 'that of two');
    expect([ada.data('news'), bob.data('news')]).toEqual([['one', 'one again'], ['two']]);
    expect(await one.gateway.presenceStats('news')).toMatchObject({ numClients: 1 });
    const { publications } = await two.gateway.history('news', { limit: 10 });
    expect(publications).toHaveLength(1);
    expect((await meter(one.http, 'connections')).get('')).toBe(1);
    expect((await meter(two.http, 'commands')).get('publish')).toBe(1);
  });

  test('options that cannot be used are all named, at once', () => {
    const create = (): unknown =>
      createGateway({
        transport,
        port: -1,
        namespaces: { x: { hooks: { subscribe: true }, recovery: true } },
      });
    expect(create).toThrow(ConfigError);
    for (const word of ['port', 'subscribe hook', 'recovery', 'no client could connect']) {
      expect(create).toThrow(word);
    }
  });
});
