import { describe, expect, test } from 'vitest';
import { parse, problemsOf, read, readOpen, SECRET } from './reading.ts';

describe('a file that is no YAML', () => {
  test.each([
    ['a tab', 'ping:\n\tinterval: 1s', 2, 'a tab, where YAML indents with spaces'],
    [
      'a quote without its end',
      'port: 1\nhost: "a',
      2,
      'a quote, bracket, comma or space is missing',
    ],
    ['a bracket without its end', 'port: 1\norigins: [a', 2, 'a bracket is not closed'],
    ['a key twice', 'port: 1\nhost: a\nport: 2', 3, 'the key stands here for the second time'],
    ['a wrong indent', 'ping:\n    interval: 1s\n  timeout: 1s', 3, ''],
    ['an alias of nothing', 'port: 1\nhost: *a', 2, 'an alias (*) of no anchor'],
    ['a tag', 'port: 1\nhost: !a b', 2, 'a tag (!) that is not known'],
    ['two documents', 'port: 1\n---\nport: 2', 2, 'a second document'],
    ['a wrong escape', 'port: 1\nhost: "\\q"', 2, 'there is no such escape'],
    ['a colon too many', 'port: 1\nhost: a: b', 2, 'a map within one line'],
  ])('is refused with the line: %s', (_, file, line, words) => {
    const [problem = ''] = problemsOf(() => readOpen({ file }));
    expect(problem).toMatch(new RegExp(`^sluice\\.yaml:${line}: `));
    expect(problem).toContain(words);
  });

  test('is refused when its aliases grow without end', () => {
    const lines = ['a0: &a0 [x]'];
    for (let level = 1; level < 30; level += 1) {
      lines.push(`a${level}: &a${level} [${`*a${level - 1},`.repeat(10)}]`);
    }
    const problems = problemsOf(() => readOpen({ file: lines.join('\n') }));
    expect(problems).toContain('sluice.yaml: its aliases (*) cannot be followed');
  });
});

describe('a problem in the file', () => {
  test('is told with the line of the key, and the name of the file', () => {
    const file = '# a comment\n\nport: 1\n\nping:\n  timeout: 5s\n  interval:\n    5\n';
    const given = {
      files: { '/etc/sluice/live.yaml': file },
      argv: ['--config=/etc/sluice/live.yaml'],
    };
    expect(problemsOf(() => readOpen(given))[0]).toMatch(
      /^\/etc\/sluice\/live\.yaml:7 ping\.interval: 5 is not a duration/,
    );
  });

  test('of something missing is told with the line above it', () => {
    const file = 'namespaces:\n  a: {}\n  chat:\n    history:\n      size: 5\n';
    expect(problemsOf(() => readOpen({ file }))).toEqual([
      "sluice.yaml:5 namespaces.chat.history.size: history.ttl is missing: how long they are kept after the last one, such as '5m'",
    ]);
  });

  test('behind an alias is told with its own line', () => {
    const file = 'namespaces:\n  a: &a\n    presence: maybe\n  b: *a\n';
    expect(problemsOf(() => readOpen({ file }))).toEqual([
      'sluice.yaml:3 namespaces.a.presence: "maybe" is not true or false',
      'sluice.yaml:3 namespaces.b.presence: "maybe" is not true or false',
    ]);
  });
});

describe('a file', () => {
  test('may be JSON', () => {
    expect(readOpen({ file: '{"port": 1, "ping": {"interval": "30s"}}' })).toMatchObject({
      port: 1,
      pingIntervalMs: 30_000,
    });
  });

  test('may say a thing once with anchors and merge keys', () => {
    const file = `
namespaces:
  a: &a { subscribe: client, presence: true }
  b: { <<: *a, presence: false }
`;
    const { namespaces } = readOpen({ file });
    expect(namespaces.get('b')).toMatchObject({ subscribe: 'client', presence: false });
  });

  test('says what the same tree says to the library', () => {
    const file = `
host: ::1
port: 0
internal: { host: 127.0.0.1, port: 9000 }
transport: ws
log: { level: error }
origins: [https://a.example]
anonymous: true
tokens:
  hmacSecret: ${SECRET}
  hmacPreviousSecret: older
  hmacPreviousSecretValidUntil: 2027-01-31
  jwksUrl: https://issuer.example/jwks
  audience: a
  issuer: i
  userIdClaim: uid
api: { keys: [k1, k2] }
ping: { interval: 20s, timeout: 5s }
expiry: { connectionGrace: 1s, subscriptionGrace: 0s }
personal: { enabled: true, namespace: user }
limits: { messageBytes: 1KiB, connectTimeout: 1s, streams: 5 }
namespaces:
  user: { history: { size: 5, ttl: 1h }, recovery: stream, publish: nobody }
  chat:
    subscribe: token
    publish: subscriber
    presence: true
    presenceAccess: client
    joinLeave: true
    slowConsumer: skip
    delta: true
    maxSubscribers: 7
`;
    const fromLibrary = parse({
      host: '::1',
      port: 0,
      internal: { host: '127.0.0.1', port: 9000 },
      transport: 'ws',
      log: { level: 'error' },
      origins: ['https://a.example'],
      anonymous: true,
      tokens: {
        hmacSecret: SECRET,
        hmacPreviousSecret: 'older',
        hmacPreviousSecretValidUntil: '2027-01-31',
        jwksUrl: 'https://issuer.example/jwks',
        audience: 'a',
        issuer: 'i',
        userIdClaim: 'uid',
      },
      api: { keys: ['k1', 'k2'] },
      ping: { interval: '20s', timeout: '5s' },
      expiry: { connectionGrace: '1s', subscriptionGrace: '0s' },
      personal: { enabled: true, namespace: 'user' },
      limits: { messageBytes: '1KiB', connectTimeout: '1s', streams: 5 },
      namespaces: {
        user: { history: { size: 5, ttl: '1h' }, recovery: 'stream', publish: 'nobody' },
        chat: {
          subscribe: 'token',
          publish: 'subscriber',
          presence: true,
          presenceAccess: 'client',
          joinLeave: true,
          slowConsumer: 'skip',
          delta: true,
          maxSubscribers: 7,
        },
      },
    });
    expect(read({ file })).toEqual(fromLibrary);
    expect(fromLibrary).toMatchObject({
      internal: { host: '127.0.0.1', port: 9000 },
      personalNamespace: 'user',
      limits: { messageBytes: 1024, connectTimeoutMs: 1000, streams: 5, jsonDepth: 64 },
      connectionGraceMs: 1000,
      subscriptionGraceMs: 0,
    });
  });
});
