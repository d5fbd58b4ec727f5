/** Tokens signed with the keys of the configuration. */
import { Buffer } from 'node:buffer';
import { createHmac, createSecretKey } from 'node:crypto';
import * as fc from 'fast-check';
import { jwtVerify } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { TOKEN_LENGTH_MAX } from '../../src/auth/compact.ts';
import { InvalidToken } from '../../src/auth/invalid-token.ts';
import type { TokenOptions, TokenVerifier } from '../../src/auth/jwt.ts';
import { createTokenVerifier } from '../../src/auth/jwt.ts';
import { signToken } from '../../src/auth/sign.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { Meters } from '../../src/kernel/meters.ts';
import { ManualClock } from '../support/clock.ts';
import type { Pair } from './pairs.ts';
import { ecPair, edPair, rsaPair } from './pairs.ts';

const SECRET = 'a secret that is long enough for every hash';
const NOW_S = 1_700_000_000;

function verifierWith(options: TokenOptions, clock = new ManualClock(NOW_S * 1000)): TokenVerifier {
  return createTokenVerifier(options, { clock });
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** A token made by hand, for what `signToken` would not make. */
function forge(header: unknown, claims: unknown, secret: string = SECRET): string {
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

function padded(bytes: number): string {
  return forge({ alg: 'HS256' }, { sub: 'a', x: 'x'.repeat(bytes) });
}

async function outcome(verifier: TokenVerifier, token: string): Promise<string> {
  try {
    const { user } = await verifier.connection(token);
    return `user ${user}`;
  } catch (error) {
    if (error instanceof InvalidToken) return 'invalid';
    if (error instanceof Refusal && error.is('tokenExpired')) return 'expired';
    throw error;
  }
}

describe('algorithms', () => {
  let rsa: Pair, p256: Pair, p384: Pair, p521: Pair, ed: Pair;
  beforeAll(() => {
    [rsa, p256, p384] = [rsaPair(), ecPair('P-256'), ecPair('P-384')];
    [p521, ed] = [ecPair('P-521'), edPair()];
  });

  test.each(['HS256', 'HS384', 'HS512'] as const)('a secret verifies %s', async (alg) => {
    const verifier = verifierWith({ hmacSecret: SECRET });
    const token = await signToken({ sub: 'ann' }, { secret: SECRET, alg });
    expect(await outcome(verifier, token)).toBe('user ann');
    const other = await signToken({ sub: 'ann' }, { secret: `${SECRET}!`, alg });
    expect(await outcome(verifier, other)).toBe('invalid');
  });

  test.each(['RS256', 'RS384', 'RS512'] as const)('an RSA key verifies %s', async (alg) => {
    const verifier = verifierWith({ rsaPublicKey: rsa.publicPem });
    const token = await signToken({ sub: 'ann' }, { privateKey: rsa.privatePem, alg });
    expect(await outcome(verifier, token)).toBe('user ann');
    const other = await signToken({ sub: 'ann' }, { privateKey: rsaPair().privatePem, alg });
    expect(await outcome(verifier, other)).toBe('invalid');
  });

  test('each EC curve verifies its own algorithm', async () => {
    const curves = [
      [p256, 'ES256'],
      [p384, 'ES384'],
      [p521, 'ES512'],
    ] as const;
    for (const [pair, alg] of curves) {
      const token = await signToken({ sub: 'ann' }, { privateKey: pair.privatePem, alg });
      for (const [other] of curves) {
        const verifier = verifierWith({ ecdsaPublicKey: other.publicPem });
        expect(await outcome(verifier, token)).toBe(other === pair ? 'user ann' : 'invalid');
      }
    }
  });

  test('an Ed25519 key verifies EdDSA', async () => {
    const verifier = verifierWith({ eddsaPublicKey: ed.publicPem });
    const token = await signToken({ sub: 'ann' }, { privateKey: ed.privatePem });
    expect(await outcome(verifier, token)).toBe('user ann');
    const other = await signToken({ sub: 'ann' }, { privateKey: edPair().privatePem });
    expect(await outcome(verifier, other)).toBe('invalid');
  });

  test('keys of every kind stand side by side', async () => {
    const verifier = verifierWith({
      hmacSecret: SECRET,
      rsaPublicKey: rsa.publicPem,
      ecdsaPublicKey: p256.publicPem,
      eddsaPublicKey: ed.publicPem,
    });
    const keys = [
      { secret: SECRET },
      ...[rsa, p256, ed].map(({ privatePem }) => ({ privateKey: privatePem })),
    ];
    for (const key of keys) {
      expect(await outcome(verifier, await signToken({ sub: 'ann' }, key))).toBe('user ann');
    }
  });

  test('a public key is never taken for an HMAC secret', async () => {
    const both = verifierWith({ hmacSecret: SECRET, rsaPublicKey: rsa.publicPem });
    const alone = verifierWith({ rsaPublicKey: rsa.publicPem });
    for (const secret of [rsa.publicPem, rsa.publicPem.trim()]) {
      const token = await signToken({ sub: 'admin' }, { secret });
      expect(await outcome(alone, token)).toBe('invalid');
      expect(await outcome(both, token)).toBe('invalid');
    }
  });

  test('the algorithms of keys that are not configured are refused', async () => {
    const verifier = verifierWith({ hmacSecret: SECRET });
    for (const { privatePem } of [rsa, p256, p384, p521, ed]) {
      const token = await signToken({ sub: 'ann' }, { privateKey: privatePem });
      expect(await outcome(verifier, token)).toBe('invalid');
    }
  });

  test('none, other spellings and algorithms outside of the list are refused', async () => {
    const verifier = verifierWith({ hmacSecret: SECRET, rsaPublicKey: rsa.publicPem });
    const names = ['none', 'None', 'hs256', 'HS1', 'PS256', 'ES256K', '', '__proto__', 'toString'];
    for (const alg of [...names, null, 5, ['HS256'], undefined]) {
      expect(await outcome(verifier, forge({ alg }, { sub: 'ann' }))).toBe('invalid');
      const unsigned = `${encode({ alg })}.${encode({ sub: 'ann' })}.`;
      expect(await outcome(verifier, unsigned)).toBe('invalid');
    }
  });

  test('without any key every token is invalid', async () => {
    const verifier = verifierWith({});
    expect(verifier.enabled).toBe(false);
    expect(await outcome(verifier, forge({ alg: 'HS256' }, {}))).toBe('invalid');
    expect(verifierWith({ hmacSecret: SECRET }).enabled).toBe(true);
    expect(verifierWith({ eddsaPublicKey: ed.publicPem }).enabled).toBe(true);
  });

  test('a key that cannot be used is refused at the start, by the name of its option', () => {
    const faults: [TokenOptions, string][] = [
      [{ hmacSecret: '' }, 'hmacSecret is empty'],
      [{ hmacSecret: rsa.publicPem }, 'hmacSecret is a PEM key, not a secret'],
      [{ hmacPreviousSecret: SECRET }, 'hmacPreviousSecret needs hmacSecret'],
      [{ hmacSecret: SECRET, hmacPreviousSecret: '' }, 'hmacPreviousSecret is empty'],
      [{ rsaPublicKey: 'not a key' }, 'rsaPublicKey is not a public key in PEM'],
      [{ rsaPublicKey: rsa.privatePem }, 'rsaPublicKey is a private key'],
      [{ rsaPublicKey: p256.publicPem }, 'rsaPublicKey is a key of another kind, or too short'],
      [{ rsaPublicKey: rsaPair(1024).publicPem }, 'rsaPublicKey is a key of another kind'],
      [{ ecdsaPublicKey: ecPair('secp256k1').publicPem }, 'ecdsaPublicKey is a key of another'],
      [{ ecdsaPublicKey: ed.publicPem }, 'ecdsaPublicKey is a key of another kind'],
      [{ eddsaPublicKey: p256.publicPem }, 'eddsaPublicKey is a key of another kind'],
      [{ jwksUrl: 'file:///etc/passwd' }, 'jwksUrl is not an http or https URL'],
      [{ jwksUrl: 'nonsense' }, 'jwksUrl is not an http or https URL'],
      [{ jwksUrl: 'https://me:pass@127.0.0.1/' }, 'jwksUrl has a password in it'],
    ];
    for (const [options, message] of faults) {
      expect(() => verifierWith(options)).toThrow(message);
    }
  });
});

describe('published examples', () => {
  test('the token of RFC 7515 appendix A.3 verifies with ES256, until it expires', async () => {
    const ecdsaPublicKey = [
      '-----BEGIN PUBLIC KEY-----',
      Buffer.concat([
        Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex'),
        Buffer.from('f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', 'base64url'),
        Buffer.from('x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0', 'base64url'),
      ]).toString('base64'),
      '-----END PUBLIC KEY-----',
    ].join('\n');
    const token =
      'eyJhbGciOiJFUzI1NiJ9' +
      '.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ' +
      '.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q';
    const clock = new ManualClock(1_300_819_379_999);
    const verifier = verifierWith({ ecdsaPublicKey, issuer: 'joe' }, clock);
    expect(await outcome(verifier, token)).toBe('user ');
    clock.advance(1);
    expect(await outcome(verifier, token)).toBe('expired');
  });

  test('the well-known token of jwt.io verifies with HS256', async () => {
    const token =
      'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9' +
      '.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ' +
      '.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c';
    const verifier = verifierWith({ hmacSecret: 'your-256-bit-secret' });
    expect(await outcome(verifier, token)).toBe('user 1234567890');
  });
});

describe('a change of the secret', () => {
  const options = { hmacSecret: 'the new secret', hmacPreviousSecret: 'the old secret' };

  test('tokens of both secrets are good, of a third are not', async () => {
    const verifier = verifierWith(options);
    for (const secret of Object.values(options)) {
      expect(await outcome(verifier, await signToken({ sub: 'ann' }, { secret }))).toBe('user ann');
    }
    const third = await signToken({ sub: 'ann' }, { secret: 'another secret' });
    expect(await outcome(verifier, third)).toBe('invalid');
  });

  test('the previous secret ends at its time', async () => {
    const clock = new ManualClock(NOW_S * 1000);
    const hmacPreviousSecretValidUntilMs = NOW_S * 1000 + 60_000;
    const verifier = verifierWith({ ...options, hmacPreviousSecretValidUntilMs }, clock);
    const old = await signToken({ sub: 'ann' }, { secret: 'the old secret' });
    clock.advance(59_999);
    expect(await outcome(verifier, old)).toBe('user ann');
    clock.advance(1);
    expect(await outcome(verifier, old)).toBe('invalid');
    const current = await signToken({ sub: 'ann' }, { secret: 'the new secret' });
    expect(await outcome(verifier, current)).toBe('user ann');
  });
});

describe('the form of a token', () => {
  const verifier = verifierWith({ hmacSecret: SECRET });
  const good = forge({ alg: 'HS256' }, { sub: 'ann' });

  test('a token with any one character changed or missing is invalid', async () => {
    expect(await outcome(verifier, good)).toBe('user ann');
    for (let at = 0; at < good.length; at += 1) {
      const changed = good[at] === 'A' ? 'B' : 'A';
      const spoilt = [
        good.slice(0, at),
        good.slice(0, at) + good.slice(at + 1),
        good.slice(0, at) + changed + good.slice(at + 1),
      ];
      for (const token of spoilt) expect(await outcome(verifier, token)).toBe('invalid');
    }
  });

  test('only the canonical spelling of base64url is taken', async () => {
    const [header, payload, signature] = good.split('.');
    const spellings = [
      `${header}.${payload}.${signature}=`,
      `${header}.${payload}.${signature}\n`,
      ` ${good}`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}.${signature}.`,
      `${good}.${good}`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      good.replaceAll('.', ','),
    ];
    for (const token of spellings) expect(await outcome(verifier, token)).toBe('invalid');
    // The last character of 32 bytes has two bits too many: four spellings, one of them canonical.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(good.at(-1)!);
    const sameBytes = good.slice(0, -1) + alphabet[last + 1];
    expect(Buffer.from(sameBytes.split('.')[2]!, 'base64url')).toEqual(
      Buffer.from(signature!, 'base64url'),
    );
    expect(await outcome(verifier, sameBytes)).toBe('invalid');
  });

  test('characters that differ only above the eighth bit do not pass for those signed', async () => {
    const at = good.indexOf('.') + 1;
    const twin = String.fromCharCode(good.charCodeAt(at) + 0x100);
    expect(await outcome(verifier, good.slice(0, at) + twin + good.slice(at + 1))).toBe('invalid');
  });

  test('a token over the bound is not looked at', async () => {
    expect(await outcome(verifier, padded(TOKEN_LENGTH_MAX / 2))).toBe('user a');
    expect(await outcome(verifier, padded(TOKEN_LENGTH_MAX))).toBe('invalid');
  });

  test('critical extensions and an unencoded payload are refused', async () => {
    for (const extra of [
      { crit: ['b64'], b64: false },
      { crit: ['b64'], b64: true },
      { crit: [] },
      { crit: ['exp'], exp: NOW_S + 10 },
      { crit: null },
      { b64: false },
      { b64: 'false' },
      { kid: 5 },
    ]) {
      expect(await outcome(verifier, forge({ alg: 'HS256', ...extra }, { sub: 'a' }))).toBe(
        'invalid',
      );
    }
    expect(await outcome(verifier, forge({ alg: 'HS256', b64: true }, { sub: 'a' }))).toBe(
      'user a',
    );
    expect(await outcome(verifier, forge({ alg: 'HS256', kid: 'k' }, { sub: 'a' }))).toBe('user a');
  });

  test('a key that the token brings along is not used', async () => {
    const k = Buffer.from('mine').toString('base64url');
    const header = { alg: 'HS256', jwk: { kty: 'oct', k }, jku: 'http://127.0.0.1:1/', x5c: [k] };
    expect(await outcome(verifier, forge(header, { sub: 'admin' }, 'mine'))).toBe('invalid');
  });

  test('a header or payload that is not a JSON object is refused', async () => {
    for (const part of [null, [], 'text', 5, true]) {
      expect(await outcome(verifier, forge(part, { sub: 'a' }))).toBe('invalid');
      expect(await outcome(verifier, forge({ alg: 'HS256' }, part))).toBe('invalid');
    }
    const signed = `${encode({ alg: 'HS256' })}.${Buffer.from('{"sub":"\xff"}', 'latin1').toString('base64url')}`;
    const mac = createHmac('sha256', SECRET).update(signed).digest('base64url');
    expect(await outcome(verifier, `${signed}.${mac}`)).toBe('invalid');
  });

  test('no string at all does more than be invalid', async () => {
    const part = fc.oneof(
      fc.string(),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
      fc.constantFrom(...good.split('.'), encode({ alg: 'none' }), encode({ alg: 'ES256' })),
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64url')),
    );
    const tokens = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(part, { maxLength: 4 }).map((parts) => parts.join('.')),
    );
    const every = verifierWith({
      hmacSecret: SECRET,
      rsaPublicKey: rsaPair().publicPem,
      ecdsaPublicKey: ecPair('P-256').publicPem,
      eddsaPublicKey: edPair().publicPem,
    });
    await fc.assert(
      fc.asyncProperty(tokens, async (token) => {
        fc.pre(token !== good);
        expect(await outcome(every, token)).toBe('invalid');
        await expect(every.subscription(token)).rejects.toBeInstanceOf(InvalidToken);
      }),
      { numRuns: 2000 },
    );
  });

  test('signatures of random bytes and lengths are invalid for every kind of key', async () => {
    const rsaPublicKey = rsaPair().publicPem;
    const ecdsaPublicKey = ecPair('P-256').publicPem;
    const eddsaPublicKey = edPair().publicPem;
    const every = verifierWith({ rsaPublicKey, ecdsaPublicKey, eddsaPublicKey });
    const algs = fc.constantFrom('RS256', 'RS512', 'ES256', 'ES384', 'EdDSA');
    await fc.assert(
      fc.asyncProperty(algs, fc.uint8Array({ maxLength: 300 }), async (alg, bytes) => {
        const signature = Buffer.from(bytes).toString('base64url');
        const token = `${encode({ alg })}.${encode({ sub: 'ann' })}.${signature}`;
        expect(await outcome(every, token)).toBe('invalid');
      }),
    );
  });

  test('what is told of an invalid token holds no part of it', async () => {
    const token = forge({ alg: 'HS256' }, { sub: 'ann', channels: 'secret-channel' });
    const error = await verifier.connection(token).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidToken);
    expect(String(error)).not.toContain('secret-channel');
    for (const part of token.split('.')) expect(String(error)).not.toContain(part);
  });
});

describe('our HMAC and that of jose', () => {
  const options = { currentDate: new Date(NOW_S * 1000), algorithms: ['HS256', 'HS384', 'HS512'] };
  const claims = fc.record(
    {
      sub: fc.string({ maxLength: 20 }),
      exp: fc.constantFrom(NOW_S - 1, NOW_S, NOW_S + 1),
      nbf: fc.constantFrom(NOW_S - 1, NOW_S, NOW_S + 1),
      iat: fc.integer({ min: 0, max: NOW_S * 2 }),
      info: fc.jsonValue({ maxDepth: 4 }),
    },
    { requiredKeys: [] },
  );
  const secrets = fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' });
  const algs = fc.constantFrom('HS256', 'HS384', 'HS512');

  async function byJose(token: string, secret: string): Promise<string> {
    try {
      const { payload } = await jwtVerify(token, createSecretKey(secret, 'utf8'), options);
      return `user ${payload.sub ?? ''}`;
    } catch (error) {
      return error instanceof Error && error.name === 'JWTExpired' ? 'expired' : 'invalid';
    }
  }

  test('agree on every token that jose signs', async () => {
    await fc.assert(
      fc.asyncProperty(claims, secrets, algs, async (said, secret, alg) => {
        const token = await signToken(said, { secret, alg });
        const verifier = verifierWith({ hmacSecret: secret });
        expect(await outcome(verifier, token)).toBe(await byJose(token, secret));
      }),
    );
  });

  test('agree on spoilt tokens, but for spellings that only jose takes', async () => {
    const token = forge({ alg: 'HS256' }, { sub: 'ann' });
    const verifier = verifierWith({ hmacSecret: SECRET });
    const at = fc.nat({ max: token.length - 1 });
    const texts = fc.string({ maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(at, at, texts, async (from, to, text) => {
        const spoilt = token.slice(0, from) + text + token.slice(to);
        const ours = await outcome(verifier, spoilt);
        if (ours !== 'invalid') expect(await byJose(spoilt, SECRET)).toBe(ours);
        if (spoilt !== token) expect(ours).toBe('invalid');
      }),
    );
  });
});

describe('time, audience and issuer', () => {
  const verifier = verifierWith({ hmacSecret: SECRET });
  const verdict = (claims: Record<string, unknown>, by = verifier): Promise<string> =>
    outcome(by, forge({ alg: 'HS256' }, { sub: 'ann', ...claims }));

  test('a token is expired from the moment of exp on, fractions and all', async () => {
    expect(await verdict({ exp: NOW_S + 0.5 })).toBe('user ann');
    expect(await verdict({ exp: NOW_S })).toBe('expired');
    expect(await verdict({ exp: NOW_S - 0.001 })).toBe('expired');
    expect(await verdict({ exp: 0 })).toBe('expired');
    expect(await verdict({ exp: -1 })).toBe('expired');
  });

  test('a token whose grant is over is expired even where the token is not', async () => {
    expect(await verdict({ exp: NOW_S + 10, expire_at: NOW_S })).toBe('expired');
    expect(await verdict({ expire_at: NOW_S - 5 })).toBe('expired');
    expect(await verdict({ exp: NOW_S - 5, expire_at: NOW_S + 10 })).toBe('expired');
    expect(await verdict({ exp: NOW_S - 5, expire_at: 0 })).toBe('expired');
    expect(await verdict({ exp: NOW_S + 5, expire_at: 0 })).toBe('user ann');
  });

  test('a token is invalid before nbf; iat is not compared', async () => {
    expect(await verdict({ nbf: NOW_S + 1 })).toBe('invalid');
    expect(await verdict({ nbf: NOW_S })).toBe('user ann');
    expect(await verdict({ iat: NOW_S + 100 })).toBe('user ann');
  });

  test('a token that is both expired and not ours is invalid', async () => {
    const ours = verifierWith({ hmacSecret: SECRET, audience: 'us', issuer: 'them' });
    expect(await verdict({ exp: 5, aud: 'us', iss: 'others' }, ours)).toBe('invalid');
    expect(await verdict({ exp: 5, aud: 'us', iss: 'them', channels: 1 }, ours)).toBe('invalid');
    expect(await verdict({ exp: 5, aud: 'us', iss: 'them' }, ours)).toBe('expired');
    const spoilt = forge({ alg: 'HS256' }, { exp: 5 }, 'another secret');
    expect(await outcome(verifier, spoilt)).toBe('invalid');
  });

  test('the audience is one of those named', async () => {
    const ours = verifierWith({ hmacSecret: SECRET, audience: 'us' });
    expect(await verdict({ aud: 'us' }, ours)).toBe('user ann');
    expect(await verdict({ aud: ['them', 'us'] }, ours)).toBe('user ann');
    for (const aud of ['them', 'u', ['them'], [], undefined, null, [['us']]]) {
      expect(await verdict({ aud }, ours)).toBe('invalid');
    }
    expect(await verdict({ aud: 'anyone' })).toBe('user ann');
  });

  test('the issuer is the one expected', async () => {
    const ours = verifierWith({ hmacSecret: SECRET, issuer: 'them' });
    expect(await verdict({ iss: 'them' }, ours)).toBe('user ann');
    for (const iss of ['us', '', undefined, null, ['them']]) {
      expect(await verdict({ iss }, ours)).toBe('invalid');
    }
    expect(await verdict({ iss: 'anyone' })).toBe('user ann');
  });

  test('every outcome is counted', async () => {
    const meters = new Meters();
    const count = meters.counter('tokens', 'Tokens.', 'outcome');
    const clock = new ManualClock(NOW_S * 1000);
    const counted = createTokenVerifier({ hmacSecret: SECRET }, { clock, count });
    await verdict({}, counted);
    await verdict({ exp: 5 }, counted);
    await outcome(counted, 'nonsense');
    await outcome(counted, '');
    expect(meters.count('tokens', 'accepted')).toBe(1);
    expect(meters.count('tokens', 'expired')).toBe(1);
    expect(meters.count('tokens', 'invalid')).toBe(2);
  });

  test('closing twice is closing once', async () => {
    const closed = verifierWith({ hmacSecret: SECRET });
    await closed.close();
    await closed.close();
  });
});
