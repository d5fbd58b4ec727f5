/** Lua scripts: read once, known to Redis by their digest. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface Script {
  readonly text: string;
  /** What EVALSHA wants. */
  readonly sha: string;
}

/** Several files make one script: what they share comes first. */
export function scriptOf(...files: readonly URL[]): Script {
  const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}
