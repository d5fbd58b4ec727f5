/** `info`: the gateways, and how much they carry. */
import type { Command } from 'commander';
import { call } from './call.ts';
import { listIn, numberIn, textIn } from './fields.ts';
import type { ApiOptions } from './options.ts';
import { withApi } from './options.ts';
import { apiPlace } from './place.ts';
import type { Shell } from './shell.ts';
import { jsonText, printable, spanText, table } from './text.ts';

export function addInfo(program: Command, shell: Shell): void {
  withApi(
    program.command('info').description('Shows the gateways, and how much they carry.'),
  ).action((options: ApiOptions) => info(options, shell));
}

const HEAD = ['NODE', 'VERSION', 'UP', 'CLIENTS', 'USERS', 'SUBSCRIPTIONS', 'CHANNELS'];
const COUNTS = ['num_clients', 'num_users', 'num_subs', 'num_channels'];

async function info(options: ApiOptions, { terminal }: Shell): Promise<void> {
  const result = await call(apiPlace(options), 'info', '{}');
  if (options.json === true) {
    terminal.print(jsonText(Object.fromEntries(result)));
    return;
  }
  const nodes = listIn(result, 'nodes').map((node) => [
    printable(textIn(node, 'name')),
    printable(textIn(node, 'version')),
    spanText(numberIn(node, 'uptime')),
    ...COUNTS.map((count) => numberIn(node, count).toLocaleString('en')),
  ]);
  const [head = '', ...rows] = table([HEAD, ...nodes]);
  terminal.print(terminal.paint(head, 'head'));
  for (const row of rows) terminal.print(row);
}
