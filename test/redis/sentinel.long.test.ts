/** Sentinels name another master when the one there is dies. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { freePort, RedisServer } from '../support/redis.ts';
import { faultsOf, Load, Watcher } from './checker.ts';
import { gatewayOn, isReady, SOON } from './gateways.ts';

/** Three processes, of which two must agree. */
async function sentinelsOf(master: RedisServer): Promise<number[]> {
  const ports = [await freePort(), await freePort(), await freePort()];
  for (const port of ports) {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-sentinel-'));
    const file = join(folder, 'sentinel.conf');
    writeFileSync(
      file,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${folder}`,
        `sentinel monitor main 127.0.0.1 ${master.port} 2`,
        'sentinel down-after-milliseconds main 1000',
        'sentinel failover-timeout main 5000',
      ].join('\n'),
    );
    const running = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
    onTestFinished(() => {
      running.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });
  }
  return ports;
}

test('a fail-over loses nothing in silence', { timeout: 60_000 }, async () => {
  const master = await RedisServer.start();
  const replica = await RedisServer.start({
    args: ['--replicaof', '127.0.0.1', String(master.port)],
  });
  const sentinels = await sentinelsOf(master);
  await vi.waitFor(
    async () => expect(await replica.command('INFO', 'replication')).toContain('link_status:up'),
    SOON,
  );
  await sleep(3000);
  const url = `redis+sentinel://${sentinels.map((port) => `127.0.0.1:${port}`).join(',')}/main`;
  const [a, b] = await Promise.all([gatewayOn(url), gatewayOn(url)]);
  const watchers = [a, b].map((gateway) => new Watcher(gateway.url, ['red']));
  for (const watcher of watchers) await watcher.ready();
  const load = new Load(a, 'red', 20);
  await sleep(500);
  await master.kill();
  await vi.waitFor(
    async () => expect(await replica.command('INFO', 'replication')).toContain('role:master'),
    { timeout: 30_000, interval: 100 },
  );
  await vi.waitFor(async () => {
    for (const gateway of [a, b]) expect(await isReady(gateway)).toBe(true);
  }, SOON);
  const { next } = load;
  await vi.waitFor(() => {
    for (const watcher of watchers) expect(watcher.last('red')).toBeGreaterThanOrEqual(next);
  }, SOON);
  await load.stop();
  await sleep(500);
  for (const watcher of watchers) expect(faultsOf(watcher.seen('red'), load)).toEqual([]);
});
