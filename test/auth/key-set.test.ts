/** Tokens signed with keys that the issuer publishes, read from a real server. */
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InvalidToken } from '../../src/auth/invalid-token.ts';
import type { TokenOptions, TokenVerifier } from '../../src/auth/jwt.ts';
import { createTokenVerifier } from '../../src/auth/jwt.ts';
import { KEY_SET_LIMITS } from '../../src/auth/key-set.ts';
import type { PublicKeyAlgorithm } from '../../src/auth/algorithms.ts';
import { signToken } from '../../src/auth/sign.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import type { Fields } from '../../src/kernel/log.ts';
import { silentLog } from '../../src/kernel/log.ts';
import type { Count } from '../../src/kernel/meters.ts';
import { Meters } from '../../src/kernel/meters.ts';
import { ManualClock } from '../support/clock.ts';
import type { Pair } from './pairs.ts';
import { ecPair, edPair, jwkOf, rsaPair } from './pairs.ts';

const { cooldownMs, refreshAfterMs, cacheMaxAgeMs, timeoutMs, bytesMax, keysMax } = KEY_SET_LIMITS;
const rsa = rsaPair();
const ec = ecPair('P-256');
const ed = edPair();

interface KeyName {
  readonly kid: string;
  readonly alg: PublicKeyAlgorithm;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An issuer: what it answers may be changed, and every request of it is counted. */
class Issuer {
  readonly #server: Server = createServer((request, response) => {
    this.requests += 1;
    this.answer(request, response);
    this.#server.emit('asked');
  });
  requests = 0;
  answer: Answer = (_request, response) => response.writeHead(404).end();

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('not listening');
    return `http://127.0.0.1:${address.port}/keys`;
  }

  publish(keys: readonly unknown[]): void {
    this.publishText(JSON.stringify({ keys }));
  }

  publishText(text: string): void {
    this.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    };
  }

  async asked(): Promise<void> {
    await once(this.#server, 'asked');
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }
}

let issuer: Issuer;
let other: Issuer;
let clock: ManualClock;
let meters: Meters;
let countKeySetReads: Count;
let lines: Fields[];
let verifiers: TokenVerifier[];

beforeEach(async () => {
  [issuer, other, clock, meters] = [new Issuer(), new Issuer(), new ManualClock(), new Meters()];
  [lines, verifiers] = [[], []];
  countKeySetReads = meters.counter('reads', 'Reads.', 'outcome');
  await issuer.listen();
  await other.listen();
});

afterEach(async () => {
  await Promise.all(verifiers.map((verifier) => verifier.close()));
  expect(clock.pending).toBe(0);
  await issuer.close();
  await other.close();
});

function verifierWith(options: TokenOptions = {}, fetchWith?: typeof fetch): TokenVerifier {
  const verifier = createTokenVerifier(
    { jwksUrl: issuer.url, ...options },
    {
      clock,
      fetch: fetchWith,
      log: { ...silentLog, warn: (fields) => void lines.push(fields) },
      countKeySetReads,
    },
  );
  verifiers.push(verifier);
  return verifier;
}

function tokenOf(pair: Pair, key: Partial<KeyName> = {}, claims = {}): Promise<string> {
  return signToken({ sub: 'ann', ...claims }, { privateKey: pair.privatePem, kid: 'one', ...key });
}

async function outcome(verifier: TokenVerifier, token: string): Promise<string> {
  try {
    return `user ${(await verifier.connection(token)).user}`;
  } catch (error) {
    if (error instanceof InvalidToken) return 'invalid';
    if (error instanceof Refusal && error.is('internal') && error.entry.temporary) return 'later';
    throw error;
  }
}

