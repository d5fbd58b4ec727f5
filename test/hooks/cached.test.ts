/** Answers that are kept: asked for once, and never given to anybody else. */
import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import { connectBody, subscribeBody } from '../../src/hooks/questions.ts';
import { Json } from '../../src/kernel/data.ts';
import { ManualClock } from '../support/clock.ts';
import { earnest, startGateway, token } from '../support/gateway.ts';
import type { Message } from '../support/peer.ts';
import { Peer } from '../support/peer.ts';
import { RedisServer } from '../support/redis.ts';
import type { Behaviour, Heard } from './backend.ts';
import { answering, Backend, resulting } from './backend.ts';
import { ASKED, QUICKLY, scene } from './rig.ts';

const CACHE: GatewayOptions = { hooks: { cache: { connect: '10s', subscribe: '10s' } } };

/** Says who asked, as far as the question tells. */
const mirror = ({ body }: Heard): unknown =>
  body['hook'] === 'connect' ? { user: 'known', data: { asked: body } } : { data: { asked: body } };

async function connect(url: string, command: Message = {}, headers = {}): Promise<Message> {
  const peer = await Peer.open(url, { headers });
  const reply = await peer.ask({ connect: command });
  peer.cut();
  return reply;
}

describe('the answer of the connect hook', () => {
  test('is had again for the same question, for as long as is said', async () => {
    const clock = new ManualClock();
    const { url, backend } = await scene(resulting(mirror), { ...earnest(CACHE), clock });
    const jwt = await token({ sub: 'ann', meta: { tenant: 1 } });
    const first = await connect(url, { token: jwt });
    for (let again = 0; again < 5; again += 1) {
      expect((await connect(url, { token: jwt }))['connect']).toMatchObject({
        data: (first['connect'] as Message)['data'],
      });
    }
    expect(backend.heard).toHaveLength(1);
    // It is of no connection in particular.
    expect(backend.heard[0]?.body).not.toHaveProperty('client');
    clock.advance(10_000);
    await connect(url, { token: jwt });
    expect(backend.heard).toHaveLength(2);
  });

  test('is asked for once by all that come together', async () => {
    const release = Promise.withResolvers<void>();
    const behaves: Behaviour = async (request, response) => {
      await release.promise;
      await answering({ result: mirror(request) })(request, response);
    };
    const { url, backend } = await scene(behaves, earnest(CACHE));
    const jwt = await token({ sub: 'ann' });
    const crowd = await Promise.all(Array.from({ length: 20 }, () => Peer.open(url)));
    const replies = crowd.map((peer) => peer.ask({ connect: { token: jwt } }));
    await vi.waitFor(() => expect(backend.heard).toHaveLength(1), QUICKLY);
    release.resolve();
    for (const reply of await Promise.all(replies)) expect(reply.error).toBeUndefined();
    expect(backend.heard).toHaveLength(1);
  });

  test('is waited for by others when the one who asked first is gone', async () => {
    const release = Promise.withResolvers<void>();
    const behaves: Behaviour = async (request, response) => {
      await release.promise;
      await answering({ result: mirror(request) })(request, response);
    };
    const { url, backend, gateway } = await scene(behaves, earnest(CACHE));
    const jwt = await token({ sub: 'ann' });
    const [first, second] = [await Peer.open(url), await Peer.open(url)];
    first.command({ connect: { token: jwt } });
    await vi.waitFor(() => expect(backend.heard).toHaveLength(1), QUICKLY);
    const reply = second.ask({ connect: { token: jwt } });
    first.cut();
    await vi.waitFor(() => expect(gateway.connections).toBe(1), QUICKLY);
    release.resolve();
    expect((await reply).error).toBeUndefined();
    expect(backend.heard).toHaveLength(1);
  });

  test('is another for all that it may depend on', async () => {
    const { url, backend } = await scene(resulting(mirror), CACHE);
    const base = { name: 'js', version: '1', data: { a: 1 }, headers: { authorization: 'x' } };
    const questions: readonly (readonly [Message, Readonly<Record<string, string>>])[] = [
      [base, {}],
      [{ ...base, name: 'dart' }, {}],
      [{ ...base, version: '2' }, {}],
      [{ ...base, data: { a: 2 } }, {}],
      [{ ...base, data: undefined }, {}],
      [{ ...base, headers: { authorization: 'y' } }, {}],
      [{ ...base, headers: { authorization: 'x', other: 'z' } }, {}],
      [base, { cookie: 'session=1' }],
      [base, { cookie: 'session=2' }],
      [base, { authorization: 'Bearer 1' }],
      [base, { 'user-agent': 'other' }],
      [base, { 'x-forwarded-for': '10.0.0.1' }],
    ];
    for (const round of [1, 2]) {
      for (const [command, headers] of questions) {
        const { connect: reply } = await connect(url, command, headers);
        const { asked } = (reply as { data: { asked: Message } }).data;
        expect(asked['data']).toEqual(command['data']);
        expect(asked['name']).toBe(command['name']);
        expect(asked['headers']).toEqual({ ...headers });
      }
      expect([round, backend.heard.length]).toEqual([round, questions.length]);
    }
  });

  test('is never that of another user', async () => {
    const { url, backend } = await scene(
      resulting(({ body }) => ({ data: [body['user'], body['info'], body['meta']] })),
      earnest(CACHE),
    );
    const people = [
      { sub: 'ann' },
      { sub: 'bob' },
      { sub: 'ann', info: { vip: true } },
      { sub: 'ann', meta: { tenant: 1 } },
      { sub: 'ann', meta: { tenant: 2 } },
    ];
    for (const _round of [1, 2]) {
      for (const claims of people) {
        const { connect: reply } = await connect(url, { token: await token(claims) });
        expect((reply as Message)['data']).toEqual([
          claims.sub,
          'info' in claims ? claims.info : null,
          'meta' in claims ? claims.meta : null,
        ]);
      }
    }
    expect(backend.heard).toHaveLength(people.length);
  });

  test('is asked for each time by who says nothing of who it is: they may be made somebody', async () => {
    let guests = 0;
    const { url, backend } = await scene(
      resulting(() => ({ user: `guest ${(guests += 1)}`, data: guests })),
      CACHE,
    );
    const replies = [await connect(url), await connect(url)];
    expect(replies.map((reply) => (reply['connect'] as Message)['data'])).toEqual([1, 2]);
    expect(backend.heard).toHaveLength(2);
    // And such a question is of a connection.
    expect(backend.heard[0]?.body).toHaveProperty('client');
  });

  test.each([
    ['a refusal', { error: { code: 403, message: 'no' } }],
    ['a disconnection', { disconnect: { code: 4000, reason: 'no' } }],
    ['a failure', [1]],
  ])('is not kept when it is %s', async (_name, reply) => {
    const { url, backend } = await scene(answering(reply), earnest(CACHE));
    const jwt = await token({ sub: 'ann' });
    for (const asked of [1, 2]) {
      const peer = await Peer.open(url);
      peer.command({ connect: { token: jwt } });
      await peer.until(() => peer.heard.length > 0 || peer.ending !== null, 'the refusal');
      expect(backend.heard).toHaveLength(asked);
    }
  });
});

