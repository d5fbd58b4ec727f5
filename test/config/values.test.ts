import { describe, expect, test } from 'vitest';
import { generateKeyPairSync } from 'node:crypto';
import type { ConfigInput } from '../../src/config/input.ts';
import { bytesText, durationText } from '../../src/config/measures.ts';
import { parse, problemsOf, readOpen } from './reading.ts';

/** The one problem of a file of YAML, without where it stands. */
function wrongIn(file: string): string | undefined {
  const problems = problemsOf(() => readOpen({ file }));
  expect(problems).toHaveLength(1);
  return problems[0]?.replace(/^sluice\.yaml:1 /, '');
}

describe('an integer', () => {
  test('is a whole number within its bounds', () => {
    expect(wrongIn('port: 65536')).toBe('port: 65536 is not a whole number from 0 to 65535');
    expect(wrongIn('port: 80.5')).toBe('port: 80.5 is not a whole number from 0 to 65535');
    expect(wrongIn('port: -1')).toBe('port: -1 is not a whole number from 0 to 65535');
    expect(wrongIn('port: "80"')).toBe('port: "80" is not a whole number from 0 to 65535');
    expect(wrongIn('port: [80]')).toBe('port: a list is not a whole number from 0 to 65535');
    expect(wrongIn('limits: { connections: 0 }')).toBe(
      'limits.connections: 0 is not a whole number of at least 1',
    );
  });

  test('of which 0 means no limit may be 0', () => {
    const limits = { framesPerSecond: 0, connectionsPerUser: 0 };
    expect(parse({ limits }).limits).toMatchObject(limits);
  });

  test('of a flag is not read from what only begins with one', () => {
    for (const text of ['80x', '1e3', '0x50', ' 80', '80.0', '']) {
      expect(problemsOf(() => readOpen({ argv: [`--port=${text}`] }))[0]).toContain('whole number');
    }
  });
});

describe('a duration', () => {
  const duration = "a duration of at least 1ms such as '500ms', '30s', '5m', '1h' or '7d'";

  test('has a unit', () => {
    const ttl = (text: string): number | undefined =>
      parse({ namespaces: { x: { history: { size: 1, ttl: text } } } }).namespaces.get('x')
        ?.historyTtlMs;
    expect(['500ms', '30s', '5m', '1h', '7d'].map(ttl)).toEqual([
      500, 30_000, 300_000, 3_600_000, 604_800_000,
    ]);
  });

  test('that is a bare number is refused with the way to write it', () => {
    expect(wrongIn('ping: { interval: 25 }')).toBe(
      `ping.interval: 25 is not ${duration}; write '25s' or '25ms'`,
    );
    const flag = (): unknown => readOpen({ argv: ['--ping-interval', '25'] });
    expect(problemsOf(flag)[0]).toContain("write '25s' or '25ms'");
  });

  test('of another form is refused', () => {
    for (const text of ['25 s', '1.5s', '1h30m', '25sec', 's', '-1s', '0s', '1M']) {
      expect(wrongIn(`ping: { interval: ${text} }`)).toBe(
        `ping.interval: "${text}" is not ${duration}`,
      );
    }
  });

  test('of more than ten years is refused', () => {
    expect(wrongIn('ping: { interval: 3651d }')).toBe(
      `ping.interval: "3651d" is not ${duration}; at most 3650d`,
    );
  });

  test('is written back with the largest unit that fits', () => {
    expect([0, 500, 1500, 25_000, 90_000, 3_600_000, 172_800_000].map(durationText)).toEqual([
      '0s',
      '500ms',
      '1500ms',
      '25s',
      '90s',
      '1h',
      '2d',
    ]);
  });
});

