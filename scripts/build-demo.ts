/** Builds the demo page: from src/demo to dist/demo. */
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const FROM = new URL('../src/demo/', import.meta.url);
const TO = new URL('../dist/demo/', import.meta.url);

const AS_IT_IS = ['index.html', 'icon.svg'];

async function buildDemo(): Promise<void> {
  await mkdir(TO, { recursive: true });
  await build({
    entryPoints: ['demo.ts', 'demo.css'].map((name) => fileURLToPath(new URL(name, FROM))),
    outdir: fileURLToPath(TO),
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    logLevel: 'warning',
  });
  for (const name of AS_IT_IS) await copyFile(new URL(name, FROM), new URL(name, TO));
  for (const name of ['demo.js', 'demo.css', ...AS_IT_IS]) {
    const bytes = await readFile(new URL(name, TO));
    process.stdout.write(`dist/demo/${name}  ${bytes.length}, gzip ${gzipSync(bytes).length}\n`);
  }
}

await buildDemo();
