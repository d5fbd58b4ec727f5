/** What a page pays for the SDK. */
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { bundleOf } from './bundle.ts';

test.each([
  ['client.ts', 6 * 1024],
  ['msgpack.ts', 2.25 * 1024],
  ['delta.ts', 0.75 * 1024],
])('%s is at most %d bytes, minified and compressed', async (name, max) => {
  const code = await bundleOf(name);
  const { length } = gzipSync(code, { level: 9 });
  console.log(`${name}: ${code.length} bytes minified, ${length} compressed`);
  expect(length).toBeLessThanOrEqual(max);
});

test.each(['client.ts', 'msgpack.ts', 'delta.ts'])(
  '%s needs nothing that a browser lacks',
  async (name) => {
    const code = await bundleOf(name);
    expect(code).not.toMatch(/\bfrom"|\bimport\b|\brequire\b|\bBuffer\b|\bprocess\b|node:/);
  },
);
