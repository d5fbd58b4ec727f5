import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { json, sluice } from './sluice.ts';

const FILE = `
port: 9000
tokens: { hmacSecret: s3cr3t-1, jwksUrl: 'https://issuer.example/?key=s3cr3t-2' }
api: { keys: [s3cr3t-3] }
redis: { url: 'redis://user:s3cr3t-4@host' }
namespaces: { chat: { publish: client } }
`;

test('print shows what serve would run with, and no secret', async () => {
  const flags = ['--log-level=warn', '--host', '127.0.0.1'];
  const [human, machine] = await Promise.all([
    sluice(['config', 'print', ...flags], { file: FILE, env: { SLUICE_PING_TIMEOUT: '3s' } }),
    json(['config', 'print', ...flags], { file: FILE }),
  ]);
  expect(human.code).toBe(0);
  expect(human.out).toMatch(/^# sluice\.yaml\n/);
  for (const line of [
    /^port +9000$/m,
    /^host +127\.0\.0\.1$/m,
    /^logLevel +warn$/m,
    /^pingTimeoutMs +3000$/m,
    /^tokens\.hmacSecret +\[hidden\]$/m,
    /^namespaces\.chat\.publish +client$/m,
  ]) {
    expect(human.out).toMatch(line);
  }
  expect(machine).toMatchObject({ file: 'sluice.yaml', config: { port: 9000, logLevel: 'warn' } });
  expect(human.out + human.err + JSON.stringify(machine)).not.toContain('s3cr3t');
});

test('check lists every problem', async () => {
  const file = 'prot: 1\ntokens: { hmacSecret: 5 }';
  const [bad, machine, good, none] = await Promise.all([
    sluice(['config', 'check', '--log-level', 'loud'], { file }),
    sluice(['config', 'check', '--json'], { file }),
    sluice(['config', 'check'], { file: FILE }),
    json(['config', 'check', '--dev']),
  ]);
  expect(bad.out.trimEnd().split('\n')).toEqual(
    expect.arrayContaining([
      '--log-level: "loud" is not one of debug, info, warn, error, silent',
      expect.stringContaining('sluice.yaml:1 prot: there is no such option; did you mean port?'),
      expect.stringContaining('sluice.yaml:2 tokens.hmacSecret: the value is not a string'),
    ]),
  );
  expect(bad.out.match(/\n/g)).toHaveLength(3);
  expect(bad.err).toBe('sluice: the configuration has 3 problems\n');
  expect(JSON.parse(machine.out)).toMatchObject({
    ok: false,
    problems: [expect.any(String), expect.any(String)],
  });
  expect(good).toEqual({ code: 0, out: 'no problems (sluice.yaml)\n', err: '' });
  expect(none).toEqual({ ok: true, file: null, problems: [] });
  expect([bad.code, machine.code]).toEqual([2, 2]);
});

test('print of one that is wrong is one line', async () => {
  const { code, out, err } = await sluice(['config', 'print'], {
    file: 'prot: 1\nhots: 2\ndev: 1',
  });
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(
    /^sluice: the configuration cannot be used: [^\n]+; sluice config check [^\n]+\n$/,
  );
});

test('schema is the one of the documentation', async () => {
  const { code, out } = await sluice(['config', 'schema']);
  const path = new URL('../../docs/sluice.schema.json', import.meta.url);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual(JSON.parse(readFileSync(path, 'utf8')));
});