describe('bytes', () => {
  test('are plain or with a unit', () => {
    const size = (messageBytes: number | string): number =>
      parse({ limits: { messageBytes } }).limits.messageBytes;
    expect([1000, '1000B', '64KiB', '1MiB', '1GiB'].map(size)).toEqual([
      1000, 1000, 65_536, 1_048_576, 1_073_741_824,
    ]);
    expect(readOpen({ argv: ['--limits-message-bytes=70000'] }).limits.messageBytes).toBe(70_000);
    expect(readOpen({ argv: ['--limits-message-bytes=2MiB'] }).limits.messageBytes).toBe(2 ** 21);
  });

  test('of another form are refused', () => {
    for (const text of ['64KB', '64kib', '1.5MiB', '-1', '0', '64 KiB', 'KiB']) {
      expect(wrongIn(`limits: { messageBytes: ${text} }`)).toContain(
        "is not a number of bytes of at least 1 such as 65536, '64KiB' or '1MiB'",
      );
    }
  });

  test('are written back with the largest unit that fits', () => {
    expect([0, 1000, 4096, 3 * 1024 ** 2].map(bytesText)).toEqual(['0B', '1000B', '4KiB', '3MiB']);
  });
});

describe('a boolean', () => {
  test('is true or false and nothing else', () => {
    expect(wrongIn('anonymous: yes')).toBe('anonymous: "yes" is not true or false');
    expect(wrongIn('anonymous: 1')).toBe('anonymous: 1 is not true or false');
    expect(problemsOf(() => readOpen({ env: { SLUICE_ANONYMOUS: 'TRUE' } }))).toEqual([
      'SLUICE_ANONYMOUS: "TRUE" is not true or false',
    ]);
  });
});

describe('one of some words', () => {
  test('is told with all of them', () => {
    expect(wrongIn('transport: wss')).toBe('transport: "wss" is not one of auto, uws, ws');
    expect(wrongIn('log: { level: trace }')).toBe(
      'log.level: "trace" is not one of debug, info, warn, error, silent',
    );
  });
});

describe('a string', () => {
  test('is not a number', () => {
    expect(wrongIn('tokens: { issuer: 42 }')).toBe(
      'tokens.issuer: 42 is not a string without spaces; put it in quotes',
    );
  });

  test('is not empty and has no spaces', () => {
    expect(wrongIn('host: ""')).toBe('host: "" is not a host name or an IP address');
    expect(wrongIn('host: a b')).toBe('host: "a b" is not a host name or an IP address');
  });

  test('is shown in one short line, whatever it is', () => {
    const [problem = ''] = problemsOf(() => parse({ host: `a\n${'b'.repeat(1000)}` }));
    expect(problem).not.toContain('\n');
    expect(problem.length).toBeLessThan(150);
  });
});

describe('a date', () => {
  const until = (text: string): ConfigInput => ({
    tokens: { hmacSecret: 'a', hmacPreviousSecret: 'b', hmacPreviousSecretValidUntil: text },
  });

  test('is a day of UTC or a time with its zone', () => {
    const ms = (text: string): number | undefined =>
      parse(until(text)).tokens.hmacPreviousSecretValidUntilMs;
    expect(ms('2027-01-31')).toBe(Date.UTC(2027, 0, 31));
    expect(ms('2027-01-31T12:00:00Z')).toBe(Date.UTC(2027, 0, 31, 12));
    expect(ms('2027-01-31T12:00:00.5+01:00')).toBe(Date.UTC(2027, 0, 31, 11, 0, 0, 500));
  });

  test('without a zone, or that is none, is refused', () => {
    for (const text of ['2027-01-31T12:00:00', '2027-02-30', '2027-13-01', '31.1.2027', 'soon']) {
      expect(problemsOf(() => parse(until(text)))).toEqual([
        `tokens.hmacPreviousSecretValidUntil: "${text}" is not a date such as '2027-01-31' or '2027-01-31T12:00:00Z'`,
      ]);
    }
  });

  test('may be over: a file outlives it', () => {
    expect(parse(until('2001-01-01')).tokens.hmacPreviousSecret).toBe('b');
  });
});

describe('a list', () => {
  test('is not a single value', () => {
    expect(wrongIn('origins: https://a.example')).toBe(
      'origins: "https://a.example" is not a list',
    );
  });

  test('tells which item is wrong', () => {
    expect(wrongIn('origins: [https://a.example, b]')).toContain('origins: item 2: "b" is not');
  });
});