describe('keys that are published', () => {
  test('verify tokens of their kind and id', async () => {
    issuer.publish([
      jwkOf(rsa, { kid: 'rsa', use: 'sig', alg: 'RS256' }),
      jwkOf(ec, { kid: 'ec', key_ops: ['verify'] }),
      jwkOf(ed, { kid: 'ed' }),
    ]);
    const verifier = verifierWith();
    expect(verifier.enabled).toBe(true);
    expect(await outcome(verifier, await tokenOf(rsa, { kid: 'rsa' }))).toBe('user ann');
    expect(await outcome(verifier, await tokenOf(ec, { kid: 'ec' }))).toBe('user ann');
    expect(await outcome(verifier, await tokenOf(ed, { kid: 'ed' }))).toBe('user ann');
    expect(await outcome(verifier, await tokenOf(rsaPair(), { kid: 'rsa' }))).toBe('invalid');
    expect(await outcome(verifier, await tokenOf(ed, { kid: 'ec' }))).toBe('invalid');
    expect(issuer.requests).toBe(1);
    expect(meters.count('reads', 'read')).toBe(1);
  });

  test('verify only the algorithm that they name', async () => {
    issuer.publish([jwkOf(rsa, { kid: 'one', alg: 'RS256' })]);
    const verifier = verifierWith();
    expect(await outcome(verifier, await tokenOf(rsa, { alg: 'RS256' }))).toBe('user ann');
    expect(await outcome(verifier, await tokenOf(rsa, { alg: 'RS512' }))).toBe('invalid');
    expect(issuer.requests).toBe(1);
  });

  test('verify every algorithm of their kind where they name none', async () => {
    issuer.publish([jwkOf(rsa, { kid: 'one' })]);
    const verifier = verifierWith();
    for (const alg of ['RS256', 'RS384', 'RS512'] as const) {
      expect(await outcome(verifier, await tokenOf(rsa, { alg }))).toBe('user ann');
    }
  });

  test('of one id may be of several kinds, and the first of a kind counts', async () => {
    const second = jwkOf(rsaPair(), { kid: 'one' });
    issuer.publish([jwkOf(rsa, { kid: 'one' }), jwkOf(ec, { kid: 'one' }), second]);
    const verifier = verifierWith();
    expect(await outcome(verifier, await tokenOf(rsa))).toBe('user ann');
    expect(await outcome(verifier, await tokenOf(ec))).toBe('user ann');
  });

  test('are left out when they are not there to verify signatures', async () => {
    const privateJwk = { ...jwkOf(rsa), d: 'AQAB' };
    const unfit: Record<string, unknown>[] = [
      jwkOf(rsa, { use: 'enc' }),
      jwkOf(rsa, { key_ops: ['encrypt'] }),
      jwkOf(rsa, { key_ops: 'verify' }),
      jwkOf(rsa, { alg: 'RSA-OAEP' }),
      jwkOf(rsa, { alg: 'PS256' }),
      jwkOf(rsa, { alg: 'HS256' }),
      jwkOf(rsa, { alg: 'none' }),
      jwkOf(rsa, { kty: 'EC' }),
      jwkOf(rsa, { kty: 'nonsense' }),
      jwkOf(rsa, { n: 5 }),
      jwkOf(rsaPair(1024)),
      privateJwk,
      { kty: 'oct', k: 'c2VjcmV0' },
    ];
    for (const jwk of unfit) {
      issuer.publish([{ ...jwk, kid: 'one' }, null, 5, [], jwkOf(ec, { kid: 'two' })]);
      const verifier = verifierWith();
      const token = await tokenOf(rsa, { alg: 'RS256' });
      expect(await outcome(verifier, token), JSON.stringify(jwk)).toBe('invalid');
      expect(await outcome(verifier, await tokenOf(ec, { kid: 'two' }))).toBe('user ann');
    }
    issuer.publish([jwkOf(rsa), jwkOf(rsa, { kid: 5 }), jwkOf(ec, { kid: 'two' })]);
    expect(await outcome(verifierWith(), await tokenOf(rsa, { kid: '5' }))).toBe('invalid');
  });

  test('are never asked about a token without a key id, with HMAC or with none', async () => {
    issuer.publish([{ kty: 'oct', k: 'c2VjcmV0', kid: 'one' }, jwkOf(rsa, { kid: 'two' })]);
    const verifier = verifierWith();
    const bare = await signToken({ sub: 'ann' }, { privateKey: rsa.privatePem });
    expect(await outcome(verifier, bare)).toBe('invalid');
    const hmac = await signToken({ sub: 'ann' }, { secret: 'secret', kid: 'one' });
    expect(await outcome(verifier, hmac)).toBe('invalid');
    const forged = await signToken({ sub: 'ann' }, { secret: rsa.publicPem, kid: 'two' });
    expect(await outcome(verifier, forged)).toBe('invalid');
    for (const kid of ['', 'x'.repeat(256)]) {
      expect(await outcome(verifier, await tokenOf(rsa, { kid }))).toBe('invalid');
    }
    expect(issuer.requests).toBe(0);
  });

  test('stand behind the keys of the configuration', async () => {
    issuer.publish([jwkOf(ec, { kid: 'one' }), jwkOf(rsa, { kid: 'one' })]);
    const local = rsaPair();
    const verifier = verifierWith({ rsaPublicKey: local.publicPem, hmacSecret: 'a secret' });
    expect(await outcome(verifier, await tokenOf(local))).toBe('user ann');
    expect(await outcome(verifier, await signToken({ sub: 'bob' }, { secret: 'a secret' }))).toBe(
      'user bob',
    );
    expect(issuer.requests).toBe(0);
    expect(await outcome(verifier, await tokenOf(rsa))).toBe('user ann');
    expect(await outcome(verifier, await tokenOf(ec))).toBe('user ann');
    expect(issuer.requests).toBe(1);
  });
});

