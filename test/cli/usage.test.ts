import { describe, expect, test } from 'vitest';
import { EXITS } from '../../src/cli/exits.ts';
import { VERSION } from '../../src/version.ts';
import { ONE_LINE, nowhere, sluice, within } from './sluice.ts';

test('--help lists the commands and the exit codes', async () => {
  const [help, word] = await Promise.all([sluice(['--help']), within(['help'])]);
  expect(help.code).toBe(0);
  expect(help.err).toBe('');
  for (const command of ['serve', 'subscribe', 'publish', 'token', 'config', 'doctor']) {
    expect(help.out).toMatch(new RegExp(`^  ${command} +\\w`, 'm'));
  }
  for (const { code, means } of Object.values(EXITS))
    expect(help.out).toContain(`${code}  ${means}`);
  expect(word).toEqual(help);
});

test('each command has help, and serve that of the options', async () => {
  const [own, other, serve, flags, version] = await Promise.all([
    sluice(['publish', '--help']),
    within(['help', 'publish']),
    sluice(['serve', '--help']),
    within(['--dev', '--help']),
    within(['--version']),
  ]);
  expect(own.out).toContain('CHANNEL... DATA');
  expect(other).toEqual(own);
  expect(serve.out).toContain('--tokens-hmac-secret');
  expect(flags).toEqual(serve);
  expect(version).toEqual({ code: 0, out: `sluice ${VERSION}\n`, err: '' });
});

describe('what is wrongly used ends with 2 and one line', () => {
  test.each([
    [['subscrib', 'chat'], "sluice: unknown command 'subscrib'; Did you mean subscribe?"],
    [['info', '--api-kye', 'a'], 'Did you mean --api-key?'],
    [['info', '--urll=s3cr3t'], "unknown option '--urll=…'"],
    [['token', 's3cr3t'], "too many arguments for 'token'. Expected 0 arguments but got 1;"],
    [['config'], 'a command is missing; see sluice config --help'],
    [['history'], "missing required argument 'channel'"],
    [['history', 'chat', '--limit', 'x'], '"x" is not a whole number'],
    [['history', 'chat', '--since', 'x'], 'Write OFFSET:EPOCH'],
    [['publish', 'chat'], 'DATA is missing'],
    [['publish', 'chat', 'hello'], 'DATA is not JSON'],
    [['publish', 'chat', '{}', '--lines'], '--lines needs -'],
    [['publish', 'chat', '{}', '--tag', 'x'], 'NAME=VALUE'],
    [['subscribe', 'chat', '--history', '--since', '1'], '--history and --since'],
    [['subscribe', 'chat', '--user', 'a', '--token', 's3cr3t'], '--user makes the tokens'],
    [['info', '--url', 'ftp://a'], '--url is a URL such as'],
    [['info', '--url', 'http://a:s3cr3t@b'], '--url may not hold a user'],
    [['info', '--url', 'http://a?key=s3cr3t'], '--url ends before ?'],
    [['info', '--api-key', 's3cr3t s3cr3t'], '--api-key is printable'],
    [['info', '--config', 'none.yaml'], 'none.yaml: there is no such file'],
  ])('%j', async (argv, says) => {
    const { code, out, err } = await within(argv);
    expect(err).toMatch(ONE_LINE);
    expect(err).toContain(says);
    expect(err).not.toContain('s3cr3t');
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });
});

test('in a process of its own, too', async () => {
  expect(await sluice(['subscrib', 'chat'])).toEqual({
    code: 2,
    out: '',
    err: "sluice: unknown command 'subscrib'; Did you mean subscribe?; see sluice --help\n",
  });
});

test('a configuration that is wrong is told in one line', async () => {
  const file = 'prot: 1\ntokens: { hmacSecret: 1 }';
  const { code, err } = await sluice(['info'], { file });
  expect(err).toMatch(ONE_LINE);
  expect(err).toContain('sluice.yaml:1 prot: there is no such option');
  expect(err).toContain('(and 1 more problem); sluice config check lists');
  expect(code).toBe(2);
});

test('a gateway that cannot be reached ends all its clients with 3', async () => {
  const commands = [
    ['info'],
    ['channels'],
    ['presence', 'chat'],
    ['history', 'chat'],
    ['publish', 'chat', '{}'],
    ['subscribe', 'chat'],
  ];
  const url = await nowhere();
  const all = await Promise.all([
    sluice(['info', '--url', url]),
    ...commands.map((argv) => within([...argv, '--url', url])),
  ]);
  for (const { code, out, err } of all) {
    expect(err).toMatch(ONE_LINE);
    expect(err).toMatch(/cannot reach the gateway at (http|ws):\/\/127\.0\.0\.1:\d+/);
    expect(err).toContain('ECONNREFUSED');
    expect({ code, out }).toEqual({ code: 3, out: '' });
  }
});
