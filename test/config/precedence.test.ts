import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../src/config/config.ts';
import { problemsOf, read, readOpen } from './reading.ts';

describe('where options come from', () => {
  const file = 'ping: { interval: 41s }';
  const env = { SLUICE_PING_INTERVAL: '42s' };
  const argv = ['--ping-interval', '43s'];

  test('the default where nothing is given', () => {
    expect(readOpen({}).pingIntervalMs).toBe(25_000);
  });

  test('the file wins over the default', () => {
    expect(readOpen({ file }).pingIntervalMs).toBe(41_000);
  });

  test('a variable wins over the file', () => {
    expect(readOpen({ file, env }).pingIntervalMs).toBe(42_000);
  });

  test('a flag wins over the variable and the file', () => {
    expect(readOpen({ file, env, argv }).pingIntervalMs).toBe(43_000);
    expect(readOpen({ file, argv }).pingIntervalMs).toBe(43_000);
    expect(readOpen({ env, argv }).pingIntervalMs).toBe(43_000);
  });

  test('each option by itself: the file keeps what no variable or flag sets', () => {
    const config = readOpen({
      file: 'ping: { interval: 41s, timeout: 7s }',
      env: { SLUICE_PORT: '1' },
      argv: ['--host=::1'],
    });
    expect(config).toMatchObject({
      pingIntervalMs: 41_000,
      pingTimeoutMs: 7000,
      port: 1,
      host: '::1',
    });
  });

  test('namespaces of a variable take the place of all in the file', () => {
    const config = readOpen({
      file: 'namespaces: { old: {} }',
      env: { SLUICE_NAMESPACES: '{"new":{"presence":true}}' },
    });
    expect([...config.namespaces.keys()]).toEqual(['new', 'default']);
    expect(config.namespaces.get('new')?.presence).toBe(true);
  });

  test('what is overridden is not looked at', () => {
    expect(readOpen({ file: 'port: many', argv: ['--port', '9'] }).port).toBe(9);
  });
});

describe('PORT', () => {
  test('is heeded, as hosting platforms set it', () => {
    expect(readOpen({ file: 'port: 1', env: { PORT: '2' } }).port).toBe(2);
  });

  test('gives way to SLUICE_PORT and to --port', () => {
    expect(readOpen({ env: { PORT: '2', SLUICE_PORT: '3' } }).port).toBe(3);
    expect(readOpen({ env: { PORT: '2' }, argv: ['--port=4'] }).port).toBe(4);
  });

  test('is named when it is wrong', () => {
    expect(problemsOf(() => readOpen({ env: { PORT: 'x' } }))).toEqual([
      'PORT: "x" is not a whole number from 0 to 65535',
    ]);
  });

  test('0 is any free port', () => {
    expect(readOpen({ env: { PORT: '0' } }).port).toBe(0);
  });
});

describe('the file', () => {
  const files = { 'sluice.yaml': 'port: 1', 'a.yaml': 'port: 2', 'b.yaml': 'port: 3' };

  test('is ./sluice.yaml when none is named', () => {
    expect(readOpen({ files }).port).toBe(1);
  });

  test('is the one of SLUICE_CONFIG, and rather the one of --config', () => {
    expect(readOpen({ files, env: { SLUICE_CONFIG: 'a.yaml' } }).port).toBe(2);
    const both = { files, env: { SLUICE_CONFIG: 'a.yaml' }, argv: ['--config', 'b.yaml'] };
    expect(readOpen(both).port).toBe(3);
  });

  test('must be there when it is named', () => {
    const named = (): unknown => readOpen({ argv: ['--config', 'none.yaml'] });
    expect(problemsOf(named)).toEqual(['none.yaml: there is no such file']);
  });

  test('that cannot be read is a problem, not a crash', () => {
    const readFile = (): never => {
      throw Object.assign(new Error('denied'), { code: 'EACCES' });
    };
    expect(problemsOf(() => readConfig({ argv: ['--dev'], env: {}, readFile }))).toEqual([
      'sluice.yaml: it cannot be read (EACCES)',
    ]);
  });

  test('is read from the disk of this process', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'a.yaml');
    writeFileSync(path, 'dev: true\nport: 7\n');
    expect(readConfig({ argv: ['--config', path], env: {} })).toMatchObject({
      config: { port: 7 },
      file: path,
    });
    const missing = `${path}.bak`;
    expect(problemsOf(() => readConfig({ argv: ['--config', missing], env: {} }))).toEqual([
      `${missing}: there is no such file`,
    ]);
    expect(problemsOf(() => readConfig({ argv: ['--config', folder], env: {} }))).toEqual([
      `${folder}: it cannot be read (EISDIR)`,
    ]);
  });

  test('is told with the configuration', () => {
    const reading = readConfig({ argv: ['--dev'], env: {}, readFile: () => '' });
    expect(reading).toMatchObject({ file: 'sluice.yaml' });
    expect(readConfig({ argv: ['--dev'], env: {}, readFile: () => null })).toMatchObject({
      file: null,
    });
  });
});

