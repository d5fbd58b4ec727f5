/** `publish`: to one channel or to several. */
import type { Command } from 'commander';
import type { Members } from '../auth/json.ts';
import { bodyOf, call } from './call.ts';
import { Fault } from './exits.ts';
import { listIn, membersIn, numberIn, textIn } from './fields.ts';
import { linesOfInput, wholeInput } from './input.ts';
import type { ApiOptions } from './options.ts';
import { misused, positionText, withApi } from './options.ts';
import { apiPlace } from './place.ts';
import type { ApiPlace } from './place.ts';
import type { Shell } from './shell.ts';
import { counted, jsonText, printable } from './text.ts';

type Tags = Readonly<Record<string, string>>;

interface PublishOptions extends ApiOptions {
  readonly text?: boolean;
  readonly lines?: boolean;
  readonly event?: string;
  readonly tag?: Tags;
  readonly skipHistory?: boolean;
  readonly idempotencyKey?: string;
}

export function addPublish(program: Command, shell: Shell): void {
  const command = program
    .command('publish')
    .description('Publishes DATA to one channel, or to several.')
    .usage('[options] CHANNEL... DATA')
    .argument('<channels-and-data...>', 'channels, and then DATA: JSON, or - to read it from stdin')
    .option('--text', 'DATA is no JSON but a plain string')
    .option('--lines', 'with -: each line of stdin is a publication of its own')
    .option('--event <name>', 'the name of the event')
    .option('--tag <name=value>', 'goes along with the publication; may be repeated', addTag)
    .option('--skip-history', 'send it, but do not keep it')
    .option('--idempotency-key <key>', 'publish only once, however often it is called with it');
  withApi(command).action((operands: readonly string[], options: PublishOptions) =>
    publish(operands, options, shell),
  );
}

function addTag(text: string, tags: Tags = {}): Tags {
  const at = text.indexOf('=');
  if (at < 1) throw misused('--tag is written NAME=VALUE');
  return { ...tags, [text.slice(0, at)]: text.slice(at + 1) };
}

async function publish(
  operands: readonly string[],
  options: PublishOptions,
  shell: Shell,
): Promise<void> {
  const channels = operands.slice(0, -1);
  const given = operands.at(-1) ?? '';
  if (channels.length === 0) {
    throw misused('DATA is missing: sluice publish CHANNEL DATA, where DATA may be - for stdin');
  }
  if (options.lines === true && given !== '-')
    throw misused('--lines needs - in the place of DATA');
  const publication: Publication = { place: apiPlace(options), channels, options };
  if (options.lines === true) {
    await publishLines(publication, shell);
    return;
  }
  const text = given === '-' ? await wholeInput(shell.terminal) : given;
  report(await send(publication, dataOf(text, options)), publication, shell);
}

interface Publication {
  readonly place: ApiPlace;
  readonly channels: readonly string[];
  readonly options: PublishOptions;
}

/** JSON goes out as it was written. @throws {Fault} `usage` for what is none. */
function dataOf(text: string, { text: isText = false }: PublishOptions): string {
  if (isText) return JSON.stringify(text);
  try {
    JSON.parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    const wrong = "DATA is not JSON: a string needs double quotes within the shell's, or --text";
    throw new Fault('usage', wrong, { cause });
  }
  return text;
}

/** What became of it in one channel. */
type Outcome = Readonly<{ channel: string; result: Members; error: Members }>;

async function send(
  { place, channels, options }: Publication,
  data: string,
): Promise<readonly Outcome[]> {
  const { event, tag, skipHistory, idempotencyKey } = options;
  const fields = {
    event,
    tags: tag,
    skip_history: skipHistory,
    idempotency_key: idempotencyKey,
  };
  const [channel = '', ...others] = channels;
  if (others.length === 0) {
    const result = await call(place, 'publish', bodyOf({ channel, ...fields }, data));
    return [{ channel, result, error: new Map() }];
  }
  const answer = await call(place, 'broadcast', bodyOf({ channels, ...fields }, data));
  return listIn(answer, 'responses').map((response, index) => ({
    channel: channels[index] ?? '',
    result: membersIn(response, 'result'),
    error: membersIn(response, 'error'),
  }));
}

/** @throws {Fault} `refused` when a channel of several refused it. */
function report(
  outcomes: readonly Outcome[],
  { channels, options }: Publication,
  { terminal }: Shell,
): void {
  const refused = outcomes.filter(({ error }) => error.size > 0).length;
  if (options.json === true) {
    const values = outcomes.map(valueOf);
    terminal.print(jsonText(channels.length === 1 ? values[0] : values));
  } else {
    for (const outcome of outcomes) terminal.print(lineOf(outcome));
  }
  if (refused === 0) return;
  throw new Fault('refused', `${refused} of ${counted(outcomes.length, 'channel')} refused it`);
}

function valueOf({ channel, result, error }: Outcome): unknown {
  const refusal = error.size === 0 ? {} : { error: Object.fromEntries(error) };
  return { channel, ...Object.fromEntries(result), ...refusal };
}

function lineOf({ channel, result, error }: Outcome): string {
  const name = printable(channel);
  if (error.size > 0) return `refused by ${name}: ${printable(textIn(error, 'message'))}`;
  const position = {
    offset: numberIn(result, 'offset'),
    epoch: printable(textIn(result, 'epoch')),
  };
  return `published to ${name}${position.offset === 0 ? '' : ` at ${positionText(position)}`}`;
}

/** One after the other: they are published in the order of the lines. */
async function publishLines(publication: Publication, shell: Shell): Promise<void> {
  const { options } = publication;
  const { terminal } = shell;
  let published = 0;
  let number = 0;
  for await (const line of linesOfInput(terminal)) {
    number += 1;
    if (line.trim() === '') continue;
    try {
      const outcomes = await send(publication, dataOf(line, options));
      if (options.json === true || outcomes.length > 1) report(outcomes, publication, shell);
    } catch (error) {
      throw error instanceof Fault ? atLine(error, number, published) : error;
    }
    published += 1;
    terminal.progress(`${counted(published, 'line')} published`);
  }
  if (options.json !== true) terminal.print(`published ${counted(published, 'line')}`);
}

function atLine({ exit, message, cause }: Fault, number: number, published: number): Fault {
  const before = `${counted(published, 'line was', 'lines were')} published before`;
  return new Fault(exit, `line ${number}: ${message} (${before})`, { cause });
}
