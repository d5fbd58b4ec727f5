import { describe, expect, test } from 'vitest';
import type { Rules } from '../../src/channel/rules.ts';
import { CLOSED_RULES } from '../../src/channel/rules.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { NamespaceInput } from '../../src/config/input.ts';
import type { Backend } from '../../src/config/namespaces.ts';
import { parse, problemsOf, readOpen } from './reading.ts';

function rulesOf(input: NamespaceInput, backend?: Backend): Rules | undefined {
  const archive = { url: 'pglite:' };
  return parse({ archive, namespaces: { chat: input } }, backend).namespaces.get('chat');
}

/** The problems of one namespace, without the path to it. */
function wrong(input: NamespaceInput, backend?: Backend): readonly string[] {
  const problems = problemsOf(() => rulesOf(input, backend));
  return problems.map((problem) => problem.replace(/^namespaces\.chat\./, ''));
}

const history = { size: 10, ttl: '1m' };

describe('a namespace', () => {
  test('allows and keeps nothing until it is said', () => {
    expect(rulesOf({})).toEqual({ ...CLOSED_RULES, namespace: 'chat' });
    expect(readOpen({ file: 'namespaces: { chat: }' }).namespaces.get('chat')).toEqual({
      ...CLOSED_RULES,
      namespace: 'chat',
    });
  });

  test('has the rules that are said', () => {
    const rules = rulesOf(
      {
        history,
        recovery: 'cache',
        positioned: true,
        presence: true,
        joinLeave: true,
        subscribe: 'token',
        publish: 'subscriber',
        presenceAccess: 'client',
        historyAccess: 'anonymous',
        slowConsumer: 'skip',
        delta: true,
        hooks: { subscribe: true, publish: true },
        schema: { type: 'string' },
        maxSubscribers: 3,
        archive: true,
      },
      { subscribe: true, publish: true },
    );
    expect(rules).toEqual({
      namespace: 'chat',
      historySize: 10,
      historyTtlMs: 60_000,
      recovery: 'cache',
      positioned: true,
      presence: true,
      joinLeave: true,
      subscribe: 'token',
      publish: 'subscriber',
      presenceAccess: 'client',
      historyAccess: 'anonymous',
      slowConsumer: 'skip',
      delta: true,
      hookSubscribe: 'default',
      hookPublish: 'default',
      checkData: expect.any(Function),
      subscribersMax: 3,
      archive: true,
    });
    expect(rules?.checkData?.('a')).toBeNull();
    expect(rules?.checkData?.(1)).toBe('must be string');
  });

  test('is named with letters, digits, _ and -', () => {
    for (const name of ['a:b', '', 'a b', '$a', 'é', 'a.b', 'a\n']) {
      const [problem, ...rest] = problemsOf(() => parse({ namespaces: { [name]: {} } }));
      expect(problem).toMatch(/^namespaces\..*: a name is made of letters, digits, _ and -$/);
      expect(rest).toEqual([]);
    }
    const names = ['a', 'A-1_b', '0', '123'];
    const file = `namespaces: {${names.map((name) => `${name}: {}`).join(', ')}}`;
    expect([...readOpen({ file }).namespaces.keys()].toSorted()).toEqual(
      [...names, 'default'].toSorted(),
    );
  });

  test('tells all its problems, as JSON in a variable too', () => {
    const json = JSON.stringify({ chat: { presence: 1, publish: 'all', x: 1 } });
    expect(problemsOf(() => readOpen({ env: { SLUICE_NAMESPACES: json } }))).toEqual([
      'SLUICE_NAMESPACES chat.x: there is no such option',
      'SLUICE_NAMESPACES chat.presence: 1 is not true or false',
      'SLUICE_NAMESPACES chat.publish: "all" is not one of nobody, token, subscriber, client, anonymous',
    ]);
    expect(problemsOf(() => readOpen({ env: { SLUICE_NAMESPACES: '{"chat"' } }))).toEqual([
      'SLUICE_NAMESPACES: "{\\"chat\\"" is not a map',
    ]);
  });
});

describe('recovery', () => {
  test.each([
    [false, 'off'],
    [true, 'stream'],
    ['stream', 'stream'],
    ['cache', 'cache'],
  ] as const)('%s is %s', (recovery, expected) => {
    expect(rulesOf({ history, recovery })?.recovery).toBe(expected);
  });

  test('is nothing else', () => {
    const file = 'namespaces: { chat: { recovery: on } }';
    expect(problemsOf(() => readOpen({ file }))).toEqual([
      'sluice.yaml:1 namespaces.chat.recovery: "on" is not one of false, true, stream, cache',
    ]);
  });
});

