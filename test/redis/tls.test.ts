/** Redis over TLS: whom a gateway believes, and who believes it. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { checkRedis } from '../../src/cli/doctor/redis.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { RedisInput } from '../../src/config/input.ts';
import { startGateway } from '../support/gateway.ts';
import type { Certificate } from '../support/certificates.ts';
import { Authority } from '../support/certificates.ts';
import { KeptLog } from '../support/log.ts';
import { Peer } from '../support/peer.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { freePort, RedisServer } from '../support/redis.ts';
import { isReady, SOON, wholeGatewayOn } from './gateways.ts';

let authority: Authority;
let stranger: Authority;
let certificate: Certificate;
let own: Certificate;
beforeAll(() => {
  authority = new Authority();
  stranger = new Authority('another');
  certificate = authority.certify('redis', 'IP:127.0.0.1', 'DNS:redis.test');
  own = authority.certify('gateway');
});
afterAll(() => {
  authority.dispose();
  stranger.dispose();
});

function tlsArgs({ certFile, keyFile }: Certificate, port: number): string[] {
  const files = `--tls-cert-file ${certFile} --tls-key-file ${keyFile}`;
  return `--tls-port ${port} ${files} --tls-ca-cert-file ${authority.caFile}`.split(' ');
}

/** A server over TLS, and its URL. */
async function serverOf({
  of = certificate,
  asks = false,
}: { readonly of?: Certificate; readonly asks?: boolean } = {}): Promise<string> {
  const port = await freePort();
  await RedisServer.start({
    args: [...tlsArgs(of, port), '--tls-auth-clients', asks ? 'yes' : 'no'],
  });
  return `rediss://127.0.0.1:${port}`;
}

/** Two gateways that hear each other. */
async function expectDelivery(redis: RedisInput): Promise<void> {
  const gateways = await Promise.all([startGateway({ redis }), startGateway({ redis })]);
  await vi.waitFor(async () => {
    for (const gateway of gateways) expect(await isReady(gateway)).toBe(true);
  }, SOON);
  const peer = await Peer.connected(gateways[1].url);
  await peer.subscribe('news');
  await gateways[0].gateway.publish('news', 'over TLS');
  await peer.until(() => peer.data('news').includes('over TLS'), 'the publication');
}

/** What doctor says of it: the connections of a gateway are made in the same way. */
async function said(redis: RedisInput): Promise<string> {
  const { redis: config } = parseConfig({ anonymous: true, redis });
  const { state, says, advice } = await checkRedis(config!);
  return `${state}: ${says}; ${advice}`;
}

test('a gateway believes those that its authority vouches for, by their names', async () => {
  const url = await serverOf();
  const { caFile } = authority;
  await expectDelivery({ url, tls: { caFile } });
  expect(await said({ url, tls: { caFile } })).toMatch(/^ok/);
  expect(await said({ url, tls: { caFile, serverName: 'redis.test' } })).toMatch(/^ok/);
  expect(await said({ url, tls: { caFile, serverName: 'other.test' } })).toMatch(/^fail.*altnames/);
  expect(await said({ url })).toMatch(/^fail.*certificate.*redis\.tls\.caFile/);
  expect(await said({ url, tls: { caFile: stranger.caFile } })).toMatch(/^fail.*certificate/);
});

test('a gateway takes anybody where it is told to, and that is warned of', async () => {
  const url = await serverOf({ of: stranger.certify('anybody') });
  await expectDelivery({ url, tls: { insecure: true } });
  expect(await said({ url, tls: { insecure: true } })).toMatch(/^warn.*insecure/);
  expect(await said({ url, tls: { caFile: authority.caFile } })).toMatch(/^fail/);
});

test('a gateway shows its own certificate to a Redis that asks for one', async () => {
  const url = await serverOf({ asks: true });
  const { caFile } = authority;
  await expectDelivery({ url, tls: { caFile, ...own } });
  expect(await said({ url, tls: { caFile } })).toMatch(/^fail/);
});

test('certificates may be replaced while a gateway runs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-replaced-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const caFile = join(folder, 'ca.crt');
  copyFileSync(stranger.caFile, caFile);
  const logger = new KeptLog();
  const redis = { url: await serverOf(), tls: { caFile } };
  const running = await startGateway({ redis, logger });
  expect(await isReady(running)).toBe(false);
  // Whoever replaces it may be in the middle of it.
  writeFileSync(caFile, '-----BEGIN CERTIFICATE-----\nhalf of it');
  await vi.waitFor(() => expect([...logger.kinds().keys()]).toContain('redis tls'), SOON);
  copyFileSync(authority.caFile, caFile);
  await vi.waitFor(async () => expect(await isReady(running)).toBe(true), SOON);
});

test('a Cluster over TLS is reached at the addresses that it tells', async () => {
  const [port, { caFile }] = [await freePort(), authority];
  const cluster = await RedisCluster.start({
    masters: 1,
    args: [...tlsArgs(certificate, port), '--tls-auth-clients', 'no', '--tls-cluster', 'yes'],
  });
  expect(cluster.masters).toHaveLength(1);
  const url = `rediss+cluster://127.0.0.1:${port}`;
  const [a, b] = await Promise.all([
    wholeGatewayOn(url, { redis: { url, tls: { caFile } } }),
    wholeGatewayOn(url, { redis: { url, tls: { caFile } } }),
  ]);
  const peer = await Peer.connected(b.url);
  await peer.subscribe('news');
  await a.gateway.publish('news', 1);
  await peer.until(() => peer.data('news').length === 1, 'the publication');
  expect(await said({ url, tls: { caFile } })).toMatch(/^ok.*Cluster of 1 masters/);
});

test('Sentinels and their master are asked over TLS', async () => {
  const [master, sentinel] = [await freePort(), await freePort()];
  await RedisServer.start({
    args: [...tlsArgs(certificate, master), '--tls-auth-clients', 'no', '--tls-replication', 'yes'],
  });
  const folder = mkdtempSync(join(tmpdir(), 'sluice-sentinel-'));
  const config = `
port 0
tls-port ${sentinel}
bind 127.0.0.1
dir ${folder}
tls-cert-file ${certificate.certFile}
tls-key-file ${certificate.keyFile}
tls-ca-cert-file ${authority.caFile}
tls-auth-clients no
tls-replication yes
sentinel monitor main 127.0.0.1 ${master} 1
`;
  writeFileSync(join(folder, 'sentinel.conf'), config);
  const running = spawn('redis-server', [join(folder, 'sentinel.conf'), '--sentinel'], {
    stdio: 'ignore',
  });
  onTestFinished(() => {
    running.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const url = `rediss+sentinel://127.0.0.1:${sentinel}/main`;
  await expectDelivery({ url, tls: { caFile: authority.caFile } });
});