describe('the issuer', () => {
  test('has its own keys: the same key id of another issuer is another key', async () => {
    issuer.publish([jwkOf(rsa, { kid: 'one' })]);
    const theirs = rsaPair();
    other.publish([jwkOf(theirs, { kid: 'one' })]);
    const ours = verifierWith({ issuer: 'us' });
    const foreign = verifierWith({ jwksUrl: other.url, issuer: 'them' });
    const us = await tokenOf(rsa, {}, { iss: 'us' });
    const them = await tokenOf(theirs, {}, { iss: 'them' });
    const posing = await tokenOf(theirs, {}, { iss: 'us' });
    for (let round = 0; round < 2; round += 1) {
      expect(await outcome(ours, us)).toBe('user ann');
      expect(await outcome(foreign, them)).toBe('user ann');
      expect(await outcome(ours, posing)).toBe('invalid');
      expect(await outcome(ours, them)).toBe('invalid');
      expect(await outcome(foreign, us)).toBe('invalid');
    }
    expect([issuer.requests, other.requests]).toEqual([1, 1]);
  });

  test('is not asked for the token of another', async () => {
    issuer.publish([jwkOf(rsa, { kid: 'one' })]);
    const verifier = verifierWith({ issuer: 'us' });
    expect(await outcome(verifier, await tokenOf(rsa, {}, { iss: 'them' }))).toBe('invalid');
    expect(await outcome(verifier, await tokenOf(rsa))).toBe('invalid');
    expect(issuer.requests).toBe(0);
  });

  test('is always asked at the configured URL, whatever the token says', async () => {
    const paths: (string | undefined)[] = [];
    issuer.answer = ({ url }, response) => {
      paths.push(url);
      response.end(JSON.stringify({ keys: [jwkOf(rsa, { kid: 'one' })] }));
    };
    const verifier = verifierWith();
    const iss = `${other.url}/{{tenant}}/../..`;
    expect(await outcome(verifier, await tokenOf(rsa, {}, { iss, aud: iss }))).toBe('user ann');
    expect(paths).toEqual(['/keys']);
    expect(other.requests).toBe(0);
  });
});

