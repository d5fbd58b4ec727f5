import { describe, expect, test } from 'vitest';
import { generateKeyPairSync } from 'node:crypto';
import { DEV_RULES, CLOSED_RULES } from '../../src/channel/rules.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { GatewayOptions } from '../../src/gateway.ts';
import { createGateway } from '../../src/gateway.ts';
import { limits } from '../../src/kernel/limits.ts';
import { parse, problemsOf, read } from './reading.ts';

const CLOSED =
  'no client could connect: set tokens.hmacSecret (SLUICE_TOKENS_HMAC_SECRET) or another key of tokens; ' +
  'or hooks.url, which is asked who it is; or anonymous to true; or, to try things out, dev (--dev), which allows everything';

describe('without a way to connect', () => {
  test('there is no configuration, and words on what to set', () => {
    expect(problemsOf(() => read({}))).toEqual([CLOSED]);
    expect(problemsOf(() => parseConfig())).toEqual([CLOSED]);
    expect(problemsOf(() => parseConfig({ api: { keys: ['k'] } }))).toEqual([CLOSED]);
    expect(problemsOf(() => read({ argv: ['--dev', '--anonymous=false'] }))).toEqual([CLOSED]);
  });

  test('a key that is wrong is the only problem', () => {
    expect(problemsOf(() => parseConfig({ tokens: { jwksUrl: 'x' } }))).toHaveLength(1);
  });

  test('a file that cannot be read is the only problem: it may hold a key', () => {
    expect(problemsOf(() => read({ file: 'tokens: {' }))).toHaveLength(1);
    expect(problemsOf(() => read({ argv: ['--config=none.yaml'] }))).toHaveLength(1);
  });

  const { publicKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  test.each([
    ['a secret', { tokens: { hmacSecret: 'a' } }],
    ['a public key', { tokens: { eddsaPublicKey: pem } }],
    ['keys to fetch', { tokens: { jwksUrl: 'https://issuer.example/jwks' } }],
    ['anonymous clients', { anonymous: true }],
    ['dev', { dev: true }],
  ])('%s is one', (_, input) => {
    expect(parseConfig(input).dev).toBe('dev' in input);
  });

  test('a connect hook of the program is one', () => {
    expect(parseConfig({}, { connect: true }).anonymous).toBe(false);
    expect(problemsOf(() => parseConfig({}, { connect: false, subscribe: true }))).toHaveLength(1);
  });

  test('no way to publish is none of our business', () => {
    expect(parse({}).api.keys).toEqual([]);
  });
});

describe('the defaults', () => {
  test('allow nothing', () => {
    const config = parse({});
    expect(config).toMatchObject({
      dev: false,
      host: '0.0.0.0',
      port: 8000,
      internal: null,
      transport: 'auto',
      logLevel: 'info',
      origins: [],
      anonymous: false,
      pingIntervalMs: 25_000,
      pingTimeoutMs: 10_000,
      connectionGraceMs: 25_000,
      subscriptionGraceMs: 25_000,
      personalNamespace: null,
    });
    expect(config.tokens.userIdClaim).toBe('sub');
    expect(config.limits).toEqual(limits());
    expect(config.namespaces).toEqual(new Map([['default', CLOSED_RULES]]));
  });

  test('are those of what is undefined', async () => {
    const unset: { readonly text: string | undefined } = { text: undefined };
    const options: GatewayOptions = {
      anonymous: true,
      host: unset.text,
      redis: { url: unset.text },
      tokens: { hmacSecret: unset.text },
      hooks: { secret: unset.text, cache: { connect: unset.text } },
      endpoints: { billing: { url: 'http://billing', timeout: unset.text } },
      namespaces: { news: { history: { ttl: unset.text }, schema: undefined, presence: true } },
      limits: { apiBodyBytes: unset.text },
      ping: undefined,
    };
    const gateway = createGateway(options);
    await gateway.close();
    expect(gateway.config).toEqual(
      parseConfig({
        anonymous: true,
        endpoints: { billing: 'http://billing' },
        namespaces: { news: { presence: true } },
      }),
    );
  });

  test('with dev allow everything, but only from this machine', () => {
    const config = read({ argv: ['--dev'] });
    expect(config).toMatchObject({ dev: true, host: '127.0.0.1', origins: 'all', anonymous: true });
    expect(config.limits).toEqual(limits({}, true));
    expect(config.namespaces).toEqual(new Map([['default', DEV_RULES]]));
  });

  test('with dev give way to what is given', () => {
    const config = read({
      argv: ['--dev', '--host', '0.0.0.0', '--origins', 'https://a.example'],
      env: { SLUICE_LIMITS_FRAMES_PER_SECOND: '7' },
      file: 'namespaces: { default: { publish: nobody }, other: {} }',
    });
    expect(config).toMatchObject({ host: '0.0.0.0', origins: ['https://a.example'] });
    expect(config.limits.framesPerSecond).toBe(7);
    expect(config.namespaces.get('default')).toEqual({ ...DEV_RULES, publish: 'nobody' });
    expect(config.namespaces.get('other')).toEqual({ ...CLOSED_RULES, namespace: 'other' });
  });

  test('with dev of the file or of a variable are the same', () => {
    const flag = read({ argv: ['--dev'] });
    expect(read({ file: 'dev: true' })).toEqual(flag);
    expect(read({ env: { SLUICE_DEV: '1' } })).toEqual(flag);
    expect(parseConfig({ dev: true })).toEqual(flag);
  });
});

describe('options that contradict each other', () => {
  test('a ping must be answered before the next', () => {
    const problem = (interval: string, timeout?: string): readonly string[] =>
      problemsOf(() =>
        parse({ ping: { interval, ...(timeout === undefined ? {} : { timeout }) } }),
      );
    expect(problem('10s', '10s')).toEqual([
      'ping.timeout: ping.timeout (10s) is not less than ping.interval (10s)',
    ]);
    expect(problem('5s')).toEqual([
      'ping.interval: ping.timeout (10s) is not less than ping.interval (5s)',
    ]);
  });

  test('an internal host needs an internal port', () => {
    expect(problemsOf(() => parse({ internal: { host: '127.0.0.1' } }))).toEqual([
      'internal.host: it is of no use without internal.port',
    ]);
  });

  test('an internal port is another port', () => {
    expect(problemsOf(() => parse({ port: 9000, internal: { port: 9000 } }))).toEqual([
      'internal.port: it is the same as port; leave it out to share one',
    ]);
    expect(parse({ port: 9000, internal: { port: 9000, host: '10.0.0.1' } }).internal).toEqual({
      host: '10.0.0.1',
      port: 9000,
    });
    expect(parse({ port: 0, internal: { port: 0 } }).internal).toEqual({
      host: '0.0.0.0',
      port: 0,
    });
    expect(parse({ internal: { port: null } }).internal).toBeNull();
  });

  test('personal channels need their namespace', () => {
    expect(problemsOf(() => parse({ personal: { enabled: true, namespace: 'user' } }))).toEqual([
      'personal.namespace: "user" is none of namespaces',
    ]);
    expect(parse({ personal: { enabled: true } }).personalNamespace).toBe('default');
    expect(parse({ personal: { namespace: 'user' } }).personalNamespace).toBeNull();
    expect(problemsOf(() => parse({ personal: { enabled: true, namespace: 'a:b' } }))).toEqual([
      'personal.namespace: "a:b" is not a name of letters, digits, _ and -',
    ]);
  });
});

describe('a configuration', () => {
  const config = parse({
    internal: { port: 1 },
    origins: ['https://a.example'],
    api: { keys: ['k'] },
    namespaces: { chat: {} },
  });

  test('is frozen to its leaves', () => {
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' ||
      value === null ||
      (Object.isFrozen(value) && Object.values(value).every(frozen));
    expect(frozen(config)).toBe(true);
    expect([...config.namespaces.values()].every(frozen)).toBe(true);
  });

  test('cannot be given another namespace', () => {
    const map = config.namespaces as Map<string, unknown>;
    for (const change of [() => map.set('x', {}), () => map.delete('chat'), () => map.clear()]) {
      expect(change).toThrow('the configuration is frozen');
    }
    expect(config.namespaces.size).toBe(2);
  });

  test('does not hold what its maker may still change', () => {
    const keys = ['k1'];
    const held = parse({ api: { keys } });
    keys.push('k2');
    expect(held.api.keys).toEqual(['k1']);
  });
});
