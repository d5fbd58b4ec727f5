/** Reads a configuration from given flags, variables and files, and nothing of this process. */
import { expect } from 'vitest';
import { parseConfig, readConfig } from '../../src/config/config.ts';
import type { Config } from '../../src/config/config.ts';
import type { ConfigInput } from '../../src/config/input.ts';
import type { Backend } from '../../src/config/namespaces.ts';
import { ConfigError } from '../../src/config/problems.ts';

export const SECRET = 'a-secret-of-the-tests';

export interface Given {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The text of ./sluice.yaml. */
  readonly file?: string;
  /** By path; in place of `file`. */
  readonly files?: Readonly<Record<string, string>>;
}

export function read(given: Given): Config {
  const { argv = [], env = {} } = given;
  const files = given.files ?? (given.file === undefined ? {} : { 'sluice.yaml': given.file });
  const reading = readConfig({ argv, env, readFile: (path) => files[path] ?? null });
  if (reading.config === null) throw new Error('there is nothing to start');
  return reading.config;
}

/** With a secret, so that a test may be about something else. */
export function readOpen(given: Given): Config {
  return read({ ...given, env: { SLUICE_TOKENS_HMAC_SECRET: SECRET, ...given.env } });
}

export function parse(input: ConfigInput, backend?: Backend): Config {
  return parseConfig({ tokens: { hmacSecret: SECRET }, ...input }, backend);
}

/** All the problems; there must be some. */
export function problemsOf(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return expect.fail('nothing was wrong');
}
