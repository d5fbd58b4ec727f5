/** `history`: what a channel's stream holds. */
import type { Command } from 'commander';
import type { Position } from '../client/events.ts';
import { integer } from '../config/measures.ts';
import { bodyOf, call } from './call.ts';
import { listIn, numberIn, textIn } from './fields.ts';
import type { ApiOptions } from './options.ts';
import { positionText, readPosition, reading, withApi } from './options.ts';
import { apiPlace } from './place.ts';
import type { Shell } from './shell.ts';
import { counted, dataText, jsonText, printable } from './text.ts';

interface HistoryOptions extends ApiOptions {
  readonly limit: number;
  readonly since?: Position;
  readonly reverse?: boolean;
}

const LIMIT = 100;

export function addHistory(program: Command, shell: Shell): void {
  const command = program
    .command('history')
    .description('Shows publications of a channel, oldest first, each with its offset.')
    .argument('<channel>')
    .option('--limit <n>', 'at most so many; 0 is only the position', reading(integer(0)), LIMIT)
    .option('--since <position>', 'only after OFFSET:EPOCH, or before it in reverse', readPosition)
    .option('--reverse', 'newest first');
  withApi(command).action((channel: string, options: HistoryOptions) =>
    history(channel, options, shell),
  );
}

async function history(
  channel: string,
  options: HistoryOptions,
  { terminal }: Shell,
): Promise<void> {
  const { limit, since, reverse } = options;
  const body = bodyOf({ channel, limit, since, reverse });
  const result = await call(apiPlace(options), 'history', body);
  if (options.json === true) {
    terminal.print(jsonText(Object.fromEntries(result)));
    return;
  }
  const publications = listIn(result, 'publications');
  for (const publication of publications) {
    const offset = terminal.paint(String(numberIn(publication, 'offset')), 'faint');
    terminal.print(`${offset}  ${dataText(publication.get('data'))}`);
  }
  const top = { offset: numberIn(result, 'offset'), epoch: printable(textIn(result, 'epoch')) };
  const shown = counted(publications.length, 'publication');
  terminal.note(`${shown}; the stream is at ${positionText(top)}`);
}
