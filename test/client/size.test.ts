/** What a page pays for the SDK. */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

/** A module of `src/client` with all that it needs, as a page would load it. */
export async function bundle(name: string): Promise<string> {
  const entry = fileURLToPath(new URL(`../../src/client/${name}`, import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
  });
  return outputFiles[0]?.text ?? '';
}

test.each([
  ['client.ts', 6 * 1024],
  ['msgpack.ts', 2.25 * 1024],
  ['delta.ts', 0.75 * 1024],
])('%s is at most %d bytes, minified and compressed', async (name, max) => {
  const code = await bundle(name);
  const { length } = gzipSync(code, { level: 9 });
  console.log(`${name}: ${code.length} bytes minified, ${length} compressed`);
  expect(length).toBeLessThanOrEqual(max);
});

test.each(['client.ts', 'msgpack.ts', 'delta.ts'])(
  '%s needs nothing that a browser lacks',
  async (name) => {
    const code = await bundle(name);
    expect(code).not.toMatch(/\bfrom"|\bimport\b|\brequire\b|\bBuffer\b|\bprocess\b|node:/);
  },
);
