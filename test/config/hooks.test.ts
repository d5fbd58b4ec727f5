import { describe, expect, test } from 'vitest';
import { parseConfig, redacted } from '../../src/config/config.ts';
import type { Config } from '../../src/config/config.ts';
import type { ConfigInput, EndpointInput, HooksInput } from '../../src/config/input.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { parse, problemsOf, read, readOpen } from './reading.ts';

const URL = 'http://localhost:3000/hooks';

const DEFAULTS = {
  url: URL,
  timeoutMs: 1000,
  concurrency: 64,
  queue: 1024,
  answerBytes: 1024 * 1024,
  retries: 2,
  headers: {},
  secret: null,
};

const ANY = [{ pattern: '*', endpoint: 'default' }];

function endpointOf(input: string | EndpointInput, more: ConfigInput = {}): unknown {
  return parse({ endpoints: { one: input }, ...more }).endpoints.get('one');
}

describe('one URL', () => {
  test('in the file or in a variable is for all hooks, and lets clients connect', () => {
    const config = read({ file: `hooks: { url: ${URL} }` });
    expect(config.endpoints).toEqual(new Map([['default', { name: 'default', ...DEFAULTS }]]));
    expect(config.hooks).toMatchObject({ connect: 'default', refresh: 'default', rpc: ANY });
    expect(read({ env: { SLUICE_HOOKS_URL: URL } })).toEqual(config);
    expect(read({ argv: ['--hooks-url', URL] })).toEqual(config);
    expect(parseConfig({ hooks: { url: URL } })).toEqual(config);
  });

  test('leaves out what is told otherwise', () => {
    const { hooks } = parse({ hooks: { url: URL, connect: false, rpc: false } });
    expect(hooks).toMatchObject({ connect: null, refresh: 'default', rpc: [] });
  });

  test('may have the rest of its options among the endpoints', () => {
    const file = 'endpoints: { default: { timeout: 2s, retries: 0 } }';
    const { endpoints } = read({ file, env: { SLUICE_HOOKS_URL: URL } });
    expect(endpoints.get('default')).toEqual({
      name: 'default',
      ...DEFAULTS,
      timeoutMs: 2000,
      retries: 0,
    });
  });

  test('is told once', () => {
    const file = `hooks: { url: ${URL} }\nendpoints: { default: ${URL} }`;
    expect(problemsOf(() => read({ file }))).toEqual([
      'sluice.yaml:2 endpoints.default.url: hooks.url tells it, too; leave one of them out',
    ]);
  });

  test('that is none is told once, whatever asks it', () => {
    const file =
      'hooks: { url: localhost:3000 }\nnamespaces: { chat: { hooks: { subscribe: true } } }';
    expect(problemsOf(() => readOpen({ file }))).toEqual([
      'sluice.yaml:1 hooks.url: the value is not one fixed http(s) URL, with no user and no placeholder in it',
    ]);
  });
});

describe('without a URL', () => {
  test('nobody is asked', () => {
    const { endpoints, hooks } = parse({});
    expect(endpoints.size).toBe(0);
    expect(hooks).toEqual({
      connect: null,
      refresh: null,
      rpc: [],
      headers: ['authorization', 'cookie', 'origin', 'user-agent', 'x-forwarded-for'],
      connectTtlMs: 0,
      subscribeTtlMs: 0,
    });
  });

  test('an endpoint alone is asked by no hook: it may be there for tasks', () => {
    expect(parse({ endpoints: { default: URL } }).hooks).toMatchObject({ connect: null, rpc: [] });
    expect(() => parseConfig({ endpoints: { default: URL } })).toThrow('no client could connect');
  });

  test('true has nobody to ask', () => {
    expect(problemsOf(() => parse({ hooks: { connect: true, rpc: true } }))).toEqual([
      'hooks.connect: there is nobody to ask: set hooks.url, or endpoints.default',
      'hooks.rpc: there is nobody to ask: set hooks.url, or endpoints.default',
    ]);
  });
});

