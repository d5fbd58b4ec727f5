/** The SDK as a page loads it. */
import { fileURLToPath } from 'node:url';
import type { BuildOptions } from 'esbuild';
import { build } from 'esbuild';

const FOLDER = fileURLToPath(new URL('../../src/client/', import.meta.url));

async function bundle(entry: BuildOptions): Promise<string> {
  const { outputFiles } = await build({
    ...entry,
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
  });
  return outputFiles?.[0]?.text ?? '';
}

/** One entry, with all that it needs. */
export function bundleOf(name: string): Promise<string> {
  return bundle({ entryPoints: [`${FOLDER}${name}`] });
}

/** All entries, as the global `sluice`. */
export function bundleOfAll(): Promise<string> {
  const contents = `
    import { Client } from './client.ts';
    import { msgpack } from './msgpack.ts';
    import { fossil } from './delta.ts';
    globalThis.sluice = { Client, msgpack, fossil };`;
  return bundle({ stdin: { contents, resolveDir: FOLDER, loader: 'ts' } });
}