describe('rules that contradict each other', () => {
  const without = 'without a history; set history.size and history.ttl';

  test('a history has an end', () => {
    const missing =
      "history.size: history.ttl is missing: how long they are kept after the last one, such as '5m'";
    expect(wrong({ history: { size: 5 } })).toEqual([missing]);
    expect(wrong({ history: { size: 5, ttl: '0s' } })).toEqual([missing]);
    expect(wrong({ history: { ttl: '5m' } })).toEqual([`history.ttl: nothing is kept ${without}`]);
    expect(rulesOf({ history: { size: 0 } })?.historySize).toBe(0);
  });

  test('nothing is recovered or read without a history', () => {
    expect(wrong({ recovery: true })).toEqual([`recovery: nothing can be recovered ${without}`]);
    expect(wrong({ recovery: 'cache', history: { size: 0 } })).toHaveLength(1);
    expect(wrong({ positioned: true })).toEqual([`positioned: there are no positions ${without}`]);
    expect(wrong({ historyAccess: 'client' })).toEqual([
      `historyAccess: nothing can be read ${without}`,
    ]);
    expect(rulesOf({ recovery: false, positioned: false, historyAccess: 'nobody' })).toBeDefined();
  });

  test('presence is asked only where it is kept', () => {
    expect(wrong({ presenceAccess: 'client' })).toEqual([
      'presenceAccess: nothing can be asked without presence; set presence to true',
    ]);
  });

  test('nobody is a subscriber before subscribing', () => {
    const file = 'namespaces: { chat: { subscribe: subscriber } }';
    expect(problemsOf(() => readOpen({ file }))).toEqual([
      'sluice.yaml:1 namespaces.chat.subscribe: "subscriber" is not one of nobody, token, client, anonymous; a subscriber has subscribed already',
    ]);
  });

  test('who gets only the latest does not get every one', () => {
    const latest =
      "slowConsumer: latest leaves publications out, but recovery and positioned promise every one; with it, set recovery to 'cache' or false, and positioned to false";
    expect(wrong({ history, recovery: true, slowConsumer: 'latest' })).toEqual([latest]);
    expect(wrong({ history, positioned: true, slowConsumer: 'latest' })).toEqual([latest]);
    expect(rulesOf({ history, recovery: 'cache', slowConsumer: 'latest' })).toBeDefined();
    expect(rulesOf({ slowConsumer: 'latest' })).toBeDefined();
    expect(rulesOf({ slowConsumer: 'skip' })).toBeDefined();
  });

  test('a hook is asked only where there is one', () => {
    const hooks = { subscribe: true, publish: true };
    expect(wrong({ hooks })).toEqual([
      'hooks.subscribe: there is no subscribe hook to ask: set hooks.url, or endpoints.default',
      'hooks.publish: there is no publish hook to ask: set hooks.url, or endpoints.default',
    ]);
    expect(wrong({ hooks }, { subscribe: true })).toEqual([
      'hooks.publish: there is no publish hook to ask: set hooks.url, or endpoints.default',
    ]);
    expect(rulesOf({ hooks: { subscribe: false } })?.hookSubscribe).toBeNull();
  });

  test('what is wrong by itself is told once', () => {
    const file = 'namespaces: { chat: { history: { size: 5, ttl: 5 }, recovery: true } }';
    expect(problemsOf(() => readOpen({ file }))).toHaveLength(1);
    const size = 'namespaces: { chat: { history: { size: x, ttl: 5m }, recovery: true } }';
    expect(problemsOf(() => readOpen({ file: size }))).toHaveLength(1);
  });

  test('with dev, what was not said gives way to what was', () => {
    const dev = (input: NamespaceInput): Rules | undefined =>
      parseConfig({ dev: true, namespaces: { default: input } }).namespaces.get('default');
    expect(dev({ history: { size: 0 } })).toMatchObject({
      historySize: 0,
      historyTtlMs: 0,
      recovery: 'off',
    });
    expect(dev({ history: { size: 5 } })).toMatchObject({ historySize: 5, historyTtlMs: 300_000 });
    expect(dev({ presence: false })).toMatchObject({ presence: false });
  });
});

describe('the schema of a namespace', () => {
  test('is told with its line when it is none', () => {
    const file = 'namespaces:\n  chat:\n    presence: true\n    schema: { type: strin }\n';
    const [problem] = problemsOf(() => readOpen({ file }));
    expect(problem).toMatch(/^sluice\.yaml:4 namespaces\.chat\.schema: is not a JSON Schema/);
  });
});
