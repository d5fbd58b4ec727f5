/** The lock of the folder of an embedded database. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { takeFolder } from '../../src/archive/folder.ts';

function parent(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function taken(folder: string): Promise<() => Promise<void>> {
  const server = await takeFolder(folder);
  const release = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  onTestFinished(release);
  return release;
}

test('a folder is made, for nobody else to look into', async () => {
  const folder = join(parent(), 'a', 'b');
  await taken(folder);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

test('a folder is taken by one at a time', async () => {
  const folder = parent();
  const release = await taken(folder);
  await expect(takeFolder(folder)).rejects.toThrow('another process has the folder open');
  await expect(takeFolder(folder)).rejects.toThrow(folder);
  await release();
  await taken(folder);
});

test('a folder is free after the death of who had it', async () => {
  const folder = parent();
  const address = JSON.stringify(join(folder, 'lock.sock'));
  const program = `require('node:net').createServer().listen(${address}, () => console.log(1))`;
  const holder = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(holder.stdout, 'data');
  await expect(takeFolder(folder)).rejects.toThrow('another process');
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  expect(existsSync(join(folder, 'lock.sock'))).toBe(true);
  await taken(folder);
});

test('a folder whose path is too long for a lock is refused', async () => {
  const folder = join(parent(), 'x'.repeat(100));
  await expect(takeFolder(folder)).rejects.toThrow('the path of the folder is too long');
});

test('a folder that cannot be made is told', async () => {
  const file = join(parent(), 'file');
  writeFileSync(file, '');
  await expect(takeFolder(join(file, 'x'))).rejects.toThrow('ENOTDIR');
});
