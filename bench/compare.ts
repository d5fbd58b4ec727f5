/**
 * `npm run bench -- compare <a> <b> [scenario…]`: our gateway of two commits, or of two folders with
 * a checkout each, in alternation.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Arguments } from './harness/arguments.ts';
import { rounds } from './harness/rounds.ts';
import { ratioText, summaryOf } from './harness/summary.ts';
import { tableOf } from './harness/table.ts';

interface Side {
  readonly name: string;
  readonly root: string;
  /** Nothing where the folder is somebody else's. */
  remove(): void;
}

/** Measures with the bench of this checkout: only what is under test comes from the commits. */
export async function compare(
  repository: string,
  sides: readonly [string, string],
  args: Arguments,
): Promise<void> {
  const checkedOut: Side[] = [];
  try {
    for (const side of sides) checkedOut.push(checkOut(repository, side));
    for (const scenario of args.scenarios) {
      const { seconds, window, flags, snapshot } = args;
      const entrants = checkedOut.map(({ name, root }) => ({
        name,
        stage: { system: 'sluice', root, seconds, window, flags, snapshot } as const,
      }));
      const contenders = await rounds(scenario, entrants, args.runs);
      console.log(`\n${scenario.name}: ${scenario.about}`);
      console.log(`\n${tableOf(scenario, contenders.map(summaryOf))}\n`);
      const [before, after] = contenders;
      if (before !== undefined && after !== undefined) console.log(ratioText(after, before));
    }
  } finally {
    for (const side of checkedOut) side.remove();
  }
}

function checkOut(repository: string, side: string): Side {
  if (existsSync(join(side, 'src/gateway.ts'))) {
    return { name: side, root: resolve(side), remove: () => undefined };
  }
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim();
  const commit = git('rev-parse', '--short', `${side}^{commit}`);
  const root = join(mkdtempSync(join(tmpdir(), 'sluice-bench-')), commit);
  git('worktree', 'add', '--quiet', '--detach', root, commit);
  symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
  return {
    name: side === commit ? side : `${side} (${commit})`,
    root,
    remove() {
      git('worktree', 'remove', '--force', root);
      rmSync(join(root, '..'), { recursive: true, force: true });
    },
  };
}
