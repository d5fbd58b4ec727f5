/** Files that options name, with certificates or a key in them: looked into when the options are read. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { kind } from './kinds.ts';
import type { Kind } from './kinds.ts';

/** What must be in the file, and what finds out whether it is; throws where it is not. */
const CONTENTS = {
  certificates(text: string) {
    for (const block of text.match(CERTIFICATE) ?? ['']) new X509Certificate(block).toString();
  },
  'a private key'(text: string) {
    createPrivateKey(text);
  },
};

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^]*?(?:-----END CERTIFICATE-----|$)/g;

/** The value is the path of the file. */
export function pemFile(content: keyof typeof CONTENTS): Kind<string> {
  const why = (value: unknown): string | undefined => {
    try {
      if (typeof value !== 'string') return 'write its path';
      CONTENTS[content](readFileSync(value, 'utf8'));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  return kind({
    name: 'path',
    allowed: `a file with ${content} in PEM`,
    schema: { type: 'string', minLength: 1 },
    parse: (value) => (typeof value === 'string' && why(value) === undefined ? value : undefined),
    hint: why,
  });
}
