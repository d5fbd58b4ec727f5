import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import type { ConfigInput } from '../../src/config/input.ts';
import { parse, problemsOf, readOpen } from './reading.ts';

describe('a key that is no option', () => {
  const problems = (file: string): readonly string[] => problemsOf(() => readOpen({ file }));

  test('is refused at every depth, each with its line', () => {
    const file = [
      'prot: 1',
      'ping:',
      '  intervall: 5s',
      'namespaces:',
      '  chat:',
      '    histroy: { size: 5 }',
      '    history:',
      '      siez: 5',
      '    hooks: { connect: true }',
      'zzz: 1',
    ].join('\n');
    expect(problems(file)).toEqual([
      'sluice.yaml:1 prot: there is no such option; did you mean port?',
      'sluice.yaml:3 ping.intervall: there is no such option; did you mean ping.interval?',
      'sluice.yaml:10 zzz: there is no such option',
      'sluice.yaml:6 namespaces.chat.histroy: there is no such option; did you mean history?',
      'sluice.yaml:8 namespaces.chat.history.siez: there is no such option; did you mean history.size?',
      'sluice.yaml:9 namespaces.chat.hooks.connect: there is no such option',
    ]);
  });

  test('in the writing of another product is understood', () => {
    const meant = (file: string): string | undefined => problems(file)[0]?.split('; ')[1];
    expect(meant('tokens: { hmac_secret: x }')).toBe('did you mean tokens.hmacSecret?');
    expect(meant('ping_interval: 1s')).toBe('did you mean ping.interval?');
    expect(meant('hmacSecret: x')).toBe('did you mean tokens.hmacSecret?');
    expect(meant('token: { hmacSecret: x }')).toBe('did you mean tokens?');
    expect(meant('limits: { connectTimeoutMs: 1s }')).toBe('did you mean limits.connectTimeout?');
    expect(meant('namespace: {}')).toBe('did you mean namespaces?');
  });

  test('is refused even when nothing stands at it', () => {
    expect(problems('prot:')).toHaveLength(1);
    expect(problems('tokens: { a: null }')).toHaveLength(1);
  });

  test('may not have a dot in it in place of a level', () => {
    expect(problems('ping.interval: 1s')).toEqual([
      'sluice.yaml:1 "ping.interval": there is no such option',
    ]);
  });

  test('is shown in one short line, whatever it is', () => {
    const [problem = ''] = problems(JSON.stringify({ [`a\n${'b'.repeat(1000)}`]: 1 }));
    expect(problem).not.toContain('\n');
    expect(problem.length).toBeLessThan(150);
  });
});

describe('a level of options', () => {
  test('is a map', () => {
    const wrong = (file: string): readonly string[] => problemsOf(() => readOpen({ file }));
    expect(wrong('ping: 25s')).toEqual([
      'sluice.yaml:1 ping: a single value is not a map of options',
    ]);
    expect(wrong('limits: [1]')).toEqual(['sluice.yaml:1 limits: a list is not a map of options']);
    expect(wrong('- port: 1')).toEqual(['sluice.yaml:1: a list is not a map of options']);
    expect(wrong('port')).toEqual(['sluice.yaml:1: a single value is not a map of options']);
    expect(wrong('namespaces: []')).toEqual(['sluice.yaml:1 namespaces: a list is not a map']);
    expect(wrong('namespaces: { chat: 5 }')).toEqual([
      'sluice.yaml:1 namespaces.chat: a single value is not a map of options',
    ]);
  });

  test('of the library is no Map, for its keys would not be seen', () => {
    const input = JSON.parse('{}') as { namespaces: unknown };
    input.namespaces = new Map([['chat', {}]]);
    expect(problemsOf(() => parse(input as ConfigInput))).toEqual([
      'namespaces: a map is not a map',
    ]);
  });

  test('may be empty', () => {
    expect(readOpen({ file: 'ping:\nnamespaces:\ntokens: {}\nport:' }).port).toBe(8000);
    expect(readOpen({ file: '' }).port).toBe(8000);
    expect(readOpen({ file: '# nothing\n' }).port).toBe(8000);
  });
});

