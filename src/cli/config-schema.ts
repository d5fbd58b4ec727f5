/** `config schema`: the JSON Schema of `sluice.yaml`, for editors. */
import type { Command } from 'commander';
import { fileSchema } from '../config/file-schema.ts';
import type { Shell } from './shell.ts';
import { withJson } from './options.ts';

export function addConfigSchema(config: Command, { terminal }: Shell): void {
  const command = config
    .command('schema')
    .description('Prints the JSON Schema of sluice.yaml, for editors.');
  withJson(command, 'changes nothing: it is JSON').action(() => {
    terminal.print(JSON.stringify(fileSchema(), null, 2));
  });
}
