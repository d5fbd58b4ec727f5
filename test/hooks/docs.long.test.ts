/** The program in `docs/hooks.md`, looked at by the compiler, which takes a while to start. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

test('the program in docs/hooks.md is one that TypeScript takes', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const page = readFileSync(join(root, 'docs/hooks.md'), 'utf8');
  const [, program = ''] = /```ts\n([^]*?)```/.exec(page) ?? [];
  expect(program).toContain('askAll');
  const folder = mkdtempSync(join(root, 'node_modules/.sluice-docs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'program.ts'), `declare const users: readonly string[];\n${program}`);
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { paths: { sluice: [join(root, 'src/gateway.ts')] } },
    files: ['program.ts'],
    include: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
});
