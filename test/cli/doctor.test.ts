import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkClock } from '../../src/cli/doctor/clock.ts';
import { checkEndpoint } from '../../src/cli/doctor/endpoint.ts';
import { checkFiles } from '../../src/cli/doctor/files.ts';
import { checkNode } from '../../src/cli/doctor/node.ts';
import { checkPorts } from '../../src/cli/doctor/ports.ts';
import { parseConfig } from '../../src/config/config.ts';
import { startGateway } from '../support/gateway.ts';
import { nowhere, ONE_LINE, sluice } from './sluice.ts';

interface Said {
  readonly ok: boolean;
  readonly checks: readonly { name: string; state: string; says: string; advice: string | null }[];
}

async function taken(): Promise<number> {
  const server = createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

test('says that all is well', async () => {
  const argv = ['doctor', '--dev', '--port=0', '--limits-connections=100'];
  const [human, machine] = await Promise.all([sluice(argv), sluice([...argv, '--json'])]);
  expect(human.err).toBe('');
  expect(human.out.split('\n').map((line) => line.slice(0, 20).trim())).toEqual([
    'ok    node',
    'ok    configuration',
    'ok    transport',
    'ok    port 0',
    'ok    open files',
    'ok    clock',
    '',
  ]);
  const { ok, checks } = JSON.parse(machine.out) as Said;
  expect(ok).toBe(true);
  expect(checks.map(({ state }) => state)).toEqual(Array.from({ length: 6 }, () => 'ok'));
  expect([human.code, machine.code]).toEqual([0, 0]);
});

test('says what is wrong, and what to do', async () => {
  const port = await taken();
  const env = {
    SLUICE_REDIS_URL: 'redis://user:s3cr3t@127.0.0.1:1',
    SLUICE_TOKENS_JWKS_URL: 'http://127.0.0.1:1/?key=s3cr3t',
  };
  const argv = ['doctor', `--port=${port}`, '--host=127.0.0.1', '--json'];
  const { code, out, err } = await sluice(argv, { env });
  const { ok, checks } = JSON.parse(out) as Said;
  const bad = checks.filter(({ state }) => state === 'fail');
  expect(bad.map(({ name }) => name)).toEqual([`port ${port}`, 'key set', 'redis']);
  for (const { advice } of bad) expect(advice).not.toBeNull();
  expect(ok).toBe(false);
  expect(err).toBe('sluice: 3 checks failed; see what to do above\n');
  expect(code).toBe(1);
  expect(out).not.toContain('s3cr3t');
});

test('begins with the configuration', async () => {
  const { code, out, err } = await sluice(['doctor'], { file: 'prot: 1' });
  expect(out).toMatch(/^fail {2}configuration .*prot: there is no such option.*set it right/m);
  expect(err).toMatch(ONE_LINE);
  expect(code).toBe(1);
});

describe('a check', () => {
  test('of Node', () => {
    expect(checkNode('22.1.0').state).toBe('ok');
    expect(checkNode('18.20.0')).toMatchObject({
      state: 'fail',
      advice: 'install Node 20 or later',
    });
  });

  test('of the clock', () => {
    const nowMs = Date.parse('2026-12-01T00:00:00Z');
    expect(checkClock(nowMs, null).state).toBe('ok');
    expect(checkClock(nowMs, nowMs + 1000).state).toBe('ok');
    expect(checkClock(nowMs, nowMs + 60_000)).toMatchObject({
      state: 'warn',
      says: '2026-12-01T00:00:00.000Z, 60 s behind the issuer of the tokens',
    });
    expect(checkClock(0, null).state).toBe('fail');
  });

  test('of an endpoint of the backend', async () => {
    const { endpoints } = parseConfig({
      dev: true,
      endpoints: {
        there: { url: `http://127.0.0.1:${await taken()}/?key=s3cr3t`, secret: 's' },
        unsigned: `http://localhost:${await taken()}/`,
        six: 'http://[::1]:1/',
        gone: `${await nowhere()}/?key=s3cr3t`,
      },
    });
    const findings = await Promise.all([...endpoints.values()].map(checkEndpoint));
    expect(findings.map(({ name, state, says }) => `${state} ${name}: ${says}`)).toEqual([
      'ok endpoint there: somebody listens',
      'warn endpoint unsigned: somebody listens, but nothing is signed',
      expect.stringMatching(/^fail endpoint six: cannot be reached \(E\w+\)$/),
      'fail endpoint gone: cannot be reached (ECONNREFUSED)',
    ]);
    expect(JSON.stringify(findings)).not.toContain('s3cr3t');
  });

  test('of open files', () => {
    expect(checkFiles(1000, 1200)).toMatchObject({ state: 'ok', says: 'at most 1,200' });
    expect(checkFiles(1000, 1199)).toMatchObject({ state: 'warn' });
    expect(checkFiles(1000, Infinity)).toMatchObject({ state: 'ok', says: 'no limit' });
    expect(checkFiles(0, 10).state).toBe('ok');
    expect(checkFiles(10).says).toMatch(/^at most [\d,]+$|^no limit$/);
  });

  test('of a port', async () => {
    const host = '127.0.0.1';
    const port = await taken();
    const { port: served } = await startGateway();
    const { gateway } = await startGateway({ internal: { port: 0 } });
    const { internalPort } = await gateway.start();
    expect(await checkPorts({ host, port })).toMatchObject({
      state: 'fail',
      says: `taken on ${host}`,
    });
    for (const mine of [served, internalPort]) {
      expect(await checkPorts({ host, port: mine })).toMatchObject({ state: 'ok' });
    }
    expect(await checkPorts({ host: '192.0.2.1', port: 1024 })).toMatchObject({
      state: 'fail',
      says: 'cannot listen on 192.0.2.1 (EADDRNOTAVAIL)',
    });
  });
});
