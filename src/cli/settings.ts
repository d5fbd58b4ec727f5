/** The configuration as commands need it that are clients of a gateway. */
import { readConfig } from '../config/config.ts';
import type { Config, Reading } from '../config/config.ts';
import { ConfigError } from '../config/problems.ts';
import { Fault } from './exits.ts';
import { counted } from './text.ts';

/** The gateway has its keys and its backend elsewhere, so none of them is missed here. */
const ELSEWHERE = { connect: true, subscribe: true, publish: true };

/** Of the file and the environment. @throws {Fault} `usage` when it cannot be used. */
export function clientConfig(file: string | undefined): Config {
  try {
    const argv = file === undefined ? [] : [`--config=${file}`];
    const reading = readConfig({ argv }, ELSEWHERE);
    if (reading.config === null) throw new Error('only flags ask for something else');
    return reading.config;
  } catch (error) {
    throw error instanceof ConfigError ? misconfigured(error) : error;
  }
}

/** All problems in one line. */
function misconfigured({ problems }: ConfigError): Fault {
  const [first = '', ...rest] = problems;
  const more = rest.length === 0 ? '' : ` (and ${counted(rest.length, 'more problem')})`;
  const advice = 'sluice config check lists what is wrong';
  return new Fault('usage', `the configuration cannot be used: ${first}${more}; ${advice}`);
}

export type ServeReading = Extract<Reading, { readonly config: Config }>;

/** With the flags of `serve`. @throws {ConfigError} with all that is wrong. */
export function readServeConfig(argv: readonly string[]): ServeReading {
  const reading = readConfig({ argv });
  if (reading.config !== null) return reading;
  throw new Fault('usage', '--help and --version stand alone');
}

/** The same. @throws {Fault} `usage` when it cannot be used. */
export function serveConfig(argv: readonly string[]): ServeReading {
  try {
    return readServeConfig(argv);
  } catch (error) {
    throw error instanceof ConfigError ? misconfigured(error) : error;
  }
}