describe('the answer of the subscribe hook', () => {
  test('is had again by the same user for the same channel and data', async () => {
    const { url, backend } = await scene(resulting(mirror), {
      hooks: { connect: ({ data }) => ({ user: String(data) }), cache: { subscribe: '10s' } },
    });
    const subscribe = async (user: string, channel: string, data?: unknown): Promise<Message> => {
      const peer = await Peer.connected(url, { connect: { data: user } });
      const { data: said } = await peer.subscribe(channel, { data });
      return (said as { asked: Message }).asked;
    };
    for (const _round of [1, 2, 3]) {
      for (const [user, channel, data] of [
        ['ann', 'asked:1'],
        ['bob', 'asked:1'],
        ['ann', 'asked:2'],
        ['ann', 'asked:2', 'ticket'],
        ['ann', 'asked:2', null],
      ] as const) {
        const asked = await subscribe(user, channel, data);
        expect(asked).toEqual({
          hook: 'subscribe',
          user,
          channel,
          ...(data === undefined ? {} : { data }),
        });
      }
    }
    expect(backend.heard).toHaveLength(5);
  });

  test('publications and calls are asked about each time', async () => {
    const { url, backend } = await scene(undefined, CACHE);
    const peer = await Peer.connected(url);
    for (const _round of [1, 2]) {
      await peer.publish('asked:1', 1);
      await peer.ask({ rpc: { method: 'any' } });
    }
    expect(backend.asked()).toEqual(['connect', 'publish', 'rpc', 'publish', 'rpc']);
  });
});

