/** `npm run bench`: runs scenarios on systems in alternation, prints and keeps what came out. */
import { fileURLToPath } from 'node:url';
import { compare } from './compare.ts';
import type { Arguments } from './harness/arguments.ts';
import { HELP, parseArguments } from './harness/arguments.ts';
import { killAll } from './harness/child.ts';
import { stopAllRedis } from './harness/redis.ts';
import { machine } from './harness/machine.ts';
import type { Result } from './harness/results.ts';
import { keep } from './harness/results.ts';
import { rounds } from './harness/rounds.ts';
import type { Scenario } from './harness/scenario.ts';
import { summaryOf, verdict } from './harness/summary.ts';
import { micro } from './micro/micros.ts';
import { tableOf } from './harness/table.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

async function runScenario(scenario: Scenario, args: Arguments): Promise<Result> {
  const { runs, seconds, window, flags, snapshot } = args;
  const where = machine(ROOT);
  const contenders = await rounds(
    scenario,
    (args.systems ?? scenario.systems).map((system) => ({
      name: system,
      stage: { system, root: ROOT, seconds, window, flags, snapshot },
    })),
    runs,
  );
  const systems = contenders.map(summaryOf);
  const ratios = verdict(scenario, contenders);
  const { name, about, unit } = scenario;
  const result: Result = {
    scenario: name,
    about,
    unit,
    date: new Date().toISOString().slice(0, 10),
    command: `npm run bench -- ${process.argv.slice(2).join(' ')}`,
    machine: where,
    seconds,
    ratios,
    systems,
  };
  if (!args.json) print(scenario, result);
  // A profiled run is no result.
  if (flags.length === 0 && snapshot === null) keep(scenario, result);
  return result;
}

function print(scenario: Scenario, { about, systems, ratios, machine: where }: Result): void {
  const { cpu, cores, node, commit, changed, load } = where;
  console.log(`\n${scenario.name}: ${about}`);
  console.log(
    `${cpu}, ${cores} cores shared with the drivers, load ${load}, Node ${node}, ${commit}${changed ? ' with changes' : ''}`,
  );
  console.log(`\n${tableOf(scenario, systems)}\n`);
  for (const line of ratios) console.log(line);
  for (const { name, doubts } of systems) {
    for (const doubt of doubts) console.log(`${name}: ${doubt}`);
  }
}

async function main(): Promise<void> {
  const [verb, before, after, ...rest] = process.argv.slice(2);
  if (verb === 'micro') {
    micro(process.argv.slice(3));
    return;
  }
  const comparing = verb === 'compare' && before !== undefined && after !== undefined;
  const args = parseArguments(comparing ? rest : process.argv.slice(2));
  if (args === null) {
    console.log(HELP);
    return;
  }
  if (comparing) {
    await compare(ROOT, [before, after], args);
    return;
  }
  const results: Result[] = [];
  for (const scenario of args.scenarios) results.push(await runScenario(scenario, args));
  if (args.json) console.log(JSON.stringify(results, null, 2));
}

function endAll(): void {
  killAll();
  stopAllRedis();
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    endAll();
    process.exit(130);
  });
}

try {
  await main();
} catch (error) {
  endAll();
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
