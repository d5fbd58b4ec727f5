/** What the README shows is so: its programs run as they stand there. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Program } from '../support/program.ts';

const ROOT = new URL('../../', import.meta.url);
const PAGE = readFileSync(new URL('README.md', ROOT), 'utf8');
const SOON = { timeout: 15_000, interval: 10 };

/** The code in which this stands. */
function shown(part: string): string {
  const blocks = [...PAGE.matchAll(/^```\w+\n([^]*?)^```$/gm)].map(([, text = '']) => text);
  const found = blocks.filter((text) => text.includes(part));
  expect(found).toHaveLength(1);
  return found[0]!;
}

/** A program from the README, with the package in its place, and elsewhere than at port 8000. */
function run(code: string): { printed: string; failed: string; readonly end: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-readme-'));
  const file = join(folder, 'program.ts');
  const text = code
    .replace("'sluice/client'", `'${new URL('src/client/client.ts', ROOT).href}'`)
    .replace("'sluice'", `'${new URL('src/gateway.ts', ROOT).href}'`);
  writeFileSync(file, text);
  const child = spawn(process.execPath, [file], {
    env: { ...process.env, TOKEN_SECRET: 'secret' },
  });
  const running = { printed: '', failed: '', end: () => void child.kill() };
  child.stdout.on('data', (chunk: Buffer) => (running.printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (running.failed += chunk.toString()));
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  return running;
}

test('the first publication comes from a client, and from curl', async () => {
  const program = await Program.listening(['--dev', '--port=0']);
  const client = run(shown('sluice/client').replace(':8000', `:${program.port}`));
  await vi.waitFor(() => expect(client.printed + client.failed).toBe('hello\n'), SOON);
  const [, url = '', body = ''] = /curl (\S+) -d '(.*)'/.exec(shown('api/publish')) ?? [];
  const here = url.replace(':8000', `:${program.port}`);
  expect((await fetch(here, { method: 'POST', body })).status).toBe(200);
  await vi.waitFor(() => expect(client.printed).toBe('hello\nhello\n'), SOON);
  expect(client.failed).toBe('');
});

test('a program has a gateway, and publishes', async () => {
  const code = shown('createGateway')
    .replace('createGateway({', 'createGateway({ port: 0,')
    .concat(
      `console.log((await gateway.history('chat:lobby', { limit: 1 })).publications.length);`,
    );
  const program = run(code);
  await vi.waitFor(() => expect(program.printed + program.failed).toBe('1\n'), SOON);
});