describe('keys of every object', () => {
  test.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'])(
    '%s is a key like any other',
    (key) => {
      const text = `{"${key}": {"dev": true, "polluted": true}, "tokens": {"${key}": {"a": 1}}}`;
      const expected = [
        `${key}: there is no such option`,
        `tokens.${key}: there is no such option`,
      ];
      expect(problemsOf(() => parseConfig({ anonymous: true, ...inputOf(text) }))).toEqual(
        expected,
      );
      const inFile = problemsOf(() => readOpen({ file: text }));
      expect(inFile).toEqual(expected.map((problem) => `sluice.yaml:1 ${problem}`));
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    },
  );

  test('may name a namespace and do no harm', () => {
    const text = '{"namespaces": {"__proto__": {"presence": true}, "constructor": {}}}';
    for (const config of [parse(inputOf(text)), readOpen({ file: text })]) {
      expect([...config.namespaces.keys()]).toEqual(['__proto__', 'constructor', 'default']);
      expect(config.namespaces.get('__proto__')?.presence).toBe(true);
      expect(config.namespaces.get('default')?.presence).toBe(false);
    }
  });

  test('are no variable and no flag either', () => {
    const env = { SLUICE___PROTO__: '1', SLUICE_CONSTRUCTOR: '1' };
    expect(problemsOf(() => readOpen({ env, argv: ['--constructor=1', '--__proto__=1'] }))).toEqual(
      [
        '--constructor: there is no such flag',
        '--__proto__: there is no such flag',
        'SLUICE___PROTO__: there is no such variable',
        'SLUICE_CONSTRUCTOR: there is no such variable',
      ],
    );
  });

  /** As a program that takes its options from JSON would. */
  function inputOf(text: string): ConfigInput {
    return JSON.parse(text) as ConfigInput;
  }
});

describe('a variable that is no option', () => {
  test('is refused when it is one of ours', () => {
    const env = { SLUICE_TOKEN_HMAC_SECRET: 'x', SLUICE_CONFG: 'x', SLUICE_PORTS: '', SLUICE_: '' };
    expect(problemsOf(() => readOpen({ env }))).toEqual([
      'SLUICE_TOKEN_HMAC_SECRET: there is no such variable; did you mean SLUICE_TOKENS_HMAC_SECRET?',
      'SLUICE_CONFG: there is no such variable; did you mean SLUICE_CONFIG?',
      'SLUICE_PORTS: there is no such variable; did you mean SLUICE_PORT?',
      'SLUICE_: there is no such variable',
    ]);
  });

  test('is of no concern when it is of another', () => {
    expect(readOpen({ env: { PATH: '/bin', HOST: 'laptop', MY_SLUICE_PORT: '1' } }).port).toBe(
      8000,
    );
  });
});

describe('a flag that is no option', () => {
  test('is refused, and so is its value, unseen', () => {
    expect(
      problemsOf(() => readOpen({ argv: ['--prot', '1', '--pong-timeout=1s', '-p'] })),
    ).toEqual([
      '--prot: there is no such flag; did you mean --port?',
      '--pong-timeout: there is no such flag; did you mean --ping-timeout?',
      '-p: there is no such flag',
    ]);
  });
});

test('all that is wrong is told at once', () => {
  const problems = problemsOf(() =>
    readOpen({
      file: 'prot: 1\nping: { interval: 5 }',
      env: { SLUICE_LOG_LEVEL: 'loud', SLUICE_X: '' },
      argv: ['--port', 'x', '--y'],
    }),
  );
  expect(problems.map((problem) => problem.split(': ')[0])).toEqual([
    '--y',
    'SLUICE_X',
    'sluice.yaml:1 prot',
    '--port',
    'SLUICE_LOG_LEVEL',
    'sluice.yaml:2 ping.interval',
  ]);
});