test('two endpoints never have each other’s answers, nor two URLs of one name', async () => {
  const redis = await RedisServer.start();
  const [one, two] = [
    await Backend.start(resulting(() => ({ data: 'one' }))),
    await Backend.start(resulting(() => ({ data: 'two' }))),
  ];
  const start = (url: string, key: string): ReturnType<typeof startGateway> =>
    startGateway({
      redis: { url: redis.url },
      endpoints: { default: { url, headers: { 'x-tenant': key } } },
      hooks: { connect: true, cache: { connect: '10s' } },
      namespaces: ASKED,
    });
  const gateways = [
    await start(one.url, 'a'),
    await start(one.url, 'a'),
    await start(two.url, 'a'),
    await start(one.url, 'b'),
  ];
  const said: unknown[] = [];
  for (const { url, gateway } of gateways) {
    await vi.waitFor(
      async () => expect(await gateway.cache.set('up', 1, 1000)).toBe(true),
      QUICKLY,
    );
    const { connect: reply } = await connect(url, { headers: { Cookie: 'me' } });
    said.push((reply as Message)['data']);
  }
  expect(said).toEqual(['one', 'one', 'two', 'one']);
  // The second gateway had it from the first; the fourth is another tenant.
  expect(one.heard).toHaveLength(2);
  expect(two.heard).toHaveLength(1);
  // Neither the question nor the secrets in it are names of keys.
  expect(
    await redis.command('EVAL', "return table.concat(redis.call('KEYS', '*'), ' ')", '0'),
  ).not.toMatch(/me\b|cookie/i);
});

test('what somebody else wrote into the cache is not believed', async () => {
  const redis = await RedisServer.start();
  const { url, backend, gateway } = await scene(
    resulting(() => ({ data: 'true' })),
    {
      ...CACHE,
      redis: { url: redis.url },
    },
  );
  await vi.waitFor(async () => expect(await gateway.cache.set('up', 1, 1)).toBe(true), QUICKLY);
  const ask = async (): Promise<unknown> => {
    const { connect: reply } = await connect(url, { headers: { cookie: 'me' } });
    return (reply as Message)['data'];
  };
  expect(await ask()).toBe('true');
  const spoil = async (value: string): Promise<void> => {
    const script = `for _, key in ipairs(redis.call('KEYS', 'sluice:cache:hook:*')) do
      redis.call('SET', key, ARGV[1]) end`;
    await redis.command('EVAL', script, '0', value);
  };
  for (const value of ['0:{"result":{"user":"root"}}', '0:"[]"', '0:"{\\"reslt\\":1}"', 'x']) {
    await spoil(value);
    expect(await ask()).toBe('true');
  }
  expect(backend.heard.length).toBeGreaterThanOrEqual(4);
});

test('questions that differ in anything are never taken for one another', () => {
  const { signal } = new AbortController();
  const headers = fc.dictionary(fc.string(), fc.string(), { maxKeys: 2, noNullPrototype: true });
  const question = fc.record({
    user: fc.string(),
    info: fc.option(fc.jsonValue(), { nil: undefined }),
    meta: fc.option(fc.jsonValue(), { nil: undefined }),
    data: fc.option(fc.jsonValue(), { nil: undefined }),
    name: fc.string(),
    channel: fc.string(),
    emulatedHeaders: headers,
    headers,
  });
  fc.assert(
    fc.property(question, question, (one, two) => {
      const bodies = [one, two].map((asked) => {
        const sent = asked.data === undefined ? null : Json.of(asked.data);
        const caller = {
          client: 'c',
          signal,
          user: asked.user,
          info: asked.info,
          meta: asked.meta,
        };
        const about = { caller, keeps: true };
        const told = { ...asked, version: '', remoteAddress: '', sent, headers: new Map() };
        return {
          connect: connectBody({ question: told, headers: asked.headers }, about),
          subscribe: subscribeBody({ channel: asked.channel, data: asked.data, sent }, about),
        };
      });
      const same = (name: 'connect' | 'subscribe', fields: readonly (keyof typeof one)[]): void => {
        const texts = [one, two].map((asked) =>
          JSON.stringify(fields.map((field) => asked[field])),
        );
        if (texts[0] !== texts[1]) expect(bodies[0]![name]).not.toBe(bodies[1]![name]);
      };
      same('connect', ['user', 'info', 'meta', 'data', 'name', 'emulatedHeaders', 'headers']);
      same('subscribe', ['user', 'info', 'meta', 'data', 'channel']);
      expect(bodies[0]!.connect).not.toBe(bodies[1]!.subscribe);
    }),
    { numRuns: 300 },
  );
});
