/** `presence`: who is in a channel. */
import type { Command } from 'commander';
import { bodyOf, call } from './call.ts';
import { membersIn, textIn } from './fields.ts';
import type { ApiOptions } from './options.ts';
import { withApi } from './options.ts';
import { apiPlace } from './place.ts';
import type { Shell } from './shell.ts';
import { jsonText, printable, table } from './text.ts';

export function addPresence(program: Command, shell: Shell): void {
  const command = program
    .command('presence')
    .description('Shows who is in a channel.')
    .argument('<channel>');
  withApi(command).action((channel: string, options: ApiOptions) =>
    presence(channel, options, shell),
  );
}

const HEAD = ['CLIENT', 'USER', 'CONNECTION', 'SUBSCRIPTION'];

async function presence(channel: string, options: ApiOptions, { terminal }: Shell): Promise<void> {
  const result = await call(apiPlace(options), 'presence', bodyOf({ channel }));
  if (options.json === true) {
    terminal.print(jsonText(Object.fromEntries(result)));
    return;
  }
  const members = membersIn(result, 'presence');
  const rows = [...members.keys()].map((client) => {
    const member = membersIn(members, client);
    const about = ['conn_info', 'chan_info'].map((name) =>
      member.has(name) ? jsonText(member.get(name)) : '-',
    );
    return [printable(client), printable(textIn(member, 'user')) || '-', ...about];
  });
  const [head = '', ...lines] = table([HEAD, ...rows]);
  terminal.print(terminal.paint(head, 'head'));
  for (const line of lines) terminal.print(line);
}
