/** Lua scripts: read once, and known to Redis by their digest. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface Script {
  readonly text: string;
  /** What EVALSHA wants. */
  readonly sha: string;
}

/**
 * All there are. A server is told them before it is asked for any: one that it would have to be told
 * meanwhile is overtaken by those after it.
 */
const scripts: Script[] = [];

export function allScripts(): readonly Script[] {
  return scripts;
}

/** Several files make one script: what they share comes first. */
export function scriptOf(...files: readonly URL[]): Script {
  const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  const script = { text, sha: createHash('sha1').update(text).digest('hex') };
  scripts.push(script);
  return script;
}
