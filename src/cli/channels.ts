/** `channels`: those with subscribers. */
import type { Command } from 'commander';
import { bodyOf, call } from './call.ts';
import { membersIn, numberIn } from './fields.ts';
import type { ApiOptions } from './options.ts';
import { withApi } from './options.ts';
import { apiPlace } from './place.ts';
import type { Shell } from './shell.ts';
import { counted, jsonText, printable, table } from './text.ts';

export function addChannels(program: Command, shell: Shell): void {
  const command = program
    .command('channels')
    .description('Lists the channels with subscribers.')
    .argument('[pattern]', "'chat:*': * is any characters, ? is one");
  withApi(command).action((pattern: string | undefined, options: ApiOptions) =>
    channels(pattern, options, shell),
  );
}

async function channels(
  pattern: string | undefined,
  options: ApiOptions,
  { terminal }: Shell,
): Promise<void> {
  const result = await call(apiPlace(options), 'channels', bodyOf({ pattern }));
  if (options.json === true) {
    terminal.print(jsonText(Object.fromEntries(result)));
    return;
  }
  const found = membersIn(result, 'channels');
  const names = [...found.keys()].toSorted();
  const rows = names.map((name) => [
    printable(name),
    numberIn(membersIn(found, name), 'num_clients').toLocaleString('en'),
  ]);
  const [head = '', ...lines] = table([['CHANNEL', 'CLIENTS'], ...rows]);
  terminal.print(terminal.paint(head, 'head'));
  for (const line of lines) terminal.print(line);
  const isCut = result.get('truncated') === true;
  if (isCut)
    terminal.warn(
      `these are ${counted(rows.length, 'channel')}, and there are more: give a PATTERN`,
    );
}
