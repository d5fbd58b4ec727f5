/** Builds what the package carries: JavaScript with types, the scripts of Redis and Postgres, the demo page. */
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function run(args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

rmSync(`${ROOT}/dist`, { recursive: true, force: true });
run(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
for (const script of globSync('src/**/*.{lua,sql}', { cwd: ROOT })) {
  cpSync(`${ROOT}/${script}`, `${ROOT}/${script.replace(/^src/, 'dist')}`);
}
run(['scripts/build-demo.ts']);
