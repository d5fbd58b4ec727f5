/** What the claims of a token say about a peer. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Identity, SubscriptionGrant } from '../../src/auth/identity.ts';
import { InvalidToken } from '../../src/auth/invalid-token.ts';
import type { TokenVerifier } from '../../src/auth/jwt.ts';
import { createTokenVerifier } from '../../src/auth/jwt.ts';
import { signToken } from '../../src/auth/sign.ts';
import { ManualClock } from '../support/clock.ts';

const SECRET = 'a secret';
const NOW_S = 1_700_000_000;
const clock = new ManualClock(NOW_S * 1000);
const verifier = createTokenVerifier({ hmacSecret: SECRET }, { clock });

type Said = Record<string, unknown>;

async function connect(claims: Said, by: TokenVerifier = verifier): Promise<Identity> {
  return by.connection(await signToken(claims, { secret: SECRET }));
}

async function subscribe(claims: Said, by: TokenVerifier = verifier): Promise<SubscriptionGrant> {
  return by.subscription(await signToken(claims, { secret: SECRET }));
}

async function expectInvalid(claims: Said): Promise<void> {
  await expect(connect(claims)).rejects.toBeInstanceOf(InvalidToken);
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const base64url = (text: string): string => Buffer.from(text).toString('base64url');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const endOf = async (claims: Said): Promise<number | null> => (await connect(claims)).expireAtMs;

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}

describe('a connection token', () => {
  test('with no claims is for an anonymous user, without an end', async () => {
    expect(await connect({})).toEqual({
      user: '',
      expireAtMs: null,
      channels: [],
      subs: new Map(),
    });
  });

  test('carries all that is in its claims', async () => {
    const identity = await connect({
      sub: 'ann',
      exp: NOW_S + 60,
      iat: NOW_S,
      nbf: NOW_S,
      jti: 'id',
      aud: ['a'],
      iss: 'b',
      info: { name: 'Ann' },
      meta: { role: 5 },
      channels: ['news', '__proto__'],
      subs: { chat: { info: 1, data: [2], override: { presence: { value: true } } }, plain: {} },
      unknown: 'is left alone',
    });
    expect(identity).toEqual({
      user: 'ann',
      expireAtMs: (NOW_S + 60) * 1000,
      info: { name: 'Ann' },
      meta: { role: 5 },
      channels: ['news', '__proto__'],
      subs: new Map([
        ['chat', { info: 1, data: [2], override: { presence: true } }],
        ['plain', {}],
      ]),
    });
  });

  test('takes base64 before JSON, and gives it as bytes of their own', async () => {
    const { info, subs } = await connect({
      info: 'ignored',
      b64info: base64('raw'),
      subs: { chat: { b64info: base64('i'), b64data: base64('d') } },
    });
    expect(info).toEqual(new Uint8Array(Buffer.from('raw')));
    expect(info).not.toBeInstanceOf(Buffer);
    expect(info instanceof Uint8Array && info.buffer.byteLength).toBe(3);
    expect(subs.get('chat')).toEqual({ info: bytes('i'), data: bytes('d') });
    expect((await connect({ info: 'kept', b64info: '' })).info).toBe('kept');
  });

  test('keeps JSON values that are false, empty or null', async () => {
    for (const info of [null, false, 0, '', [], {}]) {
      expect((await connect({ info, meta: info })).info).toEqual(info);
      expect((await connect({ info, meta: info })).meta).toEqual(info);
    }
  });

  test('ends with exp, or else with expire_at', async () => {
    expect(await endOf({ exp: NOW_S + 1.5 })).toBe(NOW_S * 1000 + 1500);
    expect(await endOf({ exp: NOW_S + 1, expire_at: NOW_S + 9 })).toBe((NOW_S + 9) * 1000);
    expect(await endOf({ exp: NOW_S + 9, expire_at: NOW_S + 1 })).toBe((NOW_S + 1) * 1000);
    expect(await endOf({ exp: NOW_S + 1, expire_at: 0 })).toBe(null);
    expect(await endOf({ expire_at: NOW_S + 1 })).toBe((NOW_S + 1) * 1000);
  });

  test('may hold the user id in another claim', async () => {
    const by = createTokenVerifier({ hmacSecret: SECRET, userIdClaim: 'uid' }, { clock });
    expect((await connect({ sub: 'ann', uid: 'bob' }, by)).user).toBe('bob');
    expect((await connect({ sub: 'ann' }, by)).user).toBe('');
    await expect(connect({ uid: 5 }, by)).rejects.toBeInstanceOf(InvalidToken);
  });

  test('finds nothing in the prototype of its claims', async () => {
    const claims: unknown = JSON.parse('{"__proto__": {"sub": "admin", "channels": ["all"]}}');
    expect(await connect(claims as Said)).toEqual(await connect({}));
    const by = createTokenVerifier({ hmacSecret: SECRET, userIdClaim: 'toString' }, { clock });
    expect((await connect({}, by)).user).toBe('');
    const subs: unknown = JSON.parse('{"subs": {"__proto__": {"info": 1}}}');
    const identity = await connect(subs as Said);
    expect([...identity.subs]).toEqual([['__proto__', { info: 1 }]]);
    const override: unknown = JSON.parse(
      '{"subs":{"a":{"override":{"__proto__":{"presence":1}}}}}',
    );
    expect((await connect(override as Said)).subs.get('a')).toEqual({ override: {} });
  });

  test('is not one made for a channel', async () => {
    for (const channel of ['chat', '', null, 5]) {
      await expect(connect({ sub: 'ann', channel })).rejects.toBeInstanceOf(InvalidToken);
    }
  });

  test('has a user id of at most 255 characters', async () => {
    expect((await connect({ sub: 'u'.repeat(255) })).user).toHaveLength(255);
    await expectInvalid({ sub: 'u'.repeat(256) });
  });

  test('is nested no deeper than a message may be', async () => {
    expect((await connect({ info: nested(64) })).info).toEqual(nested(64));
    await expectInvalid({ info: nested(65) });
    await expectInvalid({ meta: nested(2000) });
    await expectInvalid({ subs: { chat: { data: nested(65) } } });
  });

  const wrong: Said[] = [
    ...['sub', 'jti', 'iss', 'b64info'].flatMap((name) =>
      [null, 5, true, ['a'], { a: 1 }].map((value) => ({ [name]: value })),
    ),
    ...['exp', 'iat', 'nbf', 'expire_at'].flatMap((name) =>
      [null, `${NOW_S + 9}`, true, [NOW_S + 9], {}, 1e13, 1e300].map((value) => ({
        [name]: value,
      })),
    ),
    ...[null, 'a', 5, {}, [5], ['a', null], ['']].map((channels) => ({ channels })),
    ...[null, 'a', 5, ['a'], { a: null }, { a: 5 }, { a: [] }, { '': {} }].map((subs) => ({
      subs,
    })),
    ...[null, 5, [5], {}].map((aud) => ({ aud })),
    ...['%%%', 'YQ', 'Y Q=', 'YR==', '_-8='].map((b64info) => ({ b64info })),
    ...[null, 5, []].map((override) => ({ subs: { a: { override } } })),
    ...[null, true, {}, { value: 1 }, { value: null }, { value: 'true' }].map((presence) => ({
      subs: { a: { override: { presence } } },
    })),
    { subs: { a: { b64info: 5 } } },
    { subs: { a: { b64data: '%' } } },
  ];

  test.each(wrong)('with a claim of the wrong type is invalid: %j', expectInvalid);

  test('nested as deep as its size allows is invalid, and no more than that', async () => {
    const deep = base64url(`{"info":${'['.repeat(5000)}${']'.repeat(5000)}}`);
    const signed = `${base64url('{"alg":"HS256"}')}.${deep}`;
    const mac = createHmac('sha256', SECRET).update(signed).digest('base64url');
    await expect(verifier.connection(`${signed}.${mac}`)).rejects.toBeInstanceOf(InvalidToken);
  });

  test('with a time that JSON cannot hold as a number is invalid', async () => {
    const signed = `${base64url('{"alg":"HS256"}')}.${base64url('{"exp":1e999}')}`;
    const mac = createHmac('sha256', SECRET).update(signed).digest('base64url');
    await expect(verifier.connection(`${signed}.${mac}`)).rejects.toBeInstanceOf(InvalidToken);
  });
});

describe('a subscription token', () => {
  test('carries all that is in its claims', async () => {
    const grant = await subscribe({
      sub: 'ann',
      channel: 'chat',
      exp: NOW_S + 60,
      info: 'i',
      data: { d: 1 },
      override: {
        presence: { value: true },
        join_leave: { value: false },
        force_recovery: { value: true },
        force_positioning: { value: false },
        force_push_join_leave: { value: true },
        of_another_version: { value: 'unknown' },
      },
    });
    expect(grant).toEqual({
      user: 'ann',
      channel: 'chat',
      expireAtMs: (NOW_S + 60) * 1000,
      info: 'i',
      data: { d: 1 },
      override: {
        presence: true,
        joinLeave: false,
        forceRecovery: true,
        forcePositioning: false,
        forcePushJoinLeave: true,
      },
    });
  });

  test('has what it does not say left out', async () => {
    const grant = await subscribe({ channel: 'chat' });
    expect(grant).toStrictEqual({ user: '', channel: 'chat', expireAtMs: null });
  });

  test('lets the subscription outlive the token, and the other way round', async () => {
    const times = { channel: 'chat', exp: NOW_S + 1 };
    expect((await subscribe({ ...times, expire_at: 0 })).expireAtMs).toBe(null);
    const later = await subscribe({ ...times, expire_at: NOW_S + 9 });
    expect(later.expireAtMs).toBe((NOW_S + 9) * 1000);
  });

  test('is for exactly one channel', async () => {
    for (const channel of [undefined, null, '', 5, ['chat'], { a: 1 }]) {
      await expect(subscribe({ sub: 'ann', channel })).rejects.toBeInstanceOf(InvalidToken);
    }
  });

  test('may hold the user id in another claim', async () => {
    const by = createTokenVerifier({ hmacSecret: SECRET, userIdClaim: 'uid' }, { clock });
    expect((await subscribe({ uid: 'bob', channel: 'chat' }, by)).user).toBe('bob');
  });

  test('with a claim of the wrong type is invalid', async () => {
    for (const claims of [
      { sub: 5 },
      { exp: '5' },
      { override: true },
      { b64data: 5 },
      { aud: 5 },
    ]) {
      const said = { channel: 'chat', ...claims };
      await expect(subscribe(said)).rejects.toBeInstanceOf(InvalidToken);
    }
  });
});
