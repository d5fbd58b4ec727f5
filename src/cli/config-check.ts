/** `config check`: all that is wrong with the configuration. */
import type { Command } from 'commander';
import { ConfigError } from '../config/problems.ts';
import { Fault } from './exits.ts';
import type { JsonOption } from './options.ts';
import { withJson, withServeOptions } from './options.ts';
import { readServeConfig } from './settings.ts';
import type { Shell } from './shell.ts';
import { counted, jsonText } from './text.ts';

export function addConfigCheck(config: Command, { terminal }: Shell): void {
  const command = config
    .command('check')
    .description('Lists all that is wrong with what serve would run with.');
  withServeOptions(withJson(command)).action(({ json = false }: JsonOption) => {
    const { file, problems } = look(command.args);
    if (json) terminal.print(jsonText({ ok: problems.length === 0, file, problems }));
    else if (problems.length === 0) terminal.print(`no problems (${file ?? 'no file'})`);
    else for (const problem of problems) terminal.print(problem);
    if (problems.length === 0) return;
    throw new Fault('usage', `the configuration has ${counted(problems.length, 'problem')}`);
  });
}

function look(argv: readonly string[]): { file: string | null; problems: readonly string[] } {
  try {
    const { file } = readServeConfig(argv);
    return { file, problems: [] };
  } catch (error) {
    if (error instanceof ConfigError) return { file: null, problems: error.problems };
    throw error;
  }
}