describe('variables', () => {
  test('that are empty are not set', () => {
    expect(readOpen({ file: 'port: 1', env: { SLUICE_PORT: '', PORT: '' } }).port).toBe(1);
    expect(readOpen({ env: { SLUICE_CONFIG: '' } }).port).toBe(8000);
  });

  test('hold lists between commas', () => {
    const env = {
      SLUICE_ORIGINS: 'https://a.example, https://b.example,',
      SLUICE_API_KEYS: 'k1,k2',
    };
    const config = readOpen({ env });
    expect(config.origins).toEqual(['https://a.example', 'https://b.example']);
    expect(config.api.keys).toEqual(['k1', 'k2']);
  });

  test('hold booleans as true, false, 1 and 0', () => {
    const anonymous = (text: string): boolean =>
      readOpen({ env: { SLUICE_ANONYMOUS: text } }).anonymous;
    expect(['true', '1', 'false', '0'].map(anonymous)).toEqual([true, true, false, false]);
  });

  test('that Kubernetes makes for a service named sluice are not ours', () => {
    const env = {
      SLUICE_PORT: 'tcp://10.0.0.7:8000',
      SLUICE_PORT_8000_TCP: 'tcp://10.0.0.7:8000',
      SLUICE_PORT_8000_TCP_PROTO: 'tcp',
      SLUICE_PORT_8000_TCP_PORT: '8000',
      SLUICE_PORT_8000_TCP_ADDR: '10.0.0.7',
      SLUICE_SERVICE_HOST: '10.0.0.7',
      SLUICE_SERVICE_PORT: '8000',
      SLUICE_SERVICE_PORT_HTTP: '8000',
      SLUICE_INTERNAL_PORT: 'tcp://10.0.0.8:9000',
      SLUICE_INTERNAL_SERVICE_HOST: '10.0.0.8',
    };
    expect(readOpen({ env })).toMatchObject({ port: 8000, internal: null });
    expect(readOpen({ env: { ...env, PORT: '5' } }).port).toBe(5);
  });
});

describe('flags', () => {
  test('take their value after a space or an equals sign', () => {
    expect(readOpen({ argv: ['--port', '1', '--tokens-issuer=a=b'] })).toMatchObject({
      port: 1,
      tokens: { issuer: 'a=b' },
    });
  });

  test('of booleans need no value, and take one after an equals sign', () => {
    expect(read({ argv: ['--dev', '--port', '1'] })).toMatchObject({ dev: true, port: 1 });
    expect(readOpen({ argv: ['--dev=false'] }).dev).toBe(false);
  });

  test('given twice are refused', () => {
    expect(problemsOf(() => readOpen({ argv: ['--port=1', '--port=1'] }))).toEqual([
      '--port: it is given twice',
    ]);
  });

  test('without their value are refused', () => {
    const missing = '--port: a value is missing; one that begins with -- is written --port=--…';
    expect(problemsOf(() => readOpen({ argv: ['--port'] }))).toEqual([missing]);
    expect(problemsOf(() => readOpen({ argv: ['--port', '--dev'] }))).toEqual([missing]);
  });

  test('are all there may be: no argument stands alone', () => {
    expect(problemsOf(() => readOpen({ argv: ['--dev', 'false'] }))).toEqual([
      'argument 2: it belongs to no flag',
    ]);
  });
});