describe('reading the set', () => {
  test('is done once for all that wait', async () => {
    const held: ServerResponse[] = [];
    issuer.answer = (_request, response) => void held.push(response);
    const verifier = verifierWith();
    const good = await tokenOf(rsa);
    const bad = await tokenOf(rsa, { kid: 'two' });
    const asked = issuer.asked();
    const outcomes = Array.from({ length: 100 }, (_, n) => outcome(verifier, n % 2 ? good : bad));
    await asked;
    held[0]!.end(JSON.stringify({ keys: [jwkOf(rsa, { kid: 'one' })] }));
    const told = await Promise.all(outcomes);
    expect(told.filter((text) => text === 'user ann')).toHaveLength(50);
    expect(told.filter((text) => text === 'invalid')).toHaveLength(50);
    expect(issuer.requests).toBe(1);
  });

  test('is not done again for an unknown key id until the cooldown is over', async () => {
    issuer.publish([jwkOf(rsa, { kid: 'one' })]);
    const verifier = verifierWith();
    const unknown = await tokenOf(rsa, { kid: 'two' });
    for (let round = 1; round <= 3; round += 1) {
      for (let again = 0; again < 5; again += 1) {
        expect(await outcome(verifier, unknown)).toBe('invalid');
      }
      expect(issuer.requests).toBe(round);
      clock.advance(cooldownMs);
    }
  });

  test('is put off by a crowd of made up key ids, but no good token is lost by that', async () => {
    issuer.publish([jwkOf(rsa, { kid: 'one' })]);
    const verifier = verifierWith();
    expect(await outcome(verifier, await tokenOf(ec, { kid: 'made up 0' }))).toBe('invalid');
    for (let n = 1; n < 20; n += 1) {
      expect(await outcome(verifier, await tokenOf(ec, { kid: `made up ${n}` }))).toBe('later');
    }
    expect(issuer.requests).toBe(1);
    const next = rsaPair();
    issuer.publish([jwkOf(next, { kid: 'new' })]);
    const token = await tokenOf(next, { kid: 'new' });
    expect(await outcome(verifier, token)).toBe('later');
    clock.advance(cooldownMs);
    expect(await outcome(verifier, token)).toBe('user ann');
    expect(issuer.requests).toBe(2);
  });

  test('answers for a key id that an older read was asked for like for a new one', async () => {
    issuer.publish([jwkOf(rsa, { kid: 'one' })]);
    const verifier = verifierWith();
    const token = await tokenOf(ec, { kid: 'two' });
    expect(await outcome(verifier, token)).toBe('invalid');
    clock.advance(cooldownMs);
    expect(await outcome(verifier, await tokenOf(ec, { kid: 'three' }))).toBe('invalid');
    // It may have been published since, so it is too early for a last word.
    expect(await outcome(verifier, token)).toBe('later');
    expect(issuer.requests).toBe(2);
  });

  test('remembers a bounded number of unknown key ids', async () => {
    issuer.publish([jwkOf(rsa, { kid: 'one' })]);
    const verifier = verifierWith({ jwks: { unknownMax: 3 } });
    const kids = Array.from({ length: 10 }, (_, n) => `made up ${n}`);
    const tokens = await Promise.all(kids.map((kid) => tokenOf(ec, { kid })));
    const first = await Promise.all(tokens.map((token) => outcome(verifier, token)));
    expect(first).toEqual(tokens.map(() => 'invalid'));
    const again = await Promise.all(tokens.map((token) => outcome(verifier, token)));
    expect(again.filter((told) => told === 'invalid')).toHaveLength(3);
    expect(again.filter((told) => told === 'later')).toHaveLength(7);
    expect(issuer.requests).toBe(1);
  });

  test('finds new keys by their id, and drops those withdrawn', async () => {
    issuer.publish([jwkOf(rsa, { kid: 'one' })]);
    const verifier = verifierWith();
    expect(await outcome(verifier, await tokenOf(rsa))).toBe('user ann');
    issuer.publish([jwkOf(ec, { kid: 'two' })]);
    clock.advance(cooldownMs);
    expect(await outcome(verifier, await tokenOf(ec, { kid: 'two' }))).toBe('user ann');
    clock.advance(cooldownMs);
    expect(await outcome(verifier, await tokenOf(rsa))).toBe('invalid');
    expect(issuer.requests).toBe(3);
  });

  test('is done in the background from a certain age on, and nobody waits for it', async () => {
    issuer.publish([jwkOf(rsa, { kid: 'one' })]);
    const verifier = verifierWith();
    const token = await tokenOf(rsa);
    expect(await outcome(verifier, token)).toBe('user ann');
    const held: ServerResponse[] = [];
    issuer.answer = (_request, response) => void held.push(response);
    clock.advance(refreshAfterMs - 1);
    expect(await outcome(verifier, token)).toBe('user ann');
    expect(issuer.requests).toBe(1);
    clock.advance(1);
    const asked = issuer.asked();
    expect(await outcome(verifier, token)).toBe('user ann');
    expect(await outcome(verifier, token)).toBe('user ann');
    await asked;
    expect(issuer.requests).toBe(2);
    // Whoever asks for a new key waits for the same read.
    const waiting = outcome(verifier, await tokenOf(ec, { kid: 'two' }));
    held[0]!.end(JSON.stringify({ keys: [jwkOf(ec, { kid: 'two' })] }));
    expect(await waiting).toBe('user ann');
    expect(issuer.requests).toBe(2);
  });

  test('that fails leaves the known keys in use until they are too old', async () => {
    issuer.publish([jwkOf(rsa, { kid: 'one' })]);
    const verifier = verifierWith();
    const token = await tokenOf(rsa);
    expect(await outcome(verifier, token)).toBe('user ann');
    issuer.answer = (_request, response) => response.writeHead(503).end();
    clock.advance(cacheMaxAgeMs - 1);
    expect(await outcome(verifier, token)).toBe('user ann');
    // The read in the background is shared, so this waits for its end.
    expect(await outcome(verifier, await tokenOf(ec, { kid: 'two' }))).toBe('later');
    clock.advance(1);
    expect(await outcome(verifier, token)).toBe('later');
    clock.advance(cooldownMs);
    expect(await outcome(verifier, token)).toBe('later');
    issuer.publish([jwkOf(rsa, { kid: 'one' })]);
    clock.advance(cooldownMs);
    expect(await outcome(verifier, token)).toBe('user ann');
  });

  test('goes on after the clock was set back', async () => {
    issuer.publish([jwkOf(rsa, { kid: 'one' })]);
    const verifier = verifierWith();
    expect(await outcome(verifier, await tokenOf(rsa))).toBe('user ann');
    issuer.publish([jwkOf(ec, { kid: 'two' })]);
    clock.advance(-86_400_000);
    expect(await outcome(verifier, await tokenOf(ec, { kid: 'two' }))).toBe('user ann');
  });
});