describe('an origin', () => {
  test('is what a browser sends', () => {
    const origins = ['https://a.example', 'http://localhost:3000', 'capacitor://localhost'];
    expect(parse({ origins }).origins).toEqual(origins);
  });

  test('is refused with what to write, where one can tell', () => {
    const hint = (origin: string): string | undefined =>
      problemsOf(() => parse({ origins: [origin] }))[0]?.split('; ')[1];
    expect(hint('https://a.example/')).toBe("write 'https://a.example'");
    expect(hint('https://A.example')).toBe("write 'https://a.example'");
    expect(hint('https://a.example:443')).toBe("write 'https://a.example'");
    expect(hint('https://a.example/path?q')).toBe("write 'https://a.example'");
    expect(hint('https://*.example')).toBe('write out each origin');
    expect(hint('*.example')).toBe('write out each origin');
    expect(hint('a.example')).toBeUndefined();
    expect(hint('null')).toBeUndefined();
  });

  test('may be * alone, for all', () => {
    expect(parse({ origins: ['*'] }).origins).toBe('all');
    expect(problemsOf(() => parse({ origins: ['*', 'https://a.example'] }))).toEqual([
      "origins: '*' is all origins; none can stand beside it",
    ]);
  });
});

describe('a URL of keys', () => {
  test('is fixed, and of http or https', () => {
    const jwksUrl = 'https://issuer.example/.well-known/jwks.json';
    expect(parse({ tokens: { jwksUrl } }).tokens.jwksUrl).toBe(jwksUrl);
    const wrong = [
      'issuer.example/jwks',
      'ftp://issuer.example/jwks',
      'https://user:pass@issuer.example/jwks',
      'https://{{iss}}/jwks',
      'file:///etc/passwd',
    ];
    for (const url of wrong) {
      expect(problemsOf(() => parse({ tokens: { jwksUrl: url } }))).toEqual([
        'tokens.jwksUrl: the value is not one fixed http(s) URL, with no user and no placeholder in it',
      ]);
    }
  });
});

describe('a public key', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ed = generateKeyPairSync('ed25519');
  const pem = (key: typeof rsa.publicKey): string =>
    key.export({ type: 'spki', format: 'pem' }).toString();

  test('is PEM of its own algorithm', () => {
    const { tokens } = parse({
      tokens: {
        rsaPublicKey: pem(rsa.publicKey),
        ecdsaPublicKey: pem(ec.publicKey),
        eddsaPublicKey: pem(ed.publicKey),
      },
    });
    expect(tokens.rsaPublicKey).toBe(pem(rsa.publicKey).trim());
    expect(tokens.ecdsaPublicKey).toContain('BEGIN PUBLIC KEY');
    expect(tokens.eddsaPublicKey).toContain('BEGIN PUBLIC KEY');
  });

  test('may have its line ends written as \\n in a variable', () => {
    const env = { SLUICE_TOKENS_ECDSA_PUBLIC_KEY: pem(ec.publicKey).replaceAll('\n', '\\n') };
    expect(readOpen({ env }).tokens.ecdsaPublicKey).toBe(pem(ec.publicKey).trim());
  });

  test('of another algorithm is refused', () => {
    const problems = problemsOf(() => parse({ tokens: { rsaPublicKey: pem(ec.publicKey) } }));
    expect(problems).toEqual([
      'tokens.rsaPublicKey: the value is not an RSA public key in PEM (-----BEGIN PUBLIC KEY-----); it is a key of type ec',
    ]);
  });

  test('that is too weak is refused', () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const odd = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    expect(
      problemsOf(() =>
        parse({
          tokens: { rsaPublicKey: pem(weak.publicKey), ecdsaPublicKey: pem(odd.publicKey) },
        }),
      ).map((problem) => problem.split('; ')[1]),
    ).toEqual([
      'it has 1024 bits, and needs 2048',
      'its curve is secp256k1, and must be P-256, P-384 or P-521',
    ]);
  });

  test('that is a private key is refused, and not shown', () => {
    const key = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const [problem] = problemsOf(() => parse({ tokens: { rsaPublicKey: key } }));
    expect(problem).toContain('it is a private key, which belongs to the issuer');
    expect(problem).not.toContain(key.split('\n')[1]);
  });

  test('that is no key at all is refused', () => {
    const broken = '-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----';
    for (const text of [broken, 'abc', '']) {
      expect(problemsOf(() => parse({ tokens: { eddsaPublicKey: text } }))).toEqual([
        'tokens.eddsaPublicKey: the value is not an EdDSA public key in PEM (-----BEGIN PUBLIC KEY-----)',
      ]);
    }
  });
});
