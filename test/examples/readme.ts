/** The README of the example, taken apart. */
import { readFileSync } from 'node:fs';

export const EXAMPLE = new URL('../../examples/service', import.meta.url).pathname;

export interface Block {
  /** The language it is in. */
  readonly language: string;
  readonly text: string;
  /** The file that was named last before it. */
  readonly file: string;
}

const README = readFileSync(`${EXAMPLE}/README.md`, 'utf8');

const BLOCK = /^```(\w+)\n(.*?)^```/gms;

/** In their order; all languages, unless one is named. */
export function blocksOf(language = ''): Block[] {
  const blocks = [...README.matchAll(BLOCK)].map(({ 1: name = '', 2: text = '', index }) => ({
    language: name,
    text,
    file: /.*\[`([\w.]+)`\]/s.exec(README.slice(0, index))?.[1] ?? '',
  }));
  return blocks.filter((block) => language === '' || block.language === language);
}
