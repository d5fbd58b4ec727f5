/** The types of the SDK, as an application for browsers sees them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const APPLICATION = `
import type { ClientOptions, Publication } from './client/client.js';
import { Client, FAILURES, SluiceError } from './client/client.js';
import { fossil } from './client/delta.js';
import { msgpack } from './client/msgpack.js';

interface Said { text: string }

const options: ClientOptions = {
  getToken: async ({ signal }) => (await fetch('/token', { signal })).text(),
  codec: msgpack,
  WebSocket,
  page: window,
};
const client = new Client('ws://gateway', options);
const channel = client.channel<Said>('chat:1', {
  getToken: ({ channel, signal }) => (signal.aborted ? '' : channel),
  delta: fossil,
  since: { offset: 1, epoch: 'e' },
});
channel.on('publication', ({ data }: Publication<Said>) => data.text);
client.on('publication', ({ data }) => {
  const said: Said = data;
  return said;
});
export async function use(): Promise<number> {
  for await (const { data } of channel) data.text.trim();
  const { publications } = await channel.history({ limit: 1, signal: AbortSignal.timeout(1) });
  publications[0]?.data.text.trim();
  await channel.publish({ text: 'x' });
  // @ts-expect-error another type of data
  await channel.publish({ words: 'x' });
  // @ts-expect-error no such event
  channel.on('publications', () => undefined);
  try {
    return await client.rpc<number>('count');
  } catch (error) {
    if (error instanceof SluiceError && error.code === FAILURES.timeout.code) return 0;
    throw error;
  }
}
`;

const folder = mkdtempSync(join(tmpdir(), 'sluice-types-'));

/** What it says of errors. */
function tsc(...args: string[]): string {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  return spawnSync(process.execPath, [compiler, ...args], { encoding: 'utf8' }).stdout;
}

beforeAll(() => {
  const entries = ['client', 'msgpack', 'delta'].map((name) => `src/client/${name}.ts`);
  const config = {
    extends: join(ROOT, 'tsconfig.build.json'),
    compilerOptions: { emitDeclarationOnly: true, rootDir: join(ROOT, 'src'), outDir: folder },
    include: entries.map((entry) => join(ROOT, entry)),
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  tsc('-p', folder);
  writeFileSync(join(folder, 'application.ts'), APPLICATION);
});

afterAll(() => rmSync(folder, { recursive: true }));

test('fit those of the DOM', () => {
  const strict = ['--noEmit', '--ignoreConfig', '--strict', '--exactOptionalPropertyTypes'];
  const modules = ['--module', 'esnext', '--moduleResolution', 'bundler', '--types', ''];
  const target = ['--target', 'es2022', '--lib', 'es2022,dom'];
  expect(tsc(...strict, ...modules, ...target, join(folder, 'application.ts'))).toBe('');
});
