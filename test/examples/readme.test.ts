/** What the README of the example shows is what its files hold. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { blocksOf, EXAMPLE } from './readme.ts';

/** Without what depends on how far a line is indented. */
function dense(code: string): string {
  return code.replaceAll(/\s+/g, '').replaceAll(/,([)\]}]|$)/g, '$1');
}

const shown = blocksOf('ts');

test.each(shown)('%#: the code is that of $file', ({ file, text }) => {
  expect(dense(readFileSync(`${EXAMPLE}/${file}`, 'utf8'))).toContain(dense(text));
  expect(text.trim().split('\n').length).toBeLessThan(17);
});

test('every piece is shown, and every file is told of', () => {
  expect(shown.length).toBeGreaterThan(7);
  const told = readFileSync(`${EXAMPLE}/README.md`, 'utf8');
  for (const file of readdirSync(EXAMPLE).filter((name) => name.endsWith('.ts'))) {
    expect(told).toContain(`| [\`${file}\`](${file})`);
  }
});
