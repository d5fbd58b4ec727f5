/** A process that closes its clients has nothing left to wait for. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { start } from './rig.ts';

const PROGRAM = fileURLToPath(new URL('program.ts', import.meta.url));

test.each(['node', 'ws'])('ends by itself, with the WebSocket of %s', async (socket) => {
  const never = (): Promise<never> => new Promise(() => undefined);
  const { url } = await start({ hooks: { rpc: never } });
  const child = spawn(process.execPath, [PROGRAM, url, socket]);
  onTestFinished(() => void child.kill());
  let said = '';
  child.stdout.on('data', (chunk) => (said += String(chunk)));
  child.stderr.on('data', (chunk) => (said += String(chunk)));
  const code = await new Promise((resolve) => {
    child.on('exit', resolve);
  });
  expect(said).toBe('hello\nrejected rejected resolved rejected rejected rejected\n');
  expect(code).toBe(0);
});
