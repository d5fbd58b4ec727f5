/** `config print`: what a gateway would run with, without its secrets. */
import type { Command } from 'commander';
import { redacted } from '../config/config.ts';
import type { JsonOption } from './options.ts';
import { withJson, withServeOptions } from './options.ts';
import { serveConfig } from './settings.ts';
import type { Shell } from './shell.ts';
import { dataText, jsonText, table } from './text.ts';

export function addConfigPrint(config: Command, { terminal }: Shell): void {
  const command = config
    .command('print')
    .description('Prints what serve would run with, all defaults among it, without secrets.');
  withServeOptions(withJson(command)).action(({ json = false }: JsonOption) => {
    const reading = serveConfig(command.args);
    const { file } = reading;
    const hidden = redacted(reading.config);
    if (json) {
      terminal.print(jsonText({ file, config: hidden }));
      return;
    }
    terminal.print(terminal.paint(`# ${file ?? 'no file'}`, 'faint'));
    for (const line of table(leaves(hidden, ''))) terminal.print(line);
  });
}

/** Each value with its path. */
function leaves(value: unknown, path: string): [path: string, value: string][] {
  if (!isTree(value)) return value === undefined ? [] : [[path, dataText(value)]];
  const entries = Object.entries(value);
  return entries.flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`));
}

function isTree(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