describe('an issuer that cannot tell', () => {
  test('is a temporary error, asked again after the cooldown', async () => {
    const port = Number(new URL(issuer.url).port);
    const verifier = verifierWith();
    await issuer.close();
    const token = await tokenOf(rsa);
    expect(await outcome(verifier, token)).toBe('later');
    expect(await outcome(verifier, token)).toBe('later');
    expect(meters.count('reads', 'failed')).toBe(1);
    await issuer.listen(port);
    issuer.publish([jwkOf(rsa, { kid: 'one' })]);
    expect(await outcome(verifier, token)).toBe('later');
    expect(issuer.requests).toBe(0);
    clock.advance(cooldownMs);
    expect(await outcome(verifier, token)).toBe('user ann');
  });

  test.each([
    ['with another status', (text: string): Answer => answerWith(500, {}, text)],
    ['with no content', (): Answer => answerWith(204, {}, '')],
    ['with what is not JSON', (): Answer => answerWith(200, {}, 'nonsense')],
    ['with no list of keys', (): Answer => answerWith(200, {}, '{"keys":{}}')],
    ['with no key', (): Answer => answerWith(200, {}, '{"keys":[]}')],
    ['with an array', (): Answer => answerWith(200, {}, '[]')],
    ['with half an answer', (text: string): Answer => answerInHalf(text)],
  ])('is a temporary error: it answers %s', async (_how, answer) => {
    issuer.answer = answer(JSON.stringify({ keys: [jwkOf(rsa, { kid: 'one' })] }));
    const verifier = verifierWith();
    expect(await outcome(verifier, await tokenOf(rsa))).toBe('later');
    expect(meters.count('reads', 'failed')).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]!['url']).toBe(issuer.url);
  });

  test('is not followed to another place', async () => {
    other.publish([jwkOf(rsa, { kid: 'one' })]);
    for (const status of [301, 302, 303, 307, 308]) {
      issuer.answer = answerWith(status, { location: other.url }, '');
      expect(await outcome(verifierWith(), await tokenOf(rsa))).toBe('later');
    }
    expect(other.requests).toBe(0);
  });

  test('is not read beyond the bound, with a length told or not', async () => {
    const keys = [jwkOf(rsa, { kid: 'one' })];
    const sized = (bytes: number): string => {
      const text = JSON.stringify({ keys, pad: '' });
      return JSON.stringify({ keys, pad: 'x'.repeat(bytes - text.length) });
    };
    issuer.publishText(sized(bytesMax));
    expect(await outcome(verifierWith(), await tokenOf(rsa))).toBe('user ann');
    issuer.publishText(sized(bytesMax + 1));
    expect(await outcome(verifierWith(), await tokenOf(rsa))).toBe('later');
    const cut = Promise.withResolvers<void>();
    issuer.answer = (_request, response) => {
      response.on('close', () => cut.resolve());
      const chunk = Buffer.alloc(64 * 1024, ' ');
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    };
    expect(await outcome(verifierWith(), await tokenOf(rsa))).toBe('later');
    await cut.promise;
  });

  test('is let go of when its answer is of no use', async () => {
    const closed = Promise.withResolvers<void>();
    issuer.answer = (_request, response) => {
      response.on('close', () => closed.resolve());
      response.writeHead(500).write('an answer without an end');
    };
    expect(await outcome(verifierWith(), await tokenOf(rsa))).toBe('later');
    await closed.promise;
  });

  test('is not believed with more keys than the bound', async () => {
    const crowd = Array.from({ length: keysMax }, (_, n) => ({ kty: 'none', kid: `${n}` }));
    issuer.publish([...crowd.slice(1), jwkOf(rsa, { kid: 'one' })]);
    expect(await outcome(verifierWith(), await tokenOf(rsa))).toBe('user ann');
    issuer.publish([...crowd, jwkOf(rsa, { kid: 'one' })]);
    expect(await outcome(verifierWith(), await tokenOf(rsa))).toBe('later');
  });

  test('is given up when it does not answer in time', async () => {
    issuer.answer = () => {};
    const asked = issuer.asked();
    const waiting = outcome(verifierWith(), await tokenOf(rsa));
    await asked;
    clock.advance(timeoutMs);
    expect(await waiting).toBe('later');
    expect(lines).toHaveLength(1);
  });

  test('is given up when it does not go on in time', async () => {
    issuer.answer = (_request, response) => void response.write('{"keys":');
    const begun = Promise.withResolvers<void>();
    const watched: typeof fetch = async (...request) => {
      const response = await fetch(...request);
      begun.resolve();
      return response;
    };
    const waiting = outcome(verifierWith({}, watched), await tokenOf(rsa));
    await begun.promise;
    clock.advance(timeoutMs);
    expect(await waiting).toBe('later');
    expect(lines).toHaveLength(1);
  });

  test('is not waited for when the verifier closes', async () => {
    issuer.answer = () => {};
    const verifier = verifierWith();
    const token = await tokenOf(rsa);
    const asked = issuer.asked();
    const waiting = outcome(verifier, token);
    await asked;
    await verifier.close();
    expect(await waiting).toBe('later');
    expect(await outcome(verifier, token)).toBe('later');
    clock.advance(cooldownMs);
    expect(await outcome(verifier, token)).toBe('later');
    expect(issuer.requests).toBe(1);
    expect(lines).toEqual([]);
  });
});

function answerWith(status: number, headers: Record<string, string>, body: string): Answer {
  return (_request, response) => void response.writeHead(status, headers).end(body);
}

function answerInHalf(text: string): Answer {
  return (_request, response) => {
    response.writeHead(200, { 'content-length': text.length });
    response.write(text.slice(0, 20), () => response.destroy());
  };
}