describe('an endpoint', () => {
  test('is a URL, or a map of options', () => {
    expect(endpointOf(URL)).toEqual({ name: 'one', ...DEFAULTS });
    expect(
      endpointOf({
        url: URL,
        timeout: '500ms',
        concurrency: 1,
        queue: 0,
        answerBytes: '64KiB',
        retries: 1,
        headers: { 'X-Key': 'k' },
        secret: 'own',
      }),
    ).toEqual({
      name: 'one',
      url: URL,
      timeoutMs: 500,
      concurrency: 1,
      queue: 0,
      answerBytes: 65_536,
      retries: 1,
      headers: { 'x-key': 'k' },
      secret: 'own',
    });
  });

  test('has the limits that are set, and the common secret', () => {
    const limits = { endpointTimeout: '2s', endpointConcurrency: 3, endpointQueue: 4 };
    const more = { limits: { ...limits, endpointAnswerBytes: 5 }, hooks: { secret: 'common' } };
    expect(endpointOf(URL, more)).toEqual({
      name: 'one',
      ...DEFAULTS,
      timeoutMs: 2000,
      concurrency: 3,
      queue: 4,
      answerBytes: 5,
      secret: 'common',
    });
    expect(endpointOf({ url: URL, secret: 'own' }, more)).toMatchObject({ secret: 'own' });
    expect(DEFAULTS.timeoutMs).toBe(LIMITS.endpointTimeoutMs.default);
  });

  test('can be given in a variable, as JSON', () => {
    const json = JSON.stringify({ a: URL, b: { url: URL, retries: 0 } });
    const { endpoints } = readOpen({ env: { SLUICE_ENDPOINTS: json } });
    expect(endpoints.get('a')).toEqual({ name: 'a', ...DEFAULTS });
    expect(endpoints.get('b')).toEqual({ name: 'b', ...DEFAULTS, retries: 0 });
  });

  test.each<[string, unknown, string]>([
    ['has no URL', {}, 'endpoints.one.url: it is missing: where is the endpoint?'],
    ['is a number', 5, 'endpoints.one: a single value is not a map of options'],
    [
      'has an option of no meaning',
      { url: URL, time: '1s' },
      'endpoints.one.time: there is no such option',
    ],
    [
      'has a user in its URL',
      'http://me:pw@localhost/',
      'endpoints.one.url: the value is not one fixed http(s) URL, with no user and no placeholder in it',
    ],
    [
      'has a placeholder in its URL',
      'http://localhost/{user}',
      'endpoints.one.url: the value is not one fixed http(s) URL, with no user and no placeholder in it',
    ],
    [
      'is a file',
      'file:///etc/passwd',
      'endpoints.one.url: the value is not one fixed http(s) URL, with no user and no placeholder in it',
    ],
    [
      'has no time',
      { url: URL, timeout: '0s' },
      "endpoints.one.timeout: \"0s\" is not a duration of at least 1ms such as '500ms', '30s', '5m', '1h' or '7d'",
    ],
    [
      'has no room',
      { url: URL, concurrency: 0 },
      'endpoints.one.concurrency: 0 is not a whole number of at least 1',
    ],
    [
      'has retries without end',
      { url: URL, retries: 11 },
      'endpoints.one.retries: 11 is not a whole number from 0 to 10',
    ],
    [
      'has a header of no name',
      { url: URL, headers: { 'a b': 'c' } },
      'endpoints.one.headers: the value is not a map of header names to strings',
    ],
    [
      'has a header in two lines',
      { url: URL, headers: { a: 'b\r\nc: d' } },
      'endpoints.one.headers: the value is not a map of header names to strings',
    ],
    [
      'has a header that is ours',
      { url: URL, headers: { 'X-Sluice-Signature': 'a' } },
      'endpoints.one.headers: the value is not a map of header names to strings; x-sluice-signature is set by Sluice',
    ],
    [
      'has a header that is a number',
      { url: URL, headers: { a: 1 } },
      'endpoints.one.headers: the value is not a map of header names to strings',
    ],
  ])('that %s is refused', (_name, input, problem) => {
    expect(problemsOf(() => endpointOf(input as string))).toEqual([problem]);
  });

  test('is named with letters, digits, _ and -', () => {
    for (const name of ['', 'a b', 'a.b', 'é']) {
      const [problem] = problemsOf(() => parse({ endpoints: { [name]: URL } }));
      expect(problem).toMatch(/^endpoints\..*: a name is made of letters, digits, _ and -$/);
    }
  });

  test('is told with its line', () => {
    const file = 'endpoints:\n  a: http://x\n  b:\n    url: http://x\n    timeout: 5\n  c: nope\n';
    expect(problemsOf(() => readOpen({ file }))).toEqual([
      "sluice.yaml:5 endpoints.b.timeout: 5 is not a duration of at least 1ms such as '500ms', '30s', '5m', '1h' or '7d'; write '5s' or '5ms'",
      'sluice.yaml:6 endpoints.c.url: the value is not one fixed http(s) URL, with no user and no placeholder in it',
    ]);
  });
});

