/** A scenario on several contenders in alternation: A B C, C B A, A B C. */
import { Absent } from '../systems/system.ts';
import { progress, progressEnds } from './progress.ts';
import type { Measure, Scenario } from './scenario.ts';
import type { StageOptions } from './stage.ts';
import { Stage } from './stage.ts';
import type { Contender } from './summary.ts';
import { count } from './count.ts';

export interface Entrant {
  readonly name: string;
  readonly stage: StageOptions;
}

/** Those that are not installed are left out, with a word. */
export async function rounds(
  scenario: Scenario,
  entrants: readonly Entrant[],
  runs: number,
): Promise<Contender[]> {
  const measures = new Map<string, Measure[]>(entrants.map(({ name }) => [name, []]));
  for (let run = 1; run <= runs; run += 1) {
    for (const entrant of run % 2 === 1 ? entrants : entrants.toReversed()) {
      const taken = measures.get(entrant.name);
      if (taken === undefined) continue;
      progress(`${scenario.name}: ${entrant.name}, run ${run} of ${runs}`);
      try {
        const measure = await once(scenario, entrant.stage);
        taken.push(measure);
        const doubt = measure.doubt === '' ? '' : ` (${measure.doubt})`;
        progress(
          `${scenario.name}: ${entrant.name} ${count(measure.main)} ${scenario.unit}${doubt}`,
        );
      } catch (error) {
        if (!(error instanceof Absent)) throw error;
        measures.delete(entrant.name);
        progress(`${scenario.name}: ${entrant.name} is left out: ${error.message}`);
      }
    }
  }
  progressEnds();
  return [...measures].map(([name, taken]) => ({ name, measures: taken }));
}

async function once(scenario: Scenario, options: StageOptions): Promise<Measure> {
  const stage = new Stage(options);
  try {
    return await scenario.run(stage);
  } finally {
    await stage.clear();
  }
}
