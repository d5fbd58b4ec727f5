/** `config`: what the configuration is, what is wrong with it, and what may stand in it. */
import type { Command } from 'commander';
import { addConfigCheck } from './config-check.ts';
import { addConfigPrint } from './config-print.ts';
import { addConfigSchema } from './config-schema.ts';
import type { Shell } from './shell.ts';

export function addConfig(program: Command, shell: Shell): void {
  const command = program
    .command('config')
    .helpCommand(false)
    .description('Prints or checks the configuration, or prints the schema of sluice.yaml.');
  addConfigPrint(command, shell);
  addConfigCheck(command, shell);
  addConfigSchema(command, shell);
}
