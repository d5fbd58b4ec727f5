/** The command line of a run. */
import { parseArgs } from 'node:util';
import { SCENARIOS } from '../scenarios/scenarios.ts';
import { isSystemName, SYSTEMS } from '../systems/systems.ts';
import type { SystemName } from '../systems/systems.ts';
import type { Scenario } from './scenario.ts';

export interface Arguments {
  readonly scenarios: readonly Scenario[];
  /** Null: those of the scenario. */
  readonly systems: readonly SystemName[] | null;
  readonly runs: number;
  readonly seconds: number;
  readonly window: number;
  readonly json: boolean;
  readonly flags: readonly string[];
  readonly snapshot: string | null;
}

export const HELP = `npm run bench -- [scenario…] [options]
npm run bench -- compare <commit or folder> <commit or folder> [scenario…] [options]
npm run bench -- micro [beginning of a name…]

${SCENARIOS.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join('\n')}

  --against a,b    systems besides sluice (${Object.keys(SYSTEMS).join(', ')})
  --only a,b       these systems and no others
  --runs N         runs of each system, in alternation (5)
  --seconds N      measured time of a run, after two seconds to get warm (5)
  --window N       messages under way at full speed (256)
  --json           the results as JSON on standard output
  --flag F         for node in the process of the system, as often as wanted: --flag=--cpu-prof
  --snapshot FILE  a heap snapshot of the system (idle-memory only)
`;

/** Null when help is asked for. @throws Error that says what is wrong. */
export function parseArguments(args: readonly string[]): Arguments | null {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      against: { type: 'string' },
      only: { type: 'string' },
      runs: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '5' },
      window: { type: 'string', default: '256' },
      json: { type: 'boolean', default: false },
      flag: { type: 'string', multiple: true, default: [] },
      snapshot: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  return {
    scenarios: positionals.length === 0 ? SCENARIOS : positionals.map(scenario),
    systems: systemsOf(values.only, values.against),
    runs: number('runs', values.runs),
    seconds: number('seconds', values.seconds),
    window: number('window', values.window),
    json: values.json,
    flags: values.flag,
    snapshot: values.snapshot ?? null,
  };
}

function scenario(name: string): Scenario {
  const found = SCENARIOS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no scenario ${name}\n\n${HELP}`);
  return found;
}

function systemsOf(only: string | undefined, against: string | undefined): SystemName[] | null {
  if (only !== undefined) return only.split(',').map(systemName);
  if (against !== undefined) return [...against.split(',').map(systemName), 'sluice'];
  return null;
}

function systemName(name: string): SystemName {
  if (!isSystemName(name)) throw new Error(`there is no system ${name}\n\n${HELP}`);
  return name;
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} is a number above 0`);
  return value;
}