describe('a hook', () => {
  const hooksOf = (hooks: HooksInput): Config['hooks'] =>
    parse({ endpoints: { default: URL, billing: URL }, hooks }).hooks;

  test('asks the endpoint it names', () => {
    expect(hooksOf({ connect: 'billing', refresh: true, rpc: 'billing' })).toMatchObject({
      connect: 'billing',
      refresh: 'default',
      rpc: [{ pattern: '*', endpoint: 'billing' }],
    });
  });

  test('may ask by method, in order, in a variable too', () => {
    const rpc = { 'billing.*': 'billing', pay: 'billing', '*': 'default' };
    const routes = [
      { pattern: 'billing.*', endpoint: 'billing' },
      { pattern: 'pay', endpoint: 'billing' },
      { pattern: '*', endpoint: 'default' },
    ];
    expect(hooksOf({ rpc }).rpc).toEqual(routes);
    const env = {
      SLUICE_ENDPOINTS: JSON.stringify({ default: URL, billing: URL }),
      SLUICE_HOOKS_RPC: JSON.stringify(rpc),
    };
    expect(readOpen({ env }).hooks.rpc).toEqual(routes);
    for (const [text, read_] of [
      ['true', ANY],
      ['false', []],
      ['billing', [{ pattern: '*', endpoint: 'billing' }]],
    ] as const) {
      expect(readOpen({ env: { ...env, SLUICE_HOOKS_RPC: text } }).hooks.rpc).toEqual(read_);
    }
  });

  test.each<[HooksInput, string]>([
    [
      { connect: 'biling' },
      'hooks.connect: there is nobody to ask: "biling" is none of endpoints; did you mean billing?',
    ],
    [{ rpc: { '*': 'other' } }, 'hooks.rpc: there is nobody to ask: "other" is none of endpoints'],
    [
      { rpc: { 'a*b': 'billing' } },
      "hooks.rpc: a map is not true, false, the name of an endpoint, or a map of methods to those such as { 'billing.*': billing, '*': default }; a star may only end a pattern",
    ],
    [{ connect: 'a b' }, 'hooks.connect: "a b" is not true, false or the name of an endpoint'],
    [
      { headers: ['Cookie'] },
      'hooks.headers: item 1: "Cookie" is not the name of a header in lower case',
    ],
    [{ cache: { connect: '10s' } }, 'hooks.cache.connect: it is of no use without hooks.connect'],
    [
      { secret: ' a' },
      'hooks.secret: the value is not a string with something in it and no spaces around it',
    ],
  ])('%j is refused', (hooks, problem) => {
    expect(problemsOf(() => hooksOf(hooks))).toEqual([problem]);
  });

  test('of a namespace asks the endpoint it names, whether or not the program has one', () => {
    const namespaces = { chat: { hooks: { subscribe: 'billing', publish: true } } };
    const { namespaces: read_ } = parse({ endpoints: { default: URL, billing: URL }, namespaces });
    expect(read_.get('chat')).toMatchObject({ hookSubscribe: 'billing', hookPublish: 'default' });
    const wrong = { chat: { hooks: { subscribe: 'biling' } } };
    const backend = { subscribe: true };
    expect(
      problemsOf(() => parse({ endpoints: { billing: URL }, namespaces: wrong }, backend)),
    ).toEqual([
      'namespaces.chat.hooks.subscribe: there is no subscribe hook to ask: "biling" is none of endpoints; did you mean billing?',
    ]);
  });

  test('keeps answers for the time that is said', () => {
    expect(hooksOf({ connect: true, cache: { connect: '10s', subscribe: '1m' } })).toMatchObject({
      connectTtlMs: 10_000,
      subscribeTtlMs: 60_000,
    });
  });
});

describe('a secret of the backend', () => {
  const LEAK = 's3cr3t';

  test('is never told when something else is wrong', () => {
    const input: ConfigInput = {
      endpoints: {
        a: { url: `http://localhost/?key=${LEAK}`, headers: { 'x-key': `${LEAK}\n` } },
        b: { url: `nothing ${LEAK}` },
        c: `nothing ${LEAK}`,
        d: { url: URL, secret: ` ${LEAK}` },
      },
      hooks: { url: LEAK, secret: ` ${LEAK}` },
    };
    expect(problemsOf(() => parse(input)).join('\n')).not.toContain(LEAK);
    const env = { SLUICE_ENDPOINTS: `{"a": "${LEAK}` };
    expect(problemsOf(() => readOpen({ env }))).toEqual([
      'SLUICE_ENDPOINTS: the value is not a map',
    ]);
  });

  test('is not printed with the configuration', () => {
    const config = parse({
      endpoints: {
        a: { url: `${URL}?key=${LEAK}`, headers: { 'x-key': LEAK }, secret: LEAK },
        b: URL,
      },
    });
    const printed = JSON.stringify(redacted(config));
    expect(printed).not.toContain(LEAK);
    expect(JSON.parse(printed)).toMatchObject({
      endpoints: {
        a: { url: `${URL}?[hidden]`, headers: { 'x-key': '[hidden]' }, secret: '[hidden]' },
        b: { url: URL, secret: null },
      },
    });
  });
});
