/** Options that several commands have, and how their values are read. */
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { Position } from '../client/events.ts';
import type { Kind } from '../config/kinds.ts';
import { Fault } from './exits.ts';

/** Every command has it. */
export interface JsonOption {
  readonly json?: boolean;
}

export interface ConfigOption {
  /** The path of the file. */
  readonly config?: string;
}

export interface UrlOption extends ConfigOption {
  readonly url?: string;
}

export interface ApiOptions extends JsonOption, UrlOption {
  readonly apiKey?: string;
}

export function withJson(command: Command, what = 'prints one value of JSON'): Command {
  return command.option('--json', what);
}

export function withConfig(command: Command): Command {
  return command.option('--config <path>', 'the file (SLUICE_CONFIG); else ./sluice.yaml');
}

export function withUrl(command: Command): Command {
  return withConfig(command).option(
    '--url <url>',
    'where the gateway is; else from the configuration, or http://localhost:8000',
  );
}

export function withApi(command: Command): Command {
  return withUrl(withJson(command)).option(
    '--api-key <key>',
    'key of the server API; else the first of api.keys (SLUICE_API_KEYS), which others cannot see',
  );
}

/** For what looks at the configuration of `serve`: it takes the same flags. */
export function withServeOptions(command: Command): Command {
  return command
    .usage('[options]    and those of sluice serve')
    .allowUnknownOption()
    .allowExcessArguments();
}

/** A parser that takes what the kind takes. */
export function reading<T>(kind: Kind<T>): (text: string) => T {
  return (text) => {
    const read = kind.read(kind.fromText(text));
    if (!read.ok) throw new InvalidArgumentError(read.wrong);
    return read.value;
  };
}

export function readJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new InvalidArgumentError('It is not JSON.');
  }
}

export function readList(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** `12:Xa9`, or `12` for any life of the stream. */
export function readPosition(text: string): Position {
  const [, offset, epoch = ''] = /^(\d{1,15})(?::(\S+))?$/.exec(text) ?? [];
  if (offset === undefined) throw new InvalidArgumentError('Write OFFSET:EPOCH, or OFFSET alone.');
  return { offset: Number(offset), epoch };
}

export function positionText({ offset, epoch }: Position): string {
  return epoch === '' ? String(offset) : `${offset}:${epoch}`;
}

/** For what only shows when all options are known. */
export function misused(message: string): Fault {
  return new Fault('usage', message);
}
