/** Where results are kept: JSON and a chart for each scenario and day. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chartOf } from './chart.ts';
import type { Machine } from './machine.ts';
import type { Scenario } from './scenario.ts';
import type { Summary } from './summary.ts';

const FOLDER = new URL('../results/', import.meta.url);

export interface Result {
  readonly scenario: string;
  readonly about: string;
  readonly unit: string;
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
  readonly seconds: number;
  readonly ratios: readonly string[];
  readonly systems: readonly Summary[];
}

/** The path without its ending. */
export function keep(scenario: Scenario, result: Result): string {
  mkdirSync(FOLDER, { recursive: true });
  const name = `${result.date}-${scenario.name}`;
  const at = (ending: string): URL => new URL(`${name}.${ending}`, FOLDER);
  const { cores, cpu, node, commit } = result.machine;
  const note = `${result.date}, ${cpu}, ${cores} cores shared with the drivers, Node ${node}, ${commit}`;
  writeFileSync(at('json'), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(at('svg'), chartOf(scenario, result.systems, note));
  return fileURLToPath(new URL(name, FOLDER));
}
