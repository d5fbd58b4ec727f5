/** What the tests need beside npm: installed where that can be done without asking, told where not. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';

/** Programs, and the Debian packages they come in. */
const NEEDS = new Map([
  ['/usr/bin/openssl', 'openssl'],
  ['/usr/bin/redis-server', 'redis-server'],
  ['/usr/bin/chromium', 'chromium'],
  ['/usr/sbin/haproxy', 'haproxy'],
  ['/usr/lib/postgresql/*/bin/postgres', 'postgresql'],
]);

const missing = [...NEEDS]
  .filter(([program]) => globSync(program).length === 0)
  .map(([, name]) => name);
if (missing.length > 0) {
  const command = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  const mayInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (mayInstall) {
    process.stdout.write(`installing ${missing.join(', ')}\n`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const { status } = spawnSync('sh', ['-c', `(${command}) >/dev/null`], {
      stdio: 'inherit',
      env,
    });
    if (status !== 0) process.exitCode = 1;
  } else {
    process.stderr.write(`the tests need ${missing.join(' and ')}: ${command}\n`);
    process.exitCode = 1;
  }
}
