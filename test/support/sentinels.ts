/** Sentinels that watch a server of Redis, and name another master when it dies. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RedisServer } from './redis.ts';
import { freePort } from './redis.ts';

/** Processes, of which so many must agree. */
export async function sentinelsOf(
  master: RedisServer,
  { count = 3, quorum = 2 }: { count?: number; quorum?: number } = {},
): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  for (const port of ports) {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-sentinel-'));
    const file = join(folder, 'sentinel.conf');
    writeFileSync(
      file,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${folder}`,
        `sentinel monitor main 127.0.0.1 ${master.port} ${quorum}`,
        'sentinel down-after-milliseconds main 1000',
        'sentinel failover-timeout main 3000',
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
